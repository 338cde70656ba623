//! What a copy looks like. First the object as KubeAdmiral would compute it
//! (`pkg/controllers/sync/resource.go`), which is what overrides are written against; then what is
//! sent by server-side apply: fields that belong to the member are left out, because what is not
//! sent is not owned. Pure.

use crate::copies::applied::{Applied, DesiredHash, Replicas};
use crate::copies::patches::{self, PatchError};
use crate::federated::Federated;
use crate::pointer;
use navarch_crds::keys::{self, annotation, finalizer, label, navarch};
use navarch_crds::names::ClusterName;
use navarch_crds::v1alpha1::{
    FederatedTypeConfigSpec, OverridePatch, OverrideWithController, PropagationStatusType,
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What a member is to hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    /// The object as it is applied, but for the annotation that records what was applied.
    pub object: Value,
    /// Of the object.
    pub hash: DesiredHash,
    /// Node ports of a Service, by place in the list: asked for when the copy is made, the member's own from then on.
    node_ports: Vec<Option<Value>>,
}

impl Desired {
    /// The object as it is sent, with the record of what it was made from.
    #[must_use]
    pub fn to_apply(&self, federated: &Federated) -> Value {
        let applied = Applied {
            hash: self.hash.clone(),
            uid: federated.uid().to_owned(),
            generation: federated.generation(),
        };
        let mut object = self.object.clone();
        pointer::map_mut(&mut object, &["metadata", "annotations"])
            .insert(navarch::APPLIED.to_owned(), applied.to_string().into());
        object
    }

    /// As [`Self::to_apply`], for a member that surely has no such object.
    #[must_use]
    pub fn to_create(&self, federated: &Federated) -> Value {
        let mut object = self.to_apply(federated);
        let ports = object
            .pointer_mut("/spec/ports")
            .and_then(Value::as_array_mut);
        for (port, number) in ports.into_iter().flatten().zip(&self.node_ports) {
            if let (Some(port), Some(number)) = (port.as_object_mut(), number) {
                port.insert("nodePort".to_owned(), number.clone());
            }
        }
        object
    }
}

/// A copy cannot be computed for a cluster.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// Overrides of what names the object.
    #[error("overriding {} is refused: a copy keeps the kind and the name of its source", .0.join(", "))]
    RefusedPaths(Vec<String>),
    /// An override does not apply.
    #[error("an override does not apply to the copy")]
    Patch(#[from] PatchError),
    /// There is no template.
    #[error("the federated object has no template; its source has to be federated again")]
    NoTemplate,
}

impl RenderError {
    /// What is reported for the cluster.
    #[must_use]
    pub fn status(&self) -> PropagationStatusType {
        match self {
            Self::RefusedPaths(_) | Self::Patch(_) => PropagationStatusType::ApplyOverridesFailed,
            Self::NoTemplate => PropagationStatusType::ComputeResourceFailed,
        }
    }
}

const REFUSED_PATHS: [&str; 4] = [
    "/kind",
    "/metadata/generateName",
    "/metadata/name",
    "/metadata/namespace",
];

/// What a cluster is to hold, replicas sent.
///
/// # Errors
/// When an override is refused or does not apply.
pub fn render(
    federated: &Federated,
    type_config: &FederatedTypeConfigSpec,
    cluster: &ClusterName,
) -> Result<Desired, RenderError> {
    render_with(federated, type_config, cluster, Replicas::Sent)
}

/// As [`render`], for a member whose copy is known.
///
/// # Errors
/// When an override is refused or does not apply.
pub fn render_with(
    federated: &Federated,
    type_config: &FederatedTypeConfigSpec,
    cluster: &ClusterName,
    replicas: Replicas,
) -> Result<Desired, RenderError> {
    let mut object = compute(federated, type_config, cluster)?;
    prepare_apply(&mut object);
    let retains = federated.annotation(annotation::RETAIN_REPLICAS) == Some(keys::TRUE);
    let path = type_config.path_definition.replicas_spec.as_str();
    if retains && replicas == Replicas::OwnedElsewhere && !path.is_empty() {
        let steps: Vec<&str> = path.split('.').collect();
        pointer::remove(&mut object, &steps);
    }
    let node_ports = take_node_ports(&mut object);
    let hash = DesiredHash::of(&object);
    Ok(Desired {
        object,
        hash,
        node_ports,
    })
}

