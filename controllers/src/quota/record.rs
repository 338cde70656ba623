//! The stored `QuotaLedger` as the protocol sees it, and the names in it.

use std::sync::Arc;

use navarch_crds::quota::{GROUP, OpenObject, QuotaLedgerSpec, VERSION};
use serde::Deserialize;
use serde_json::{Value, json};

use super::protocol::{Content, Stored, Version};
use crate::fleet::request::Kind;
use crate::runtime::compact::text;
use crate::runtime::key::Key;

/// The one ledger of a host.
pub(super) const NAME: &str = "navarch";

/// Its kind.
pub(super) fn kind() -> Kind {
    Kind::new(GROUP, VERSION, "QuotaLedger", "quotaledgers", false)
}

/// The kind of the federated object of this name.
pub(super) fn kind_of(object: &OpenObject) -> Kind {
    let (kind, plural, namespaced) = if object.namespace.is_empty() {
        ("ClusterFederatedObject", "clusterfederatedobjects", false)
    } else {
        ("FederatedObject", "federatedobjects", true)
    };
    Kind::new("core.kubeadmiral.io", "v1alpha1", kind, plural, namespaced)
}

/// Its namespace, if it has one.
pub(super) fn namespace_of(object: &OpenObject) -> Option<&str> {
    Some(object.namespace.as_str()).filter(|namespace| !namespace.is_empty())
}

/// The name of a federated object as the ledger has it; `None`: it was never stored.
pub(super) fn open_object(federated: &Value) -> Option<OpenObject> {
    Some(OpenObject {
        namespace: text(federated, "/metadata/namespace")
            .unwrap_or_default()
            .to_owned(),
        name: text(federated, "/metadata/name")?.to_owned(),
        uid: text(federated, "/metadata/uid")?.to_owned(),
    })
}

/// The name of the federated object of this key and uid.
pub(crate) fn open_name(key: &Key, uid: &str) -> OpenObject {
    OpenObject {
        namespace: key.namespace().unwrap_or_default().to_owned(),
        name: key.name.to_string(),
        uid: uid.to_owned(),
    }
}

/// What was read.
pub(super) fn read(ledger: &Value) -> Option<Stored<OpenObject>> {
    let spec = QuotaLedgerSpec::deserialize(ledger.get("spec")?).ok()?;
    Some(Stored {
        version: version(ledger)?,
        content: Content {
            epoch: spec.epoch,
            holder: spec.holder.into(),
            open: spec.open.into_iter().collect(),
        },
    })
}

/// The version of an answer.
pub(super) fn version(ledger: &Value) -> Option<Version> {
    let version = text(ledger, "/metadata/resourceVersion")?;
    Some(Version(Arc::from(version)))
}

/// What is written. Without a version it creates.
pub(super) fn written(base: Option<&Version>, content: Content<OpenObject>) -> Value {
    let spec = QuotaLedgerSpec {
        epoch: content.epoch,
        holder: content.holder.to_string(),
        open: content.open.into_iter().collect(),
    };
    let mut ledger = json!({
        "apiVersion": kind().api_version(), "kind": "QuotaLedger", "metadata": { "name": NAME }, "spec": spec,
    });
    if let Some(Version(version)) = base {
        ledger["metadata"]["resourceVersion"] = json!(&**version);
    }
    ledger
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_a_ledger_that_cannot_be_read_is_none() {
        let object = json!({ "metadata": { "namespace": "shop", "name": "web", "uid": "u1" } });
        let content = Content {
            epoch: 3,
            holder: "me".into(),
            open: open_object(&object).into_iter().collect(),
        };
        let version = Version("7".into());
        let ledger = written(Some(&version), content.clone());
        let expected = Stored { version, content };
        assert_eq!(read(&ledger), Some(expected));
        assert_eq!(
            read(&json!({ "metadata": { "resourceVersion": "7" } })),
            None
        );
        let wrong = json!({ "metadata": { "resourceVersion": "7" }, "spec": { "epoch": "x" } });
        assert_eq!(read(&wrong), None);
        assert_eq!(open_object(&json!({ "metadata": { "name": "web" } })), None);
    }
}
