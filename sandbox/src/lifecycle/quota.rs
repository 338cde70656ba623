//! ResourceQuotas: a new object that would exceed one is refused, and the status of each says what is used
//! (kubernetes.io "Resource Quotas"). Quotas with scopes are counted and enforced for nothing.

use super::MANAGER;
use crate::cluster::admission::{Admission, Operation, Review};
use crate::cluster::{Cluster, ListOptions, WriteOptions};
use crate::object::{self, Gvr, Object};
use crate::schema::quantity;
use crate::status::Status;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Who writes when admission counts, as it stands in managed fields.
const ADMISSION: &str = "kube-apiserver";

/// Amounts by resource name, in nanos.
type Amounts = BTreeMap<String, i128>;

const ONE: i128 = 1_000_000_000;

fn quotas() -> Gvr {
    Gvr::new("", "v1", "resourcequotas")
}

/// The admission step. Counting and storing what was counted is one thing at a time.
#[derive(Debug, Default)]
pub(super) struct Quotas {
    counting: Mutex<()>,
}

impl Admission for Quotas {
    fn admit(&self, review: &mut Review<'_>) -> Result<(), Status> {
        let info = review.resource;
        if review.operation != Operation::Create
            || !info.namespaced
            || review.options.subresource.is_some()
            || info.kind == "Event"
        {
            return Ok(());
        }
        let namespace = object::namespace(review.object).unwrap_or_default();
        let all = review
            .cluster
            .list(&quotas(), namespace, &ListOptions::default())?;
        if all.items.is_empty() {
            return Ok(());
        }
        let asked = usage(&info.group, &info.plural, review.object);
        let _one_at_a_time = self.counting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counted = Vec::new();
        for quota in all.items.iter().filter(|q| applies(q)) {
            let hard = amounts(quota.pointer("/status/hard"));
            unstated(quota, &hard, review)?;
            let mut used = amounts(quota.pointer("/status/used"));
            let asked: Amounts = asked
                .iter()
                .filter(|(name, _)| hard.contains_key(*name))
                .map(|(name, amount)| (name.clone(), *amount))
                .collect();
            let over: Vec<&String> = asked
                .iter()
                .filter(|(name, amount)| {
                    used.get(*name).copied().unwrap_or(0) + **amount > hard[*name]
                })
                .map(|(name, _)| name)
                .collect();
            if !over.is_empty() {
                let list = |of: &Amounts| {
                    let terms = over.iter().map(|name| {
                        let amount = of.get(*name).copied().unwrap_or(0);
                        format!("{name}={}", text(name, amount))
                    });
                    terms.collect::<Vec<_>>().join(",")
                };
                return Err(review.forbidden(&format!(
                    "exceeded quota: {}, requested: {}, used: {}, limited: {}",
                    object::name(quota),
                    list(&asked),
                    list(&used),
                    list(&hard)
                )));
            }
            for (name, amount) in asked {
                *used.entry(name).or_insert(0) += amount;
            }
            counted.push((object::name(quota).to_owned(), used));
        }
        if !review.options.dry_run {
            for (name, used) in counted {
                write(review.cluster, namespace, &name, None, &used, ADMISSION);
            }
        }
        Ok(())
    }
}

/// Whether a quota is enforced here.
fn applies(quota: &Object) -> bool {
    quota.pointer("/spec/scopes").is_none() && quota.pointer("/spec/scopeSelector").is_none()
}