/// The object as KubeAdmiral asks a member to create it, before it notes the propagated keys: with
/// the host's `generation`, a list of finalizers and `null` where an override left it.
///
/// # Errors
/// When an override is refused or does not apply.
pub fn compute(
    federated: &Federated,
    type_config: &FederatedTypeConfigSpec,
    cluster: &ClusterName,
) -> Result<Value, RenderError> {
    let mut object = federated.spec.template.clone();
    if !object.is_object() {
        return Err(RenderError::NoTemplate);
    }
    let generation = pointer::number(&object, &["metadata", "generation"]).unwrap_or_default();
    if generation != 0 {
        pointer::map_mut(&mut object, &["metadata", "annotations"]).insert(
            annotation::SOURCE_GENERATION.to_owned(),
            generation.to_string().into(),
        );
    }
    // Always a list, so that a patch may append to it.
    let mut finalizers = Vec::new();
    match identity(&object) {
        ("batch/v1", "Job") => {
            drop_generated_job_fields(&mut object);
            finalizers.push(finalizer::RETAIN_TERMINATING_OBJECT);
        }
        ("v1", "Service") => drop_cluster_ip(&mut object),
        ("v1", "Pod") => {
            pointer::remove(&mut object, &["spec", "ephemeralContainers"]);
            finalizers.push(finalizer::RETAIN_TERMINATING_OBJECT);
        }
        _ => {}
    }
    pointer::map_mut(&mut object, &["metadata"]).insert("finalizers".into(), json!(finalizers));

    let overrides = overrides_for(&federated.spec.overrides, type_config, cluster);
    let mut refused: Vec<String> = overrides
        .iter()
        .filter(|patch| REFUSED_PATHS.contains(&patch.path.as_str()))
        .map(|patch| patch.path.clone())
        .collect();
    if !refused.is_empty() {
        refused.sort();
        refused.dedup();
        return Err(RenderError::RefusedPaths(refused));
    }
    patches::apply(&mut object, &overrides)?;
    pointer::map_mut(&mut object, &["metadata", "labels"])
        .insert(label::MANAGED.to_owned(), keys::TRUE.into());
    Ok(object)
}

fn identity(object: &Value) -> (&str, &str) {
    (
        pointer::text(object, &["apiVersion"]),
        pointer::text(object, &["kind"]),
    )
}

/// A cluster's patches, those of the controllers that the type config names first and in its
/// order.
fn overrides_for(
    overrides: &[OverrideWithController],
    type_config: &FederatedTypeConfigSpec,
    cluster: &ClusterName,
) -> Vec<OverridePatch> {
    let names: Vec<&String> = type_config.controllers.iter().flatten().collect();
    let mut ordered: Vec<&OverrideWithController> = overrides.iter().collect();
    ordered.sort_by_key(|entry| {
        // A name listed twice counts where it is last, as in KubeAdmiral's map.
        names
            .iter()
            .rposition(|name| **name == entry.controller)
            .unwrap_or(usize::MAX)
    });
    ordered
        .into_iter()
        .flat_map(|entry| &entry.clusters)
        .filter(|entry| entry.cluster == cluster.as_str())
        .flat_map(|entry| entry.patches.iter().cloned())
        .collect()
}

/// Labels by which the job controller of a cluster finds its pods; only it may choose the values.
const GENERATED_JOB_LABELS: [&str; 2] = ["controller-uid", "batch.kubernetes.io/controller-uid"];

fn drop_generated_job_fields(object: &mut Value) {
    if pointer::get(object, &["spec", "manualSelector"]) == Some(&Value::Bool(true)) {
        return;
    }
    for key in GENERATED_JOB_LABELS {
        pointer::remove(object, &["spec", "template", "metadata", "labels", key]);
        pointer::remove(object, &["spec", "selector", "matchLabels", key]);
    }
}

fn drop_cluster_ip(object: &mut Value) {
    let address = pointer::get(object, &["spec", "clusterIP"]).and_then(Value::as_str);
    if address.is_some_and(|address| address != "None") {
        pointer::remove(object, &["spec", "clusterIP"]);
        pointer::remove(object, &["spec", "clusterIPs"]);
    }
}

/// Fields of `metadata` that the member decides.
const MEMBER_FIELDS: [&str; 10] = [
    "generation",
    "generateName",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "creationTimestamp",
    "resourceVersion",
    "uid",
    "selfLink",
    "managedFields",
    "ownerReferences",
];

