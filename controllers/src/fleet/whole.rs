//! An object read whole, as the tree of values that it is on the wire. What a watch needs to know of it is copied out; nothing
//! is read twice or turned into another form. No decisions.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{ApiResource, DynamicResourceScope};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::kind::Kind;

/// An object with all of its fields.
#[derive(Clone, Debug)]
pub(crate) struct Whole {
    /// Name, uid and version alone.
    metadata: ObjectMeta,
    value: Value,
}

impl Whole {
    /// The object. Items of a list do not name their kind; it is filled in.
    pub(crate) fn into_value(self, kind: &Kind) -> Value {
        let mut value = self.value;
        if let Some(map) = value.as_object_mut() {
            map.insert("apiVersion".to_owned(), Value::String(kind.api_version()));
            map.insert("kind".to_owned(), Value::String(kind.kind.to_string()));
        }
        value
    }
}

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let text = |field: &str| {
            let metadata = value.get("metadata")?;
            Some(metadata.get(field)?.as_str()?.to_owned())
        };
        let metadata = ObjectMeta {
            name: text("name"),
            uid: text("uid"),
            resource_version: text("resourceVersion"),
            ..ObjectMeta::default()
        };
        Ok(Self { metadata, value })
    }
}

impl kube::Resource for Whole {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(kind: &ApiResource) -> Cow<'_, str> {
        kind.kind.as_str().into()
    }

    fn group(kind: &ApiResource) -> Cow<'_, str> {
        kind.group.as_str().into()
    }

    fn version(kind: &ApiResource) -> Cow<'_, str> {
        kind.version.as_str().into()
    }

    fn api_version(kind: &ApiResource) -> Cow<'_, str> {
        kind.api_version.as_str().into()
    }

    fn plural(kind: &ApiResource) -> Cow<'_, str> {
        kind.plural.as_str().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::Resource;
    use serde_json::json;

    #[test]
    fn nothing_of_an_object_is_lost_and_its_kind_is_filled_in() {
        let item = json!({ "metadata": { "name": "a", "uid": "u", "resourceVersion": "7",
            "managedFields": [{ "manager": "m" }] }, "data": { "k": "v" } });
        let whole: Whole = serde_json::from_value(item.clone()).unwrap();
        assert_eq!(whole.meta().resource_version.as_deref(), Some("7"));
        let value = whole.into_value(&Kind::new("", "v1", "ConfigMap", "configmaps", true));
        assert_eq!(
            (&value["apiVersion"], &value["kind"]),
            (&json!("v1"), &json!("ConfigMap"))
        );
        assert_eq!(
            (&value["metadata"], &value["data"]),
            (&item["metadata"], &item["data"])
        );
    }
}
