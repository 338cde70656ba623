//! Rows of volumes and what provides them.

use super::text::{access_modes, age, flag, list, name, text, text_or};
use jiff::Timestamp;
use serde_json::Value;

const OLD_CLASS: &str = "/metadata/annotations/volume.beta.kubernetes.io~1storage-class";

fn phase(object: &Value) -> Value {
    let deleted = object.pointer("/metadata/deletionTimestamp").is_some();
    Value::from(if deleted {
        "Terminating"
    } else {
        text(object, "/status/phase")
    })
}

fn class_name(object: &Value) -> Value {
    Value::from(text_or(
        object,
        OLD_CLASS,
        text(object, "/spec/storageClassName"),
    ))
}

/// Name, capacity, access modes, reclaim policy, status, claim, class, attributes class, reason, age, mode.
pub(super) fn volume(object: &Value, now: Timestamp) -> Vec<Value> {
    let claim = object
        .pointer("/spec/claimRef")
        .map_or_else(String::new, |c| {
            format!("{}/{}", text(c, "/namespace"), text(c, "/name"))
        });
    vec![
        name(object),
        Value::from(text(object, "/spec/capacity/storage")),
        Value::from(access_modes(list(object, "/spec/accessModes"))),
        Value::from(text(object, "/spec/persistentVolumeReclaimPolicy")),
        phase(object),
        Value::from(claim),
        class_name(object),
        Value::from(text_or(
            object,
            "/spec/volumeAttributesClassName",
            "<unset>",
        )),
        Value::from(text(object, "/status/reason")),
        age(object, now),
        Value::from(text_or(object, "/spec/volumeMode", "<unset>")),
    ]
}

/// Name, status, volume, capacity, access modes, class, attributes class, age, mode.
pub(super) fn claim(object: &Value, now: Timestamp) -> Vec<Value> {
    let bound = !text(object, "/spec/volumeName").is_empty();
    let (capacity, modes) = if bound {
        (
            text(object, "/status/capacity/storage"),
            access_modes(list(object, "/status/accessModes")),
        )
    } else {
        ("", String::new())
    };
    vec![
        name(object),
        phase(object),
        Value::from(text(object, "/spec/volumeName")),
        Value::from(capacity),
        Value::from(modes),
        class_name(object),
        Value::from(text_or(
            object,
            "/spec/volumeAttributesClassName",
            "<unset>",
        )),
        age(object, now),
        Value::from(text_or(object, "/spec/volumeMode", "<unset>")),
    ]
}

fn is_default(object: &Value, annotation: &str) -> bool {
    text(object, &format!("/metadata/annotations/{annotation}")) == "true"
}

/// Name, provisioner, reclaim policy, binding mode, expansion, age.
pub(super) fn class(object: &Value, now: Timestamp) -> Vec<Value> {
    let mut shown = text(object, "/metadata/name").to_owned();
    if is_default(object, "storageclass.kubernetes.io~1is-default-class")
        || is_default(object, "storageclass.beta.kubernetes.io~1is-default-class")
    {
        shown.push_str(" (default)");
    }
    vec![
        Value::from(shown),
        Value::from(text(object, "/provisioner")),
        Value::from(text_or(object, "/reclaimPolicy", "Delete")),
        Value::from(text_or(object, "/volumeBindingMode", "<unset>")),
        Value::from(flag(object, "/allowVolumeExpansion")),
        age(object, now),
    ]
}

/// Name, three booleans, token requests, republish, modes, age.
pub(super) fn csi_driver(object: &Value, now: Timestamp) -> Vec<Value> {
    let modes: Vec<&str> = list(object, "/spec/volumeLifecycleModes")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let tokens: Vec<&str> = list(object, "/spec/tokenRequests")
        .iter()
        .map(|t| text(t, "/audience"))
        .collect();
    let or_unset = |parts: &[&str]| {
        Value::from(if parts.is_empty() {
            "<unset>".to_owned()
        } else {
            parts.join(",")
        })
    };
    let attach = object
        .pointer("/spec/attachRequired")
        .and_then(Value::as_bool)
        .unwrap_or(true);
    vec![
        name(object),
        Value::from(attach),
        Value::from(flag(object, "/spec/podInfoOnMount")),
        Value::from(flag(object, "/spec/storageCapacity")),
        or_unset(&tokens),
        Value::from(flag(object, "/spec/requiresRepublish")),
        if modes.is_empty() {
            Value::from("<none>")
        } else {
            or_unset(&modes)
        },
        age(object, now),
    ]
}

/// Name, number of drivers, age.
pub(super) fn csi_node(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        name(object),
        Value::from(list(object, "/spec/drivers").len()),
        age(object, now),
    ]
}

/// Name, attacher, volume, node, attached, age.
pub(super) fn attachment(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        name(object),
        Value::from(text(object, "/spec/attacher")),
        Value::from(text(object, "/spec/source/persistentVolumeName")),
        Value::from(text(object, "/spec/nodeName")),
        Value::from(flag(object, "/status/attached")),
        age(object, now),
    ]
}

/// Name, driver, age.
pub(super) fn attributes_class(object: &Value, now: Timestamp) -> Vec<Value> {
    let mut shown = text(object, "/metadata/name").to_owned();
    if is_default(object, "storageclass.kubernetes.io~1is-default-class") {
        shown.push_str(" (default)");
    }
    vec![
        Value::from(shown),
        Value::from(text(object, "/driverName")),
        age(object, now),
    ]
}
