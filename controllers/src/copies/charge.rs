//! What the copies of a federated object use of their clusters, as quotas count it: worked out on the copies as they are
//! rendered, so that nothing is missed because of where it is written. Pure.

use std::collections::{BTreeMap, BTreeSet};

use navarch_crds::keys::navarch;
use navarch_crds::names::ClusterName;
use navarch_crds::quota::{Charge, ClusterCharge};
use navarch_crds::v1alpha1::FederatedTypeConfigSpec;
use navarch_scheduler::quota::need::{self, NeedError};
use navarch_scheduler::unit;
use serde_json::Value;

use super::render::{RenderError, compute};
use crate::federated::Federated;

/// What a copy uses cannot be told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChargeError {
    /// The copy cannot be computed.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// It asks for something that cannot be read.
    #[error(transparent)]
    Need(#[from] NeedError),
}

/// What the object uses where it is placed, and the clusters for which that cannot be told: nothing is sent there either.
pub(crate) fn charge_of(
    federated: &Federated,
    config: &FederatedTypeConfigSpec,
    nodes: impl Fn(&ClusterName) -> i64,
) -> (Charge, BTreeMap<ClusterName, ChargeError>) {
    let kind = unit::resource(config);
    let placed: BTreeSet<&str> = federated.spec.placed_clusters().into_iter().collect();
    let mut charge = Charge {
        once: need::of_object(
            &kind,
            &config.source_type.plural_name,
            &federated.spec.template,
        ),
        clusters: BTreeMap::new(),
    };
    if placed.is_empty() {
        // Nobody runs it, so nobody pays for it.
        charge.once.clear();
    }
    let mut unclear = BTreeMap::new();
    for cluster in placed
        .into_iter()
        .filter_map(|name| ClusterName::new(name).ok())
    {
        let copy = compute(federated, config, &cluster).map_err(ChargeError::from);
        let used = copy.and_then(|copy| Ok(use_of(config, &copy, nodes(&cluster))?));
        match used {
            Ok(used) => {
                charge.clusters.insert(cluster, used);
            }
            Err(error) => {
                unclear.insert(cluster, error);
            }
        }
    }
    (charge, unclear)
}

/// What one copy uses.
pub(crate) fn use_of(
    config: &FederatedTypeConfigSpec,
    copy: &Value,
    nodes: i64,
) -> Result<ClusterCharge, NeedError> {
    let path = config.path_definition.replicas_spec.as_str();
    need::of_copy(&unit::resource(config), copy, path, nodes)
}

/// What a federated object is charged; `None`: nothing was ever written.
pub(crate) fn written(annotation: Option<&str>) -> Option<Charge> {
    serde_json::from_str(annotation?).ok()
}

/// The same as it is written.
pub(crate) fn text(charge: &Charge) -> String {
    // Maps of names and numbers always have a text.
    serde_json::to_string(charge).unwrap_or_default()
}

/// What a federated object is charged, as it stands on it.
pub(crate) fn of(federated: &Federated) -> Option<Charge> {
    written(federated.annotation(navarch::CHARGE))
}

/// All that a copy may use, by resource.
pub(crate) fn amounts(charge: &ClusterCharge) -> BTreeMap<String, i64> {
    let mut amounts = charge.fixed.clone();
    for (resource, each) in &charge.each {
        let place = amounts.entry(resource.clone()).or_default();
        *place = place.saturating_add(each.saturating_mul(charge.replicas));
    }
    amounts.retain(|_, amount| *amount != 0);
    amounts
}

/// Whether `used` is within what is charged.
pub(crate) fn covers(charged: Option<&ClusterCharge>, used: &ClusterCharge) -> bool {
    let charged = charged.map(amounts).unwrap_or_default();
    amounts(used)
        .iter()
        .all(|(resource, amount)| *amount <= charged.get(resource).copied().unwrap_or_default())
}

