//! What federated objects are charged, noted whenever one is stored, and whose turn comes when something is given back.
//! No requests, no decisions.

use std::collections::BTreeSet;

use navarch_crds::names::ClusterName;
use navarch_crds::quota::Charge;
use navarch_scheduler::quota::need as needs;
use navarch_scheduler::unit;
use serde_json::Value;

use super::context::Context;
use super::quotas::Charged;
use super::stores::{FederatedEntry, TypeConfig};
use crate::copies::charge::{self, charge_of, grows};
use crate::federated::Federated;
use crate::pointer;
use crate::runtime::key::Key;
use crate::runtime::queue::Priority;

/// What quotas know an object by.
pub(crate) fn charged(config: &TypeConfig, template: &Value) -> Charged {
    let kind = unit::resource(config.spec());
    Charged {
        group: config.kind.group.clone(),
        kind: config.kind.kind.clone(),
        labels: pointer::texts(template, "labels"),
        priority_class: needs::priority_class(&kind, template).to_owned(),
        priority: needs::priority(&kind, template),
    }
}

/// What an object uses where it is placed, and the clusters for which that cannot be told.
pub(crate) fn need(
    ctx: &Context,
    config: &TypeConfig,
    federated: &Federated,
) -> (Charge, BTreeSet<ClusterName>) {
    let nodes = |cluster: &ClusterName| ctx.place(cluster, None).nodes;
    let (need, unclear) = charge_of(federated, config.spec(), nodes);
    (need, unclear.into_keys().collect())
}

/// Takes over what a federated object is charged, as it is stored now; one that is gone is charged nothing.
pub(crate) fn note_charge(ctx: &Context, key: &Key) {
    if ctx.quotas.in_use() {
        {
            let _one_at_a_time = ctx.quotas.noting();
            match ctx.federated.get(key) {
                Some(entry) => note_stored(ctx, key, &entry),
                None => ctx.quotas.forget(key),
            }
        }
        ctx.wake_line();
    }
}

/// One that was placed before there was a quota for it counts with what it is placed for.
fn note_stored(ctx: &Context, key: &Key, entry: &FederatedEntry) {
    let config = entry.type_config.as_deref();
    let Some(config) = config.and_then(|name| ctx.type_configs.get(name)) else {
        return;
    };
    let Ok(read) = ctx.recent.read(&entry.object) else {
        return;
    };
    let federated = &read.federated;
    let object = charged(&config, &federated.spec.template);
    let written = charge::of(federated);
    let (charge, releasing) = if ctx.quotas.is_charged(key, &object) {
        let (need, _) = need(ctx, &config, federated);
        let charge = written.unwrap_or_else(|| need.clone());
        let releasing = grows(&need, &charge);
        (charge, releasing)
    } else {
        (written.unwrap_or_default(), false)
    };
    ctx.quotas.stored(key, object, &charge, releasing);
}

/// What was admitted for an object stands on it now, or does not come; `in_doubt`: unless nobody knows.
pub(crate) fn end_admission(ctx: &Context, key: &Key, in_doubt: bool) {
    // The watch may have brought the answer first and not have noted it yet: what was admitted must not come free before.
    if ctx.quotas.is_reserved(key) {
        note_charge(ctx, key);
    }
    ctx.quotas.end_look(key, in_doubt);
    ctx.wake_line();
}

impl Context {
    /// Asks for a look at those whose turn may have come.
    pub(crate) fn wake_line(&self) {
        for key in self.quotas.take_woken() {
            self.propagate.push(key, Priority::Live);
        }
        self.quota_news.notify_one();
    }

    /// A member was seen to run something else than before: an object that gives something back is looked at.
    pub(crate) fn charge_may_shrink(&self, key: &Key) {
        if self.quotas.is_releasing(key) {
            self.propagate.push(key.clone(), Priority::Live);
        }
    }
}
