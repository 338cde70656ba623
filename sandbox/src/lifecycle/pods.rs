//! What ServiceAccount, DefaultTolerationSeconds and Priority admission do to a new pod
//! (kubernetes.io "Admission Controllers Reference").

use crate::cluster::admission::{Admission, Operation, Review};
use crate::object::{self, Gvr};
use crate::status::Status;
use serde_json::{Map, Value, json};

const MOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The admission step.
#[derive(Debug)]
pub(super) struct ServiceAccountOfPods;

impl Admission for ServiceAccountOfPods {
    fn admit(&self, review: &mut Review<'_>) -> Result<(), Status> {
        if !review.is("", "Pod") || review.operation != Operation::Create {
            return Ok(());
        }
        let account = account(review)?;
        priority(review)?;
        let suffix = suffix(review.object);
        let spec = object::field_mut(review.object, "spec");
        spec.insert("serviceAccountName".to_owned(), json!(account.name));
        spec.insert("serviceAccount".to_owned(), json!(account.name));
        tolerations(spec);
        if spec
            .get("automountServiceAccountToken")
            .and_then(Value::as_bool)
            .unwrap_or(account.mounts)
        {
            mount(spec, &format!("kube-api-access-{suffix}"));
        }
        Ok(())
    }
}

struct Account {
    name: String,
    mounts: bool,
}

fn account(review: &Review<'_>) -> Result<Account, Status> {
    let asked = review
        .object
        .pointer("/spec/serviceAccountName")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let name = if asked.is_empty() { "default" } else { asked };
    let namespace = object::namespace(review.object).unwrap_or_default();
    match review.cluster.get(&Gvr::new("", "v1", "serviceaccounts"), namespace, name) {
        Ok(found) => Ok(Account {
            name: name.to_owned(),
            mounts: found["automountServiceAccountToken"].as_bool().unwrap_or(true),
        }),
        // The account is made a moment after its namespace: a pod that asks for no other does not fail for that.
        Err(_missing) if asked.is_empty() => Ok(Account { name: name.to_owned(), mounts: true }),
        Err(_missing) => Err(review.forbidden(&format!(
            "error looking up service account {namespace}/{name}: serviceaccount \"{name}\" not found"
        ))),
    }
}

fn priority(review: &mut Review<'_>) -> Result<(), Status> {
    let class = review
        .object
        .pointer("/spec/priorityClassName")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let mut value = 0;
    let mut policy = json!("PreemptLowerPriority");
    if !class.is_empty() {
        let Ok(found) = review.cluster.get(
            &Gvr::new("scheduling.k8s.io", "v1", "priorityclasses"),
            "",
            &class,
        ) else {
            return Err(review.forbidden(&format!("no PriorityClass with name {class} was found")));
        };
        value = found["value"].as_i64().unwrap_or(0);
        if found["preemptionPolicy"].is_string() {
            policy = found["preemptionPolicy"].clone();
        }
    }
    let spec = object::field_mut(review.object, "spec");
    spec.insert("priority".to_owned(), json!(value));
    spec.entry("preemptionPolicy").or_insert(policy);
    Ok(())
}

fn tolerations(spec: &mut Map<String, Value>) {
    let list = spec.entry("tolerations").or_insert_with(|| json!([]));
    let Some(list) = list.as_array_mut() else {
        return;
    };
    for key in [
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    ] {
        let there = list.iter().any(|toleration| {
            let every = toleration["key"]
                .as_str()
                .is_none_or(|own| own.is_empty() || own == key);
            let effect = toleration["effect"].as_str().unwrap_or_default();
            every && (effect.is_empty() || effect == "NoExecute")
        });
        if !there {
            list.push(json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}));
        }
    }
}

fn mount(spec: &mut Map<String, Value>, volume: &str) {
    let mut mounted = false;
    for field in ["initContainers", "containers"] {
        let containers = spec
            .get_mut(field)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten();
        for container in containers {
            let mounts = object::map_mut(container)
                .entry("volumeMounts")
                .or_insert_with(|| json!([]));
            let Some(mounts) = mounts.as_array_mut() else {
                continue;
            };
            if mounts.iter().all(|mount| mount["mountPath"] != MOUNT) {
                mounts.push(json!({"name": volume, "readOnly": true, "mountPath": MOUNT}));
                mounted = true;
            }
        }
    }
    if !mounted {
        return;
    }
    let volumes = spec.entry("volumes").or_insert_with(|| json!([]));
    if let Some(volumes) = volumes.as_array_mut() {
        volumes.push(json!({"name": volume, "projected": {"defaultMode": 420, "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
        ]}}));
    }
}

/// Five letters that follow from the pod's name, so that a dry run and the write itself agree.
fn suffix(pod: &Value) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let digest = ring::digest::digest(&ring::digest::SHA256, object::name(pod).as_bytes());
    digest
        .as_ref()
        .iter()
        .take(5)
        .map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]))
        .collect()
}
