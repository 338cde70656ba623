//! An object as a watch reads it: whole, as the tree of values that it is on the wire, or the few fields of it that are
//! asked for. What the watch needs to know is copied out; nothing is read twice or turned into another form. No decisions.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{ApiResource, DynamicResourceScope};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Something of which a watch can tell what it is, however little of it is kept.
pub(crate) trait Identified {
    /// Name, uid and version: a watch looks at nothing else.
    fn identity(&self) -> ObjectMeta;
}

impl Identified for Value {
    fn identity(&self) -> ObjectMeta {
        let metadata = self.get("metadata");
        let text = |field: &str| Some(metadata?.get(field)?.as_str()?.to_owned());
        ObjectMeta {
            name: text("name"),
            uid: text("uid"),
            resource_version: text("resourceVersion"),
            ..ObjectMeta::default()
        }
    }
}

/// An object on its way through a watch.
#[derive(Clone, Debug)]
pub(super) struct Streamed<T> {
    metadata: ObjectMeta,
    pub(super) object: T,
}

impl<'de, T: Deserialize<'de> + Identified> Deserialize<'de> for Streamed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = T::deserialize(deserializer)?;
        Ok(Self {
            metadata: object.identity(),
            object,
        })
    }
}

impl<T> kube::Resource for Streamed<T> {
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
