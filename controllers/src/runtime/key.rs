//! The key that everything is worked on under: the name of the federated object.

use std::fmt;
use std::sync::Arc;

use navarch_crds::naming::federated_object_name;
use serde_json::Value;

use super::queue::QueueKey;

/// Namespace and name of a federated object; no namespace: a `ClusterFederatedObject`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) namespace: Option<Arc<str>>,
    pub(crate) name: Arc<str>,
}

impl Key {
    pub(crate) fn new(namespace: Option<&str>, name: &str) -> Self {
        let namespace = namespace
            .filter(|namespace| !namespace.is_empty())
            .map(Arc::from);
        Self {
            namespace,
            name: Arc::from(name),
        }
    }

    /// The key of a source object of the type config `type_config`.
    pub(crate) fn of_source(object: &Value, type_config: &str) -> Option<Self> {
        let name = object.pointer("/metadata/name").and_then(Value::as_str)?;
        let namespace = object
            .pointer("/metadata/namespace")
            .and_then(Value::as_str);
        Some(Self::new(
            namespace,
            &federated_object_name(name, type_config),
        ))
    }

    /// The key of a federated object itself.
    pub(crate) fn of_object(object: &Value) -> Option<Self> {
        let name = object.pointer("/metadata/name").and_then(Value::as_str)?;
        let namespace = object
            .pointer("/metadata/namespace")
            .and_then(Value::as_str);
        Some(Self::new(namespace, name))
    }

    pub(crate) fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(formatter, "{namespace}/{}", self.name),
            None => formatter.write_str(&self.name),
        }
    }
}

impl QueueKey for Key {
    fn group(&self) -> Arc<str> {
        self.namespace.clone().unwrap_or_else(|| Arc::from(""))
    }
}
