//! What the admission plugins every server runs make of a new pod: service account and its token volume, priority,
//! tolerations (k8s.io/kubernetes `plugin/pkg/admission`: serviceaccount, priority, defaulttolerationseconds).

use super::admission::{Admission, Operation, Review};
use super::identity;
use crate::object::{self, Gvr, map_mut};
use crate::status::Status;
use serde_json::{Map, Value, json};

/// The step.
#[derive(Debug)]
pub(super) struct PodDefaults;

const TOKEN_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const TOLERATED: [&str; 2] = [
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
];

impl Admission for PodDefaults {
    fn admit(&self, review: &mut Review<'_>) -> Result<(), Status> {
        if review.operation != Operation::Create || !review.is("", "Pod") {
            return Ok(());
        }
        service_account(review)?;
        priority(review)?;
        tolerations(spec(review.object));
        Ok(())
    }
}

fn spec(pod: &mut Value) -> &mut Map<String, Value> {
    object::field_mut(pod, "spec")
}

fn list<'a>(spec: &'a mut Map<String, Value>, field: &str) -> Option<&'a mut Vec<Value>> {
    let list = spec.entry(field).or_insert_with(|| json!([]));
    if list.is_null() {
        *list = json!([]);
    }
    list.as_array_mut()
}

fn service_account(review: &mut Review<'_>) -> Result<(), Status> {
    let namespace = object::namespace(review.object)
        .unwrap_or_default()
        .to_owned();
    let spec = spec(review.object);
    let name = match spec.get("serviceAccountName").and_then(Value::as_str) {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ => "default".to_owned(),
    };
    spec.insert("serviceAccountName".into(), name.clone().into());
    spec.insert("serviceAccount".into(), name.clone().into());
    let accounts = Gvr::new("", "v1", "serviceaccounts");
    let account = review.cluster.get(&accounts, &namespace, &name).ok();
    // The default account of a new namespace is about to come: a real server makes pods wait for it.
    if account.is_none() && name != "default" {
        return Err(review.forbidden(&format!(
            "error looking up service account {namespace}/{name}: serviceaccount \"{name}\" not found"
        )));
    }
    let mounts = |v: Option<&Value>| v.and_then(Value::as_bool);
    let own = mounts(spec_of(review.object).and_then(|s| s.get("automountServiceAccountToken")));
    let of_account = mounts(
        account
            .as_deref()
            .and_then(|a| a.get("automountServiceAccountToken")),
    );
    if own.or(of_account) != Some(false) {
        mount_token(spec_mut(review));
    }
    Ok(())
}

fn spec_of(pod: &Value) -> Option<&Value> {
    pod.get("spec")
}

fn spec_mut<'a>(review: &'a mut Review<'_>) -> &'a mut Map<String, Value> {
    spec(review.object)
}

fn mount_token(spec: &mut Map<String, Value>) {
    let volume = format!("kube-api-access-{}", identity::name_suffix());
    let mut used = false;
    for field in ["initContainers", "containers"] {
        let containers = spec.get_mut(field).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            let Some(mounts) = list(map_mut(container), "volumeMounts") else {
                continue;
            };
            let taken = |m: &Value| m.get("mountPath").and_then(Value::as_str) == Some(TOKEN_PATH);
            if !mounts.iter().any(taken) {
                mounts.push(json!({"name": volume, "readOnly": true, "mountPath": TOKEN_PATH}));
                used = true;
            }
        }
    }
    if !used {
        return;
    }
    let field = json!({"apiVersion": "v1", "fieldPath": "metadata.namespace"});
    let source = json!({"name": volume, "projected": {"defaultMode": 420, "sources": [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": field}]}},
    ]}});
    if let Some(volumes) = list(spec, "volumes") {
        volumes.push(source);
    }
}

fn priority(review: &mut Review<'_>) -> Result<(), Status> {
    let name = spec(review.object)
        .get("priorityClassName")
        .and_then(Value::as_str);
    let name = name.unwrap_or_default().to_owned();
    let classes = Gvr::new("scheduling.k8s.io", "v1", "priorityclasses");
    let class = if name.is_empty() {
        let all = review
            .cluster
            .list(&classes, "", &super::ListOptions::default());
        let mut all = all.map(|l| l.items).unwrap_or_default().into_iter();
        all.find(|c| c.get("globalDefault") == Some(&json!(true)))
    } else {
        review.cluster.get(&classes, "", &name).ok()
    };
    let built_in = match name.as_str() {
        "system-cluster-critical" => Some(2_000_000_000_i64),
        "system-node-critical" => Some(2_000_001_000),
        _ => None,
    };
    if class.is_none() && built_in.is_none() && !name.is_empty() {
        return Err(review.forbidden(&format!("no PriorityClass with name {name} was found")));
    }
    let field = |field: &str| class.as_ref().and_then(|c| c.get(field)).cloned();
    let value = field("value")
        .or_else(|| built_in.map(Value::from))
        .unwrap_or_else(|| json!(0));
    let preemption = field("preemptionPolicy").unwrap_or_else(|| "PreemptLowerPriority".into());
    let spec = spec(review.object);
    if let (Some(class), true) = (&class, name.is_empty()) {
        spec.insert("priorityClassName".into(), object::name(class).into());
    }
    spec.insert("priority".into(), value);
    spec.entry("preemptionPolicy").or_insert(preemption);
    Ok(())
}

fn tolerations(spec: &mut Map<String, Value>) {
    let Some(tolerations) = list(spec, "tolerations") else {
        return;
    };
    for key in TOLERATED {
        let text = |t: &Value, field: &str| {
            t.get(field)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let covered = tolerations.iter().any(|t| {
            let effect = text(t, "effect");
            let named = text(t, "key");
            (named == key || named.is_empty()) && (effect == "NoExecute" || effect.is_empty())
        });
        if !covered {
            tolerations.push(json!({
                "key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300,
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Cluster, WriteOptions};
    use super::*;

    #[test]
    fn a_new_pod_gets_what_a_real_server_gives_it() {
        let cluster = Cluster::in_memory();
        let by = WriteOptions::by("test");
        let namespace = json!({"metadata": {"name": "shop"}});
        cluster
            .create(&Gvr::new("", "v1", "namespaces"), "", namespace, &by)
            .expect("namespace");
        let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
        let pods = Gvr::new("", "v1", "pods");
        let pod = cluster
            .create(&pods, "shop", pod, &by)
            .expect("created")
            .object;
        assert_eq!(
            pod.pointer("/spec/serviceAccountName"),
            Some(&json!("default"))
        );
        assert_eq!(pod.pointer("/spec/priority"), Some(&json!(0)));
        assert_eq!(
            pod.pointer("/spec/tolerations")
                .and_then(Value::as_array)
                .map(Vec::len),
            Some(2)
        );
        assert_eq!(
            pod.pointer("/spec/containers/0/volumeMounts/0/mountPath"),
            Some(&json!(TOKEN_PATH))
        );
        let fields = pod.pointer("/metadata/managedFields/0/fieldsV1/f:spec");
        assert!(
            fields.is_some_and(|f| f.get("f:tolerations").is_none()),
            "admission owns nothing"
        );
    }
}
