//! What a rendered copy uses of its cluster, and what an object costs once. Everything that a quota can limit is in
//! it, whatever limits there are now, so that a new quota knows at once what runs already.

use std::collections::BTreeMap;

use navarch_crds::go::quantity;
use navarch_crds::quota::ClusterCharge;
use serde_json::Value;

use super::resource::{ClaimPart, PodPart, add, of_class, of_pod, used};
use crate::request::{self, RequestError};
use crate::snapshot::ApiResource;

const STORAGE: &str = "requests.storage";
const CLAIMS: &str = "count/persistentvolumeclaims";
const CLASS_ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";
/// Where most kinds keep the number of their pods.
const REPLICAS: &str = "spec.replicas";

/// A copy of which nobody can say what it uses. It must not be sent where a quota holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NeedError {
    /// What its pods ask for cannot be read.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A number that is none.
    #[error("reading how many pods there are: {path} is no whole number; correct it")]
    Number {
        /// Where it stands.
        path: String,
    },
}

/// What a rendered copy uses of its cluster. `replicas_path` is the one of the type config, empty when it has none;
/// `nodes` is how many nodes a `DaemonSet` may have pods on, and matters to no other kind.
///
/// # Errors
/// When an amount or a number cannot be read, or a known kind has no pod spec.
pub fn of_copy(
    kind: &ApiResource,
    copy: &Value,
    replicas_path: &str,
    nodes: i64,
) -> Result<ClusterCharge, NeedError> {
    let mut charge = ClusterCharge::default();
    let pod = pod_spec(kind, copy)?;
    if let Some(pod) = pod {
        charge.each = of_one_pod(pod)?;
        if (kind.group.as_str(), kind.kind.as_str()) == ("apps", "StatefulSet") {
            let templates = field(copy, "spec.volumeClaimTemplates").and_then(Value::as_array);
            for claim in templates.into_iter().flatten() {
                claim_of_pods(claim, &mut charge.each)?;
            }
        }
    }
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("", "Service") => charge.fixed = of_service(copy),
        ("", "PersistentVolumeClaim") => storage(copy, &mut charge.fixed)?,
        _ => {}
    }
    charge.replicas = if pod.is_some() || !replicas_path.is_empty() {
        replicas(kind, copy, replicas_path, nodes)?.max(0)
    } else {
        i64::from(!charge.fixed.is_empty())
    };
    Ok(charge)
}

/// What an object costs once, however many clusters have it. `plural` is the plural name of its kind.
#[must_use]
pub fn of_object(kind: &ApiResource, plural: &str, template: &Value) -> BTreeMap<String, i64> {
    let mut once = BTreeMap::new();
    if plural.is_empty() {
        return once;
    }
    let counted = if kind.group.is_empty() {
        format!("count/{plural}")
    } else {
        format!("count/{plural}.{}", kind.group)
    };
    once.insert(counted, 1);
    if (kind.group.as_str(), kind.kind.as_str()) == ("", "PersistentVolumeClaim")
        && let Some(class) = class(template)
    {
        once.insert(of_class(class, ClaimPart::Count), 1);
    }
    once
}

/// The priority class of an object's pods; empty when there is none.
#[must_use]
pub fn priority_class<'a>(kind: &ApiResource, template: &'a Value) -> &'a str {
    let pod = pod_spec(kind, template).ok().flatten();
    pod.and_then(|pod| pod.get("priorityClassName"))
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The priority that is written into its pods, without a class.
#[must_use]
pub fn priority(kind: &ApiResource, template: &Value) -> Option<i32> {
    let pod = pod_spec(kind, template).ok().flatten()?;
    i32::try_from(pod.get("priority")?.as_i64()?).ok()
}

fn field<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.')
        .try_fold(value, |value, step| value.get(step))
}

/// The pod spec: where known kinds have it, else where nearly all have it.
fn pod_spec<'a>(kind: &ApiResource, copy: &'a Value) -> Result<Option<&'a Value>, RequestError> {
    if let Some(path) = request::pod_spec_path(kind) {
        let path = path.join(".");
        return match field(copy, &path).filter(|spec| spec.is_object()) {
            Some(spec) => Ok(Some(spec)),
            None => Err(RequestError::NoPodSpec { path }),
        };
    }
    Ok(field(copy, "spec.template.spec")
        .filter(|spec| spec.get("containers").is_some_and(Value::is_array)))
}

