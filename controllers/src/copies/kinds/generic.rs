//! Custom resources: numbers at the paths of the type config are summed, and a condition holds when
//! it holds in every copy. Nothing is said where copies report neither.

use super::Figures as Kept;
use crate::copies::aggregate::{Inputs, named, set};
use crate::copies::conditions::{self, Condition, Truth, Written};
use crate::pointer;
use navarch_crds::names::ClusterName;
use navarch_crds::v1alpha1::FederatedTypeConfigSpec;
use serde_json::Value;
use std::collections::BTreeMap;

/// What is kept of a copy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Replicas, available and ready ones, where the type config has a path.
    numbers: [Option<i64>; 3],
    /// By type.
    conditions: BTreeMap<String, Condition>,
}

/// Most conditions that are kept of one copy.
const MOST: usize = 16;

fn paths(type_config: &FederatedTypeConfigSpec) -> [&str; 3] {
    let paths = &type_config.path_definition;
    [
        &paths.replicas_status,
        &paths.available_replicas_status,
        &paths.ready_replicas_status,
    ]
}

pub(super) fn observe(type_config: &FederatedTypeConfigSpec, object: &Value) -> Kept {
    let numbers =
        paths(type_config).map(|path| pointer::at_dots(object, path).and_then(Value::as_i64));
    let conditions = pointer::list(object, &["status", "conditions"])
        .iter()
        .take(MOST)
        .map(|condition| {
            let condition_type = pointer::text(condition, &["type"]).to_owned();
            (condition_type, conditions::from(condition))
        })
        .filter(|(condition_type, _)| !condition_type.is_empty())
        .collect();
    Kept::Generic(Box::new(Figures {
        numbers,
        conditions,
    }))
}

pub(super) fn aggregate(inputs: Inputs<'_>) -> Option<Value> {
    let copies: Vec<(&ClusterName, &Figures)> = inputs
        .seen()
        .filter_map(|(cluster, observed)| match &observed.figures {
            Kept::Generic(figures) => Some((cluster, &**figures)),
            _ => None,
        })
        .collect();
    let mut status = inputs.old_status();
    let mut said = false;
    for (index, path) in paths(inputs.type_config).into_iter().enumerate() {
        let numbers: Vec<i64> = copies
            .iter()
            .filter_map(|(_, copy)| copy.numbers.get(index).copied().flatten())
            .collect();
        // A path outside of the status is not the status' business.
        let steps: Vec<&str> = path.split('.').collect();
        let Some((last, parents)) = steps.split_last() else {
            continue;
        };
        let (Some(&"status"), false) = (parents.first(), numbers.is_empty()) else {
            continue;
        };
        let mut whole = Value::from(std::mem::take(&mut status));
        let inner = parents.get(1..).unwrap_or_default();
        pointer::map_mut(&mut whole, inner)
            .insert((*last).to_owned(), numbers.iter().sum::<i64>().into());
        status = whole.as_object().cloned().unwrap_or_default();
        said = true;
    }
    for condition_type in types(&copies) {
        said = true;
        put(&mut status, inputs, &copies, condition_type);
    }
    let reports_generation = inputs
        .seen()
        .any(|(_, observed)| observed.observed_generation.is_some());
    if reports_generation {
        said = true;
        set(
            &mut status,
            "observedGeneration",
            inputs.observed_generation(),
        );
    }
    said.then(|| status.into())
}

fn types<'a>(copies: &[(&ClusterName, &'a Figures)]) -> Vec<&'a str> {
    let mut types: Vec<&str> = copies
        .iter()
        .flat_map(|(_, copy)| copy.conditions.keys())
        .map(String::as_str)
        .collect();
    types.sort_unstable();
    types.dedup();
    types
}

fn put(
    status: &mut serde_json::Map<String, Value>,
    inputs: Inputs<'_>,
    copies: &[(&ClusterName, &Figures)],
    condition_type: &str,
) {
    let truth_of = |copy: &Figures| {
        let condition = copy.conditions.get(condition_type);
        condition.map_or(Truth::Unknown, |condition| condition.status)
    };
    let of = |truth: Truth| {
        let chosen = copies
            .iter()
            .filter(move |(_, copy)| truth_of(copy) == truth);
        chosen.map(|(cluster, _)| *cluster).collect::<Vec<_>>()
    };
    let (no, unknown) = (of(Truth::False), of(Truth::Unknown));
    let (truth, reason, message) = if !no.is_empty() {
        (
            Truth::False,
            "FalseInCluster",
            format!("False in {}.", named(no)),
        )
    } else if !unknown.is_empty() || !inputs.all_seen() {
        let message = "Not known in every cluster.".to_owned();
        (Truth::Unknown, "UnknownInCluster", message)
    } else {
        (
            Truth::True,
            "TrueInEveryCluster",
            "True in every cluster.".to_owned(),
        )
    };
    let time = conditions::latest(copies.iter().filter_map(|(_, copy)| {
        let condition = copy.conditions.get(condition_type)?;
        Some(condition.transition.as_str())
    }));
    conditions::put(
        status,
        &Written {
            condition_type,
            status: truth,
            reason,
            message,
            time,
            other_time: None,
        },
    );
}