/// As much as both could need while one takes the place of the other pod by pod. Pods of both are there at once then: of the
/// many small ones that are to come some may run beside the few large ones that are to go, which is more than either.
pub(crate) fn join(one: Option<&ClusterCharge>, other: Option<&ClusterCharge>) -> ClusterCharge {
    match (one, other) {
        (None, None) => ClusterCharge::default(),
        (Some(charge), None) | (None, Some(charge)) => charge.clone(),
        (Some(one), Some(other)) if covers(Some(one), other) => one.clone(),
        (Some(one), Some(other)) if amounts(one).is_empty() => other.clone(),
        (Some(one), Some(other)) => ClusterCharge {
            replicas: one.replicas.max(other.replicas),
            each: larger(&one.each, &other.each),
            fixed: larger(&one.fixed, &other.fixed),
        },
    }
}

fn larger(one: &BTreeMap<String, i64>, other: &BTreeMap<String, i64>) -> BTreeMap<String, i64> {
    let mut larger = one.clone();
    for (resource, amount) in other {
        let place = larger.entry(resource.clone()).or_default();
        *place = (*place).max(*amount);
    }
    larger
}

/// Whether the second charge asks for more than the first in anything.
pub(crate) fn grows(from: &Charge, to: &Charge) -> bool {
    let once = to
        .once
        .iter()
        .any(|(resource, amount)| *amount > from.once.get(resource).copied().unwrap_or_default());
    once || to
        .clusters
        .iter()
        .any(|(cluster, used)| !covers(from.clusters.get(cluster), used))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn charge(replicas: i64, milli: i64) -> ClusterCharge {
        ClusterCharge {
            replicas,
            each: BTreeMap::from([("requests.cpu".to_owned(), milli), ("pods".to_owned(), 1)]),
            fixed: BTreeMap::new(),
        }
    }

    #[test]
    fn a_charge_covers_what_is_not_more_in_anything() {
        assert!(covers(Some(&charge(3, 100)), &charge(2, 150)));
        assert!(!covers(Some(&charge(3, 100)), &charge(4, 50)), "more pods");
        assert!(
            !covers(Some(&charge(3, 100)), &charge(2, 151)),
            "more of each"
        );
        assert!(!covers(None, &charge(1, 0)));
        assert!(covers(None, &charge(0, 100)));
    }

    #[test]
    fn joined_charges_cover_both() {
        let (many, large) = (charge(4, 100), charge(2, 300));
        let both = join(Some(&many), Some(&large));
        assert!(covers(Some(&both), &many) && covers(Some(&both), &large));
        // Two large ones that have yet to go, and two of the small ones that come; a third change may come meanwhile.
        assert!(amounts(&both)["requests.cpu"] >= 2 * 300 + 2 * 100);
        assert_eq!(both, charge(4, 300));
        assert_eq!(join(Some(&large), Some(&charge(2, 400))), charge(2, 400));
        assert_eq!(
            join(Some(&charge(4, 300)), Some(&many)),
            charge(4, 300),
            "the form is kept"
        );
    }

    #[test]
    fn growth_is_more_of_anything_anywhere() {
        let at = |cluster: &str, used| Charge {
            once: BTreeMap::from([("count/deployments.apps".to_owned(), 1)]),
            clusters: BTreeMap::from([(ClusterName::new(cluster).unwrap(), used)]),
        };
        assert!(
            grows(&Charge::default(), &at("a", charge(0, 1))),
            "one more object"
        );
        assert!(!grows(&at("a", charge(2, 1)), &at("a", charge(1, 1))));
        assert!(
            grows(&at("a", charge(2, 1)), &at("b", charge(1, 1))),
            "elsewhere"
        );
    }

    #[test]
    fn what_is_written_is_read() {
        let one = Charge {
            once: BTreeMap::new(),
            clusters: BTreeMap::from([(ClusterName::new("a").unwrap(), charge(2, 100))]),
        };
        assert_eq!(written(Some(&text(&one))), Some(one));
        assert_eq!(written(Some("{}")), Some(Charge::default()));
        assert_eq!(written(None), None);
        assert_eq!(written(Some(&json!("x").to_string())), None);
    }
}
