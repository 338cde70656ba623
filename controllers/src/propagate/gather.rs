//! What a decision about one object rests on, read from the stores: policy, profile, override policies.
//! No requests. A thing that is missing or unreadable is a value with a reason, never a reason to
//! withdraw.

use std::collections::BTreeMap;
use std::sync::Arc;

use navarch_crds::keys::label;
use navarch_crds::v1alpha1::{
    GenericOverridePolicySpec, PropagationPolicySpec, SchedulingProfileSpec,
};
use navarch_scheduler::policy::CheckedPolicy;
use serde_json::Value;

use super::policy_name::policy_name;
use crate::host::context::Context;
use crate::runtime::compact::text;
use crate::runtime::key::Key;
use crate::webhook::desk::Rules;

/// A policy as named by labels.
pub(crate) enum Policy {
    /// No label names one.
    NotAsked,
    /// It is there and can be used.
    Found(Box<FoundPolicy>),
    /// It is named and cannot be used.
    Broken {
        reason: &'static str,
        message: String,
    },
}

/// A policy that can be used, with its profile.
pub(crate) struct FoundPolicy {
    /// Without its namespace: so it stands in the trigger document, as KubeAdmiral writes it
    /// (`pkg/controllers/scheduler/schedulingtriggers.go`). Another text would schedule everything anew at a take-over.
    pub(crate) name: String,
    pub(crate) policy: CheckedPolicy,
    pub(crate) rules: Rules,
}

/// Finds the policy of an object with these labels.
pub(crate) fn policy(ctx: &Context, key: &Key, labels: &BTreeMap<String, String>) -> Policy {
    let Some(named) = policy_name(key.namespace().unwrap_or_default(), labels) else {
        return Policy::NotAsked;
    };
    let (kind, shown) = (named.kind, named.shown());
    let store = if named.namespace.is_empty() {
        &ctx.cluster_policies
    } else {
        &ctx.policies
    };
    let Some(found) = store.get(named.namespace, named.name) else {
        return Policy::Broken {
            reason: "PolicyNotFound",
            message: format!("{kind} {shown} does not exist: create it or correct the label"),
        };
    };
    match check(ctx, named.name, &found) {
        Ok(found) => Policy::Found(Box::new(found)),
        Err((reason, message)) => Policy::Broken {
            reason,
            message: format!("{kind} {shown}: {message}"),
        },
    }
}

fn check(ctx: &Context, name: &str, object: &Value) -> Result<FoundPolicy, (&'static str, String)> {
    let spec = object.get("spec").cloned().unwrap_or_default();
    let spec: PropagationPolicySpec =
        serde_json::from_value(spec).map_err(|error| ("PolicyInvalid", error.to_string()))?;
    let policy =
        CheckedPolicy::check(&spec).map_err(|error| ("PolicyInvalid", error.to_string()))?;
    let profile_spec = match policy.profile.as_deref().filter(|name| !name.is_empty()) {
        None => None,
        Some(name) => {
            let object = ctx.profiles.get("", name).ok_or_else(|| {
                (
                    "ProfileNotFound",
                    format!("SchedulingProfile {name} does not exist: create it"),
                )
            })?;
            let spec = object.get("spec").cloned().unwrap_or_default();
            let spec: SchedulingProfileSpec = serde_json::from_value(spec).map_err(|error| {
                (
                    "ProfileInvalid",
                    format!("SchedulingProfile {name}: {error}"),
                )
            })?;
            Some(spec)
        }
    };
    let rules = ctx
        .webhooks
        .rules(profile_spec.as_ref(), ctx.features)
        .map_err(|error| ("ProfileInvalid", error.to_string()))?;
    Ok(FoundPolicy {
        name: name.to_owned(),
        policy,
        rules,
    })
}

/// An override policy that can be used.
pub(crate) struct FoundOverride {
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    pub(crate) spec: GenericOverridePolicySpec,
}

/// The override policies of an object, the cluster one first (KubeAdmiral `override/util.go`).
pub(crate) fn overrides(
    ctx: &Context,
    key: &Key,
    labels: &BTreeMap<String, String>,
) -> Result<Vec<FoundOverride>, (&'static str, String)> {
    let named = |key: &str| labels.get(key).filter(|name| !name.is_empty());
    let mut found = Vec::new();
    let mut take = |kind: &'static str, name: &str, object: Option<Arc<Value>>| {
        let object = object.ok_or_else(|| {
            (
                "OverridePolicyNotFound",
                format!("{kind} {name} does not exist: create it or correct the label"),
            )
        })?;
        let spec = object.get("spec").cloned().unwrap_or_default();
        let spec = serde_json::from_value(spec)
            .map_err(|error| ("OverridePolicyInvalid", format!("{kind} {name}: {error}")))?;
        let name = text(&object, "/metadata/name")
            .unwrap_or_default()
            .to_owned();
        found.push(FoundOverride { kind, name, spec });
        Ok(())
    };
    if let Some(name) = named(label::CLUSTER_OVERRIDE_POLICY) {
        take(
            "ClusterOverridePolicy",
            name,
            ctx.cluster_overrides.get("", name),
        )?;
    }
    if let (Some(namespace), Some(name)) = (key.namespace(), named(label::OVERRIDE_POLICY)) {
        take("OverridePolicy", name, ctx.overrides.get(namespace, name))?;
    }
    Ok(found)
}