/// Makes of a computed object one that can be applied.
fn prepare_apply(object: &mut Value) {
    let label_keys = joined_keys(object, "labels", &[label::MANAGED]);
    let annotation_keys = joined_keys(
        object,
        "annotations",
        &[
            annotation::SOURCE_GENERATION,
            annotation::PROPAGATED_ANNOTATION_KEYS,
            annotation::PROPAGATED_LABEL_KEYS,
        ],
    );
    let metadata = pointer::map_mut(object, &["metadata"]);
    for field in MEMBER_FIELDS {
        metadata.remove(field);
    }
    // The finalizer of older versions never reaches a member: it would keep the object for ever.
    if let Some(Value::Array(list)) = metadata.get_mut("finalizers") {
        list.retain(|name| name != finalizer::RETAIN_TERMINATING_OBJECT);
        let mut seen = Vec::new();
        list.retain(|name| {
            let new = !seen.contains(name);
            seen.push(name.clone());
            new
        });
        if list.is_empty() {
            metadata.remove("finalizers");
        }
    }
    let annotations = pointer::map_mut(object, &["metadata", "annotations"]);
    annotations.remove(navarch::APPLIED);
    annotations.insert(
        annotation::PROPAGATED_ANNOTATION_KEYS.to_owned(),
        annotation_keys.into(),
    );
    annotations.insert(
        annotation::PROPAGATED_LABEL_KEYS.to_owned(),
        label_keys.into(),
    );
    if let Some(root) = object.as_object_mut() {
        root.remove("status");
    }
    leave_out_retained(object);
    drop_nulls(object);
}

fn joined_keys(object: &Value, field: &str, own: &[&str]) -> String {
    let texts: BTreeMap<String, String> = pointer::texts(object, field);
    let mut keys: Vec<String> = texts.into_keys().collect();
    keys.retain(|key| !own.contains(&key.as_str()) && key != navarch::APPLIED);
    keys.join(",")
}

/// What KubeAdmiral keeps from the member object on every update
/// (`pkg/controllers/sync/dispatch/retain.go`) is not sent at all, where sending it would be wrong.
/// Node ports are sent when the copy is made ([`take_node_ports`]).
fn leave_out_retained(object: &mut Value) {
    match identity(object) {
        ("batch/v1", "Job") => {
            let selector = pointer::get(object, &["spec", "selector"]);
            let empty = selector.is_some_and(|selector| {
                selector.as_object().is_some_and(|map| {
                    map.values()
                        .all(|part| part.as_object().is_some_and(Map::is_empty))
                })
            });
            if empty {
                pointer::remove(object, &["spec", "selector"]);
            }
        }
        ("v1", "ServiceAccount") if pointer::list(object, &["secrets"]).is_empty() => {
            pointer::remove(object, &["secrets"]);
        }
        ("v1", "PersistentVolume") => {
            // Which claim is bound is the member's business; which one shall be is the user's.
            pointer::remove(object, &["spec", "claimRef", "uid"]);
            pointer::remove(object, &["spec", "claimRef", "resourceVersion"]);
        }
        ("v1", "PersistentVolumeClaim") => {
            let bound = ["metadata", "annotations", "pv.kubernetes.io/bind-completed"];
            if pointer::get(object, &bound).is_some() {
                pointer::remove(object, &["spec", "volumeName"]);
            }
        }
        _ => {}
    }
}

/// Takes the node ports out of a Service. A user's fixed port is meant for the members too, so a copy is made with it; in
/// an update the member's value wins always, as in KubeAdmiral. API servers keep a port that an update leaves out
/// (`pkg/registry/core/service/storage/alloc.go` of Kubernetes), so none is lost.
fn take_node_ports(object: &mut Value) -> Vec<Option<Value>> {
    if identity(object) != ("v1", "Service") {
        return Vec::new();
    }
    let ports = object
        .pointer_mut("/spec/ports")
        .and_then(Value::as_array_mut);
    let ports = ports.into_iter().flatten();
    ports
        .map(|port| port.as_object_mut()?.remove("nodePort"))
        .collect()
}

/// To apply `null` is to own nothing, or an error for some types: it is left out.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Value::Array(list) => {
            list.retain(|value| !value.is_null());
            list.iter_mut().for_each(drop_nulls);
        }
        _ => {}
    }
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