fn of_one_pod(spec: &Value) -> Result<BTreeMap<String, i64>, RequestError> {
    let sums = request::sums(spec)?;
    let mut each = BTreeMap::from([("pods".to_owned(), 1)]);
    for (part, sum) in [
        (PodPart::Requests, sums.requests),
        (PodPart::Limits, sums.limits),
    ] {
        for (bare, amount) in sum {
            if let Some(name) = of_pod(&bare, part) {
                let amount = used(&name, amount);
                if amount > 0 {
                    add(&mut each, name, amount);
                }
            }
        }
    }
    let volumes = spec.get("volumes").and_then(Value::as_array);
    for volume in volumes.into_iter().flatten() {
        if let Some(claim) = field(volume, "ephemeral.volumeClaimTemplate") {
            claim_of_pods(claim, &mut each)?;
        }
    }
    Ok(each)
}

/// A claim that comes and goes with a pod: nobody wrote an object for it, so it is counted with its pod.
fn claim_of_pods(claim: &Value, each: &mut BTreeMap<String, i64>) -> Result<(), RequestError> {
    add(each, CLAIMS.to_owned(), 1);
    if let Some(class) = class(claim) {
        add(each, of_class(class, ClaimPart::Count), 1);
    }
    storage(claim, each)
}

fn storage(claim: &Value, amounts: &mut BTreeMap<String, i64>) -> Result<(), RequestError> {
    let Some(asked) = field(claim, "spec.resources.requests.storage") else {
        return Ok(());
    };
    let text = match asked {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let Ok(asked) = quantity::parse(&text) else {
        return Err(RequestError::Amount {
            resource: "storage".to_owned(),
            text,
        });
    };
    let amount = used(STORAGE, asked);
    if amount > 0 {
        add(amounts, STORAGE.to_owned(), amount);
        if let Some(class) = class(claim) {
            add(amounts, of_class(class, ClaimPart::Storage), amount);
        }
    }
    Ok(())
}

/// The storage class that a claim names. Which one is the default of a cluster is not known here.
fn class(claim: &Value) -> Option<&str> {
    let annotation = field(claim, "metadata.annotations").and_then(|all| all.get(CLASS_ANNOTATION));
    annotation
        .or_else(|| field(claim, "spec.storageClassName"))
        .and_then(Value::as_str)
        .filter(|class| !class.is_empty())
}

/// Load balancers and ports of nodes, as Kubernetes' own quota counts them.
fn of_service(copy: &Value) -> BTreeMap<String, i64> {
    let mut fixed = BTreeMap::new();
    let ports = field(copy, "spec.ports").and_then(Value::as_array);
    let ports = || ports.into_iter().flatten();
    let all = ports().count();
    let named = || {
        let port = |port: &&Value| port.get("nodePort").and_then(Value::as_i64) > Some(0);
        ports().filter(port).count()
    };
    let node_ports = match field(copy, "spec.type").and_then(Value::as_str) {
        Some("NodePort") => all,
        Some("LoadBalancer") => {
            fixed.insert("services.loadbalancers".to_owned(), 1);
            let allocated = field(copy, "spec.allocateLoadBalancerNodePorts");
            if allocated == Some(&Value::Bool(false)) {
                named()
            } else {
                all
            }
        }
        _ => 0,
    };
    if node_ports > 0 {
        let node_ports = i64::try_from(node_ports).unwrap_or(i64::MAX);
        fixed.insert("services.nodeports".to_owned(), node_ports);
    }
    fixed
}

fn replicas(
    kind: &ApiResource,
    copy: &Value,
    replicas_path: &str,
    nodes: i64,
) -> Result<i64, NeedError> {
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("", "Pod") => Ok(1),
        ("apps", "DaemonSet") => Ok(nodes),
        ("batch", "Job") => at_once(copy, "spec"),
        ("batch", "CronJob") => at_once(copy, "spec.jobTemplate.spec"),
        _ if replicas_path.is_empty() => Ok(number(copy, REPLICAS)?.unwrap_or(1)),
        _ => Ok(number(copy, replicas_path)?.unwrap_or(1)),
    }
}

/// How many pods of a job run at once. One that is suspended counts as well: its member may let it run.
fn at_once(copy: &Value, path: &str) -> Result<i64, NeedError> {
    let parallelism = number(copy, &format!("{path}.parallelism"))?.unwrap_or(1);
    let completions = number(copy, &format!("{path}.completions"))?;
    Ok(completions.map_or(parallelism, |completions| completions.min(parallelism)))
}

fn number(copy: &Value, path: &str) -> Result<Option<i64>, NeedError> {
    match field(copy, path) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_i64().map(Some).ok_or_else(|| NeedError::Number {
            path: path.to_owned(),
        }),
    }
}

#[cfg(test)]
#[path = "need_tests.rs"]
mod tests;