/// A pod has to say how much it wants of what is limited.
fn unstated(quota: &Object, hard: &Amounts, review: &Review<'_>) -> Result<(), Status> {
    if !review.is("", "Pod") {
        return Ok(());
    }
    let containers = review.object.pointer("/spec/containers");
    let mut missing = Vec::new();
    for (limited, path) in [
        ("cpu", "requests/cpu"),
        ("limits.cpu", "limits/cpu"),
        ("limits.memory", "limits/memory"),
        ("memory", "requests/memory"),
        ("requests.cpu", "requests/cpu"),
        ("requests.memory", "requests/memory"),
    ] {
        let silent: Vec<&str> = containers
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter(|c| c.pointer(&format!("/resources/{path}")).is_none())
            .filter_map(|c| c.get("name").and_then(Value::as_str))
            .collect();
        if hard.contains_key(limited) && !silent.is_empty() {
            missing.push(format!("{limited} for: {}", silent.join(",")));
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(review.forbidden(&format!(
        "failed quota: {}: must specify {}",
        object::name(quota),
        missing.join("; ")
    )))
}

/// Counts anew what the quotas of a namespace limit.
pub(super) fn recount(cluster: &Cluster, namespace: &str) {
    let Ok(all) = cluster.list(&quotas(), namespace, &ListOptions::default()) else {
        return;
    };
    for quota in all.items.iter().filter(|q| applies(q)) {
        let hard = amounts(quota.pointer("/spec/hard"));
        let mut used: Amounts = hard.keys().map(|name| (name.clone(), 0)).collect();
        let resources = cluster.registry().resources();
        for info in resources.iter().filter(|info| {
            info.namespaced
                && info.version == info.stored_as.version
                && info.group == info.stored_as.group
                && info.kind != "Event"
                && hard
                    .keys()
                    .any(|name| is_about(name, &info.group, &info.plural))
        }) {
            let Ok(listed) = cluster.list(&info.gvr(), namespace, &ListOptions::default()) else {
                continue;
            };
            for object in &listed.items {
                for (name, amount) in usage(&info.group, &info.plural, object) {
                    if let Some(sum) = used.get_mut(&name) {
                        *sum += amount;
                    }
                }
            }
        }
        let name = object::name(quota);
        write(cluster, namespace, name, Some(&hard), &used, MANAGER);
    }
}

/// Something changed or went: its namespace's quotas may count otherwise now.
pub(super) fn changed(cluster: &Cluster, gvr: &Gvr, gone: bool, object: &Object) {
    let quota = gvr.group.is_empty() && gvr.resource == "resourcequotas";
    let ended = gvr.resource == "pods"
        && matches!(
            object.pointer("/status/phase").and_then(Value::as_str),
            Some("Succeeded" | "Failed")
        );
    if let Some(namespace) = object::namespace(object)
        && (gone != quota || ended)
    {
        recount(cluster, namespace);
    }
}

/// Writes the status of a quota, unless it is that already.
fn write(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    hard: Option<&Amounts>,
    used: &Amounts,
    manager: &str,
) {
    let options = WriteOptions::by(manager).to("status");
    let written = cluster.mutate(&quotas(), namespace, name, &options, |quota| {
        let before = amounts(quota.pointer("/status/used"));
        let same_hard = hard.is_none_or(|h| *h == amounts(quota.pointer("/status/hard")));
        if before == *used && same_hard && quota.pointer("/status/used").is_some() {
            return Ok(());
        }
        let spelled = |amounts: &Amounts| -> Map<String, Value> {
            let terms = amounts.iter();
            terms
                .map(|(name, amount)| (name.clone(), text(name, *amount).into()))
                .collect()
        };
        if hard.is_some() {
            let hard = quota.pointer("/spec/hard").cloned().unwrap_or(json!({}));
            object::field_mut(quota, "status").insert("hard".to_owned(), hard);
        }
        object::field_mut(quota, "status").insert("used".to_owned(), spelled(used).into());
        Ok(())
    });
    if let Err(status) = written
        && status.code != 404
    {
        tracing::debug!(%namespace, %name, %status, "a quota was not counted");
    }
}

/// Whether a resource name of a quota counts objects of this resource.
fn is_about(name: &str, group: &str, plural: &str) -> bool {
    if let Some(counted) = name.strip_prefix("count/") {
        return counted == qualified(group, plural);
    }
    if !group.is_empty() {
        return false;
    }
    match plural {
        "pods" => {
            matches!(name, "pods" | "cpu" | "memory")
                || name.starts_with("limits.")
                || (name.starts_with("requests.") && name != "requests.storage")
        }
        "services" => name.starts_with("services"),
        "persistentvolumeclaims" => matches!(name, "persistentvolumeclaims" | "requests.storage"),
        _ => name == plural,
    }
}

fn qualified(group: &str, plural: &str) -> String {
    if group.is_empty() {
        plural.to_owned()
    } else {
        format!("{plural}.{group}")
    }
}

/// What one object uses, under all names quotas have for it.
fn usage(group: &str, plural: &str, object: &Value) -> Amounts {
    let mut used = Amounts::from([(format!("count/{}", qualified(group, plural)), ONE)]);
    if !group.is_empty() {
        return used;
    }
    match plural {
        "pods" => pod(object, &mut used),
        "services" => {
            used.insert("services".to_owned(), ONE);
            let kind = object.pointer("/spec/type").and_then(Value::as_str);
            let ports = object.pointer("/spec/ports").and_then(Value::as_array);
            let ports = ports.map_or(0, Vec::len);
            if matches!(kind, Some("NodePort" | "LoadBalancer")) {
                let ports = i128::try_from(ports).unwrap_or(0);
                used.insert("services.nodeports".to_owned(), ports * ONE);
            }
            if kind == Some("LoadBalancer") {
                used.insert("services.loadbalancers".to_owned(), ONE);
            }
        }
        "persistentvolumeclaims" => {
            used.insert(plural.to_owned(), ONE);
            let asked = object.pointer("/spec/resources/requests/storage");
            let asked = asked.and_then(Value::as_str).and_then(quantity::nanos);
            used.insert("requests.storage".to_owned(), asked.unwrap_or(0));
        }
        "configmaps" | "secrets" | "replicationcontrollers" | "resourcequotas" => {
            used.insert(plural.to_owned(), ONE);
        }
        _ => {}
    }
    used
}

/// A pod that has ended uses nothing but its place in `count/pods`.
fn pod(pod: &Value, used: &mut Amounts) {
    let phase = pod.pointer("/status/phase").and_then(Value::as_str);
    if matches!(phase, Some("Succeeded" | "Failed")) {
        return;
    }
    used.insert("pods".to_owned(), ONE);
    let containers = pod.pointer("/spec/containers").and_then(Value::as_array);
    for container in containers.into_iter().flatten() {
        for kind in ["requests", "limits"] {
            let stated = amounts(container.pointer(&format!("/resources/{kind}")));
            for (name, amount) in stated {
                if kind == "requests" && (name == "cpu" || name == "memory") {
                    *used.entry(name.clone()).or_insert(0) += amount;
                }
                *used.entry(format!("{kind}.{name}")).or_insert(0) += amount;
            }
        }
    }
}

fn amounts(map: Option<&Value>) -> Amounts {
    let fields = map.and_then(Value::as_object);
    let known = fields.into_iter().flatten().filter_map(|(name, value)| {
        let nanos = value.as_str().and_then(quantity::nanos)?;
        Some((name.clone(), nanos))
    });
    known.collect()
}

/// An amount as a server spells it: bytes with binary suffixes, everything else with decimal ones.
fn text(name: &str, nanos: i128) -> String {
    let bytes = nanos / ONE;
    let binary = (name.contains("memory") || name.contains("storage"))
        && bytes % 1_024 == 0
        && nanos % ONE == 0;
    let plain = if binary && bytes > 0 {
        format!("{}Ki", bytes / 1_024)
    } else {
        format!("{nanos}n")
    };
    quantity::canonical(&plain).unwrap_or(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_spelled_as_a_server_does() {
        for (name, given, expected) in [
            ("configmaps", "19", "19"),
            ("requests.cpu", "1500m", "1500m"),
            ("requests.cpu", "2000m", "2"),
            ("requests.memory", "128Mi", "128Mi"),
            ("requests.storage", "0", "0"),
        ] {
            let nanos = quantity::nanos(given).expect("a quantity");
            assert_eq!(text(name, nanos), expected, "{name} {given}");
        }
    }

    #[test]
    fn a_pod_uses_what_its_containers_ask_for_until_it_ends() {
        let mut object = json!({"spec": {"containers": [
            {"name": "a", "resources": {"requests": {"cpu": "100m"}, "limits": {"memory": "1Gi"}}},
            {"name": "b", "resources": {"requests": {"cpu": "200m"}}},
        ]}});
        let used = usage("", "pods", &object);
        assert_eq!(used["requests.cpu"], 300_000_000);
        assert_eq!(used["cpu"], 300_000_000);
        assert_eq!(used["limits.memory"], (1 << 30) * ONE);
        assert_eq!(used["pods"], ONE);
        object["status"] = json!({"phase": "Succeeded"});
        let used = usage("", "pods", &object);
        assert_eq!(used.keys().collect::<Vec<_>>(), ["count/pods"]);
    }
}
