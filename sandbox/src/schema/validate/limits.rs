//! Validation of kinds that limit others, and of small kinds: priority classes, network policies, leases, limit ranges,
//! quotas, replication controllers.

use super::errors::{Errors, child};
use super::pod::port_range;
use super::{text, workload};
use crate::schema::quantity;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value
        .get(name)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// A `PriorityClass`.
pub(super) fn priority_class(object: &Value, errors: &mut Errors) {
    let name = object
        .pointer("/metadata/name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let known = ["system-cluster-critical", "system-node-critical"];
    if name.starts_with("system-") && !known.contains(&name) {
        errors.forbidden(
            "metadata.name",
            &format!("priority class names with 'system-' prefix are reserved for system use only. error: {name} is not a known system priority class"),
        );
    }
}

/// A `Lease`.
pub(super) fn lease(spec: &Value, errors: &mut Errors) {
    let number = |name: &str| spec.get(name).and_then(Value::as_i64);
    if let Some(seconds) = number("leaseDurationSeconds").filter(|n| *n <= 0) {
        let field = "spec.leaseDurationSeconds";
        errors.invalid(field, &json!(seconds), "must be greater than 0");
    }
    errors.not_negative("spec.leaseTransitions", spec.get("leaseTransitions"));
}

/// A `NetworkPolicy`.
pub(super) fn network_policy(spec: &Value, errors: &mut Errors) {
    if let Some(selector) = spec.get("podSelector") {
        workload::label_selector(selector, "spec.podSelector", errors);
    }
    for (rules, peers) in [("ingress", "from"), ("egress", "to")] {
        for (index, rule) in list(spec, rules).iter().enumerate() {
            let at = format!("spec.{rules}[{index}]");
            for (index, port) in list(rule, "ports").iter().enumerate() {
                if let Some(number @ Value::Number(_)) = port.get("port") {
                    port_range(number, &format!("{at}.ports[{index}].port"), errors);
                }
            }
            for (index, peer) in list(rule, peers).iter().enumerate() {
                let at = format!("{at}.{peers}[{index}].ipBlock.cidr");
                let Some(block) = peer.get("ipBlock") else {
                    continue;
                };
                let cidr = text(block, "cidr");
                if !is_cidr(cidr) {
                    let why = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
                    errors.invalid(&at, &json!(cidr), why);
                }
            }
        }
    }
}

fn is_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else {
        return false;
    };
    let most = match address.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(_)) => 32,
        Ok(std::net::IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    bits.parse::<u8>().is_ok_and(|bits| bits <= most)
}

/// A `LimitRange`.
pub(super) fn limit_range(spec: &Value, errors: &mut Errors) {
    let mut kinds = BTreeSet::new();
    for (index, limit) in list(spec, "limits").iter().enumerate() {
        let at = format!("spec.limits[{index}]");
        let kind = text(limit, "type");
        if !kinds.insert(kind) {
            errors.duplicate(&child(&at, "type"), &json!(kind));
            continue;
        }
        let of = |part: &str| limit.get(part).and_then(Value::as_object);
        let parts = ["max", "min", "default", "defaultRequest"];
        let resources: BTreeSet<&String> = parts
            .iter()
            .filter_map(|p| of(p))
            .flat_map(Map::keys)
            .collect();
        for resource in resources {
            let amount = |part: &str| of(part)?.get(resource)?.as_str().map(str::to_owned);
            // What is greater, what it is greater than, and whose field it is.
            let rules = [
                ("min", "max", "min", "min value", "max value"),
                (
                    "min",
                    "defaultRequest",
                    "defaultRequest",
                    "min value",
                    "default request value",
                ),
                (
                    "defaultRequest",
                    "max",
                    "defaultRequest",
                    "default request value",
                    "max value",
                ),
                (
                    "defaultRequest",
                    "default",
                    "defaultRequest",
                    "default request value",
                    "default limit value",
                ),
                ("min", "default", "default", "min value", "default value"),
                ("default", "max", "default", "default value", "max value"),
            ];
            for (less, more, blamed, less_word, more_word) in rules {
                let (Some(less), Some(more)) = (amount(less), amount(more)) else {
                    continue;
                };
                if quantity::nanos(&less) <= quantity::nanos(&more) {
                    continue;
                }
                let value = match (blamed, less_word) {
                    ("default", "min value") => less.clone(),
                    ("default", _) | ("min", _) => less.clone(),
                    (_, "min value") => more.clone(),
                    _ => less.clone(),
                };
                let why = format!("{less_word} {less} is greater than {more_word} {more}");
                errors.invalid(&format!("{at}.{blamed}[{resource}]"), &json!(value), &why);
            }
        }
    }
}

/// A `ResourceQuota`.
pub(super) fn quota(spec: &Value, errors: &mut Errors) {
    for (resource, amount) in spec
        .get("hard")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let amount = amount.as_str().unwrap_or_default();
        if quantity::nanos(amount).is_some_and(|n| n < 0) {
            let field = format!("spec.hard[{resource}]");
            errors.invalid(&field, &json!(amount), "must be greater than or equal to 0");
        }
    }
    let known = [
        "BestEffort",
        "CrossNamespacePodAffinity",
        "NotBestEffort",
        "NotTerminating",
        "PriorityClass",
        "Terminating",
        "VolumeAttributesClass",
    ];
    let scopes = list(spec, "scopes");
    if scopes
        .iter()
        .any(|s| !known.contains(&s.as_str().unwrap_or_default()))
    {
        errors.invalid("spec.scopes", &json!(scopes), "unsupported scope");
    }
}

/// A `ReplicationController`; a change is looked at twice.
pub(super) fn replication_controller(object: &Value, changed: bool, errors: &mut Errors) {
    let spec = object.get("spec").unwrap_or(&Value::Null);
    for _ in 0..=usize::from(changed) {
        errors.not_negative("spec.replicas", spec.get("replicas"));
        let selector = json!({"matchLabels": spec.get("selector")});
        let none = json!({});
        let labels = spec.pointer("/template/metadata/labels").unwrap_or(&none);
        if spec.get("template").is_some() && !workload::matches(&selector, labels) {
            let why = "`selector` does not match template `labels`";
            errors.invalid("spec.template.metadata.labels", labels, why);
        }
    }
}

/// The status of what keeps replicas: nothing negative, and no part larger than the whole.
pub(super) fn replicas(object: &Value, errors: &mut Errors) {
    let Some(status) = object.get("status") else {
        return;
    };
    let number = |name: &str| status.get(name).and_then(Value::as_i64).unwrap_or(0);
    let parts = ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"];
    for name in ["replicas"]
        .iter()
        .chain(&parts)
        .chain(&["observedGeneration"])
    {
        errors.not_negative(&format!("status.{name}"), status.get(*name));
    }
    for name in parts {
        if number(name) > number("replicas") {
            let why = "cannot be greater than status.replicas";
            errors.invalid(&format!("status.{name}"), &json!(number(name)), why);
        }
    }
}
