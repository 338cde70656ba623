//! Watches the webhook configurations, and wakes what is decided by a profile or by a webhook when that changes.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use navarch_crds::v1alpha1::SchedulingProfileSpec;
use serde_json::Value;

use super::watch::wake_those;
use crate::fleet::listing::Listing;
use crate::fleet::watch::{Seen, follow};
use crate::host::context::Context;
use crate::host::take::core_kind;
use crate::runtime::compact::text;
use crate::runtime::events::reference;
use crate::runtime::locked;
use crate::runtime::ready::Waiting;

/// Reasons of events about configurations, KubeAdmiral's (`pkg/controllers/scheduler/constants.go`).
const REGISTERED: &str = "WebhookRegistered";
const REFUSED: &str = "WebhookConfigurationError";

/// Starts the watch.
pub(super) fn start(ctx: &Arc<Context>) {
    let listed = ctx
        .readiness
        .wait_for("schedulerpluginwebhookconfigurations");
    ctx.tasks
        .spawn(follow_configurations(Arc::clone(ctx), listed));
}

async fn follow_configurations(ctx: Arc<Context>, listed: Waiting) {
    let mut listed = Some(listed);
    let kind = core_kind(
        "SchedulerPluginWebhookConfiguration",
        "schedulerpluginwebhookconfigurations",
        false,
    );
    // Name → spec, so that a list that comes again changes nothing.
    let known: Mutex<std::collections::BTreeMap<String, Value>> = Mutex::default();
    let mut listing = Listing::default();
    let shutdown = ctx.tasks.shutdown().clone();
    let client = ctx.host_clients.watches.clone();
    let gone = |name: &str| {
        if locked(&known).remove(name).is_some() {
            ctx.webhooks.remove(name);
            ctx.metrics.forget_webhook(name);
            wake_users_of_webhook(&ctx, name);
        }
    };
    follow(client, &kind, None, &shutdown, |seen| match seen {
        Seen::Start => listing.start(),
        Seen::Present(object) | Seen::Changed(object) => {
            let Some(name) = text(&object, "/metadata/name").map(str::to_owned) else {
                return;
            };
            listing.show(name.clone());
            let spec = object.get("spec").cloned().unwrap_or_default();
            let before = locked(&known).insert(name.clone(), spec.clone());
            if before.is_none_or(|before| before != spec) {
                put(&ctx, &name, &object, spec);
                if listed.is_none() {
                    wake_users_of_webhook(&ctx, &name);
                }
            }
        }
        Seen::Deleted(object) => gone(text(&object, "/metadata/name").unwrap_or_default()),
        Seen::Listed => {
            ctx.troubles.watch_works(&kind.plural);
            let names: Vec<String> = locked(&known).keys().cloned().collect();
            listing.gone(names).iter().for_each(|name| gone(name));
            drop(listed.take());
        }
        Seen::Failed {
            message,
            silent,
            not_served,
        } => {
            ctx.troubles.watch_failed(&kind.plural, &message, silent);
            if not_served {
                // Nobody can have configured one.
                drop(listed.take());
            }
        }
    })
    .await;
}

/// Takes a configuration over and says on it whether it can be used.
fn put(ctx: &Context, name: &str, object: &Value, spec: Value) {
    let spec = serde_json::from_value(spec).map_err(|error| error.to_string());
    let about = reference(object);
    match ctx.webhooks.put(name, &spec) {
        Ok(()) => {
            ctx.events.settle(&about, REFUSED, "");
            ctx.events.tell(
                &about,
                REGISTERED,
                &format!("webhook plugin {name} is registered"),
            );
        }
        Err(error) => {
            let note = format!(
                "{error}; until then every decision that asks this webhook fails and what is placed stays"
            );
            ctx.events.warn(&about, REFUSED, "", &note);
            tracing::warn!(webhook = name, %error, "the webhook configuration cannot be used");
        }
    }
}

/// Asks for a look at every object whose policy names a profile that enables the webhook.
fn wake_users_of_webhook(ctx: &Context, webhook: &str) {
    let enables = |profile: &Value| {
        let spec = profile.get("spec").cloned().unwrap_or_default();
        serde_json::from_value::<SchedulingProfileSpec>(spec)
            .is_ok_and(|spec| ctx.webhooks.is_asked_by(webhook, &spec))
    };
    let profiles: HashSet<String> = ctx
        .profiles
        .names(enables)
        .into_iter()
        .map(|(_, name)| name)
        .collect();
    if !profiles.is_empty() {
        wake_users_of_profiles(ctx, |profile| profiles.contains(profile));
    }
}

/// Asks for a look at every object whose policy names one of these profiles.
pub(super) fn wake_users_of_profiles(ctx: &Context, wanted: impl Fn(&str) -> bool) {
    let names = |policy: &Value| text(policy, "/spec/schedulingProfile").is_some_and(&wanted);
    let policies: HashSet<(String, String)> = ctx.policies.names(names).into_iter().collect();
    let everywhere: HashSet<String> = ctx
        .cluster_policies
        .names(names)
        .into_iter()
        .map(|(_, name)| name)
        .collect();
    if policies.is_empty() && everywhere.is_empty() {
        return;
    }
    wake_those(ctx, |key, named| match (key.namespace(), named) {
        (Some(namespace), [Some(policy), ..]) => {
            policies.contains(&(namespace.to_owned(), policy.to_string()))
        }
        (_, [_, Some(policy), ..]) => everywhere.contains(&**policy),
        _ => false,
    });
}
