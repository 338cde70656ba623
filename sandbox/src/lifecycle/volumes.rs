//! PersistentVolumes and their claims: a claim is bound to the smallest volume that fits, and both are held while they are
//! in use (kubernetes.io "Persistent Volumes"). Nothing is provisioned.

use super::MANAGER;
use crate::cluster::{Cluster, ListOptions, WriteOptions};
use crate::object::{self, Gvr, Object};
use crate::schema::quantity;
use crate::status::Status;
use serde_json::{Value, json};

const BOUND_BY: &str = "pv.kubernetes.io/bound-by-controller";
const COMPLETED: &str = "pv.kubernetes.io/bind-completed";

fn core(resource: &str) -> Gvr {
    Gvr::new("", "v1", resource)
}

/// Something changed or went: claims and volumes may belong together now, or be free to go.
pub(super) fn changed(cluster: &Cluster, gvr: &Gvr, gone: bool, object: &Object) {
    if !gvr.group.is_empty() {
        return;
    }
    match gvr.resource.as_str() {
        "persistentvolumes" if !gone => {
            volume(cluster, object);
            for claim in all(cluster, "persistentvolumeclaims", "") {
                self::claim(cluster, &claim);
            }
        }
        "persistentvolumeclaims" if gone => {
            for volume in all(cluster, "persistentvolumes", "") {
                if text(&volume, "/spec/claimRef/uid") == object::uid(object) {
                    set_phase(cluster, "persistentvolumes", &volume, "Released");
                }
            }
        }
        "persistentvolumeclaims" => claim(cluster, object),
        "pods" => {
            let namespace = object::namespace(object).unwrap_or_default();
            let ended = gone || matches!(text(object, "/status/phase"), "Succeeded" | "Failed");
            let claims = claims_of(object).map(str::to_owned).collect::<Vec<_>>();
            for name in claims {
                let gvr = core("persistentvolumeclaims");
                if let Ok(found) = cluster.get(&gvr, namespace, &name)
                    && (ended || text(&found, "/status/phase") == "Pending")
                {
                    claim(cluster, &found);
                }
            }
        }
        _ => {}
    }
}

fn all(cluster: &Cluster, resource: &str, namespace: &str) -> Vec<Object> {
    let listed = cluster.list(&core(resource), namespace, &ListOptions::default());
    listed.map(|listed| listed.items).unwrap_or_default()
}

fn text<'a>(object: &'a Value, path: &str) -> &'a str {
    object
        .pointer(path)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The claims a pod uses.
fn claims_of(pod: &Value) -> impl Iterator<Item = &str> {
    let volumes = pod.pointer("/spec/volumes").and_then(Value::as_array);
    volumes
        .into_iter()
        .flatten()
        .map(|volume| text(volume, "/persistentVolumeClaim/claimName"))
        .filter(|name| !name.is_empty())
}

fn is_used(cluster: &Cluster, claim: &Object) -> bool {
    let namespace = object::namespace(claim).unwrap_or_default();
    all(cluster, "pods", namespace).iter().any(|pod| {
        let ended = matches!(text(pod, "/status/phase"), "Succeeded" | "Failed");
        !ended && claims_of(pod).any(|name| name == object::name(claim))
    })
}

/// A volume that nobody claims is available; one that goes is let go unless it is bound.
fn volume(cluster: &Cluster, volume: &Object) {
    let phase = text(volume, "/status/phase");
    if object::deletion_timestamp(volume).is_some() {
        if phase != "Bound" {
            release(
                cluster,
                "persistentvolumes",
                volume,
                "kubernetes.io/pv-protection",
            );
        }
    } else if volume.pointer("/spec/claimRef").is_none() && phase != "Available" {
        set_phase(cluster, "persistentvolumes", volume, "Available");
    }
}

fn claim(cluster: &Cluster, claim: &Object) {
    if object::deletion_timestamp(claim).is_some() {
        if !is_used(cluster, claim) {
            let protection = "kubernetes.io/pvc-protection";
            release(cluster, "persistentvolumeclaims", claim, protection);
        }
        return;
    }
    if text(claim, "/status/phase") == "Bound" || waits(cluster, claim) {
        return;
    }
    let volumes = all(cluster, "persistentvolumes", "");
    let fitting = volumes.iter().filter(|volume| fits(volume, claim));
    let Some(volume) = fitting.min_by_key(|volume| (!is_meant(volume, claim), size(volume))) else {
        return;
    };
    if let Err(status) = bind(cluster, volume, claim) {
        tracing::debug!(name = object::name(claim), %status, "a claim was not bound");
    }
}

/// Whether its class binds a claim only when a pod uses it.
fn waits(cluster: &Cluster, claim: &Object) -> bool {
    let class = text(claim, "/spec/storageClassName");
    let classes = Gvr::new("storage.k8s.io", "v1", "storageclasses");
    let class = cluster.get(&classes, "", class).ok();
    class.is_some_and(|class| text(&class, "/volumeBindingMode") == "WaitForFirstConsumer")
        && !is_used(cluster, claim)
}

