//! The replicas of a copy, wanted and there, at the paths of its type config: what automatic migration needs beside the
//! pods. Only for types whose replicas may move. Pure.

use navarch_crds::v1alpha1::FederatedTypeConfigSpec;
use serde_json::Value;

use crate::pointer;

/// Replicas of one copy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scale {
    /// `replicasSpec`; `None`: the copy has no number there.
    pub desired: Option<i64>,
    /// `replicasStatus`; `None`: the type has no such path.
    pub replicas: Option<i64>,
    /// `readyReplicasStatus`; `None`: the type has no such path.
    pub ready: Option<i64>,
    /// Those made from the newest template, where the kind tells.
    pub updated: Option<i64>,
    /// The selector that the member wrote into the status, as the subresource `scale` shows it.
    pub selector: Option<Box<str>>,
}

impl Scale {
    /// The replicas that pods of the newest template stand for.
    #[must_use]
    pub fn newest(&self) -> Option<i64> {
        self.updated.or(self.replicas)
    }

    /// Replicas that are there and not ready, as far as the type tells.
    #[must_use]
    pub fn unready(&self) -> Option<i64> {
        Some(self.replicas?.saturating_sub(self.ready?).max(0))
    }
}

/// Reads a copy. A status that was not written yet counts zero, as KubeAdmiral has it
/// (`pkg/controllers/automigration/controller.go`).
pub(super) fn scale(type_config: &FederatedTypeConfigSpec, object: &Value) -> Option<Scale> {
    let paths = &type_config.path_definition;
    if !type_config.migrates() || paths.replicas_spec.is_empty() {
        return None;
    }
    let number = |path: &str| pointer::at_dots(object, path).and_then(Value::as_i64);
    let counted = |path: &str| (!path.is_empty()).then(|| number(path).unwrap_or(0));
    let source = &type_config.source_type;
    let tells_updated = source.group == "apps" && source.kind == "Deployment";
    let written = pointer::at_dots(object, &paths.label_selector).and_then(Value::as_str);
    Some(Scale {
        desired: number(&paths.replicas_spec),
        replicas: counted(&paths.replicas_status),
        ready: counted(&paths.ready_replicas_status),
        updated: tells_updated.then(|| number("status.updatedReplicas").unwrap_or(0)),
        selector: written.map(Box::from),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn replicas_are_read_where_the_type_has_them() {
        let config =
            |value: Value| -> FederatedTypeConfigSpec { serde_json::from_value(value).unwrap() };
        let full = json!({ "sourceType": { "group": "apps", "version": "v1", "kind": "Deployment" },
            "autoMigration": { "enabled": true },
            "pathDefinition": { "replicasSpec": "spec.replicas", "replicasStatus": "status.replicas",
                "readyReplicasStatus": "status.readyReplicas", "labelSelector": "spec.selector" } });
        let object = json!({ "spec": { "replicas": 5, "selector": { "matchLabels": { "app": "web" } } },
            "status": { "replicas": 6, "updatedReplicas": 2 } });
        let read = scale(&config(full.clone()), &object).unwrap();
        assert_eq!(
            (read.desired, read.replicas, read.ready),
            (Some(5), Some(6), Some(0))
        );
        assert_eq!(
            (read.newest(), read.unready(), &read.selector),
            (Some(2), Some(6), &None)
        );

        let mut custom = full.clone();
        custom["sourceType"] =
            json!({ "group": "ships.example.com", "version": "v1", "kind": "Fleet" });
        custom["pathDefinition"] =
            json!({ "replicasSpec": "spec.size", "labelSelector": "status.selector" });
        let object = json!({ "spec": { "size": 3 }, "status": { "selector": "app=web" } });
        let read = scale(&config(custom), &object).unwrap();
        assert_eq!(
            (read.desired, read.newest(), read.unready()),
            (Some(3), None, None)
        );
        assert_eq!(read.selector.as_deref(), Some("app=web"));

        for (name, part, value) in [
            ("switched off", "autoMigration", json!({ "enabled": false })),
            ("not switched on", "autoMigration", Value::Null),
            ("without replicas", "pathDefinition", json!({})),
        ] {
            let mut other = full.clone();
            other[part] = value;
            assert_eq!(scale(&config(other), &object), None, "{name}");
        }
    }
}