fn size(volume: &Value) -> i128 {
    quantity::nanos(text(volume, "/spec/capacity/storage")).unwrap_or(0)
}

fn is_meant(volume: &Value, claim: &Object) -> bool {
    text(volume, "/spec/claimRef/name") == object::name(claim)
        && Some(text(volume, "/spec/claimRef/namespace")) == object::namespace(claim)
}

fn fits(volume: &Object, claim: &Object) -> bool {
    if object::deletion_timestamp(volume).is_some() {
        return false;
    }
    if volume.pointer("/spec/claimRef").is_some() {
        let uid = text(volume, "/spec/claimRef/uid");
        return is_meant(volume, claim) && (uid.is_empty() || uid == object::uid(claim));
    }
    let named = text(claim, "/spec/volumeName");
    if !named.is_empty() && named != object::name(volume) {
        return false;
    }
    let list = |object: &Value| -> Vec<String> {
        let modes = object
            .pointer("/spec/accessModes")
            .and_then(Value::as_array);
        let modes = modes.into_iter().flatten().filter_map(Value::as_str);
        modes.map(str::to_owned).collect()
    };
    let offered = list(volume);
    let asked = quantity::nanos(text(claim, "/spec/resources/requests/storage")).unwrap_or(0);
    text(volume, "/spec/storageClassName") == text(claim, "/spec/storageClassName")
        && text(volume, "/spec/volumeMode") == text(claim, "/spec/volumeMode")
        && list(claim).iter().all(|mode| offered.contains(mode))
        && size(volume) >= asked
}

fn annotate(object: &mut Value, name: &str) {
    let annotations = object::metadata_mut(object)
        .entry("annotations")
        .or_insert_with(|| json!({}));
    object::map_mut(annotations).insert(name.to_owned(), "yes".into());
}

/// First the volume says whose it is, then the claim.
fn bind(cluster: &Cluster, volume: &Object, claim: &Object) -> Result<(), Status> {
    let by = WriteOptions::by(MANAGER);
    let namespace = object::namespace(claim).unwrap_or_default();
    let reference = json!({
        "kind": "PersistentVolumeClaim", "apiVersion": "v1", "namespace": namespace,
        "name": object::name(claim), "uid": object::uid(claim),
        "resourceVersion": object::resource_version(claim),
    });
    let meant = volume.pointer("/spec/claimRef").is_some();
    let (volumes, claims) = (core("persistentvolumes"), core("persistentvolumeclaims"));
    let name = object::name(volume);
    cluster.mutate(&volumes, "", name, &by, |live| {
        if !meant {
            annotate(live, BOUND_BY);
        }
        object::field_mut(live, "spec").insert("claimRef".to_owned(), reference.clone());
        Ok(())
    })?;
    set_phase(cluster, "persistentvolumes", volume, "Bound");
    let asked_for = !text(claim, "/spec/volumeName").is_empty();
    cluster.mutate(&claims, namespace, object::name(claim), &by, |live| {
        annotate(live, COMPLETED);
        if !asked_for {
            annotate(live, BOUND_BY);
        }
        object::field_mut(live, "spec").insert("volumeName".to_owned(), name.into());
        Ok(())
    })?;
    let status = json!({
        "phase": "Bound",
        "accessModes": volume.pointer("/spec/accessModes"),
        "capacity": volume.pointer("/spec/capacity"),
    });
    let to_status = WriteOptions::by(MANAGER).to("status");
    cluster.mutate(
        &claims,
        namespace,
        object::name(claim),
        &to_status,
        |live| {
            object::map_mut(live).insert("status".to_owned(), status.clone());
            Ok(())
        },
    )?;
    Ok(())
}

fn set_phase(cluster: &Cluster, resource: &str, object: &Object, phase: &str) {
    let options = WriteOptions::by(MANAGER).to("status");
    let namespace = object::namespace(object).unwrap_or_default();
    let name = object::name(object);
    let written = cluster.mutate(&core(resource), namespace, name, &options, |live| {
        let status = object::field_mut(live, "status");
        if status.get("phase").and_then(Value::as_str) != Some(phase) {
            status.insert("phase".to_owned(), phase.into());
        }
        Ok(())
    });
    if let Err(status) = written
        && status.code != 404
    {
        tracing::debug!(%resource, %name, %status, "a phase was not written");
    }
}

/// Nothing holds it any more.
fn release(cluster: &Cluster, resource: &str, object: &Object, finalizer: &str) {
    if !object::finalizers(object).contains(&finalizer) {
        return;
    }
    let namespace = object::namespace(object).unwrap_or_default();
    let name = object::name(object);
    let by = WriteOptions::by(MANAGER);
    let written = cluster.mutate(&core(resource), namespace, name, &by, |live| {
        let metadata = object::metadata_mut(live);
        if let Some(list) = metadata.get_mut("finalizers").and_then(Value::as_array_mut) {
            list.retain(|known| known.as_str() != Some(finalizer));
            if list.is_empty() {
                metadata.remove("finalizers");
            }
        }
        Ok(())
    });
    if let Err(status) = written
        && status.code != 404
    {
        tracing::debug!(%resource, %name, %status, "a finalizer was not removed");
    }
}
