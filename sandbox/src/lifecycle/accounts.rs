//! Service accounts: a `default` one and the cluster's CA in each namespace, and tokens in the Secrets that ask for one.

use super::MANAGER;
use crate::auth::authentication::Authentication;
use crate::auth::tokens::Claims;
use crate::cluster::{Cluster, WatchEvent, WatchEventKind, WriteOptions};
use crate::object::{self, Gvr};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const TOKEN_TYPE: &str = "kubernetes.io/service-account-token";
const ACCOUNT: &str = "kubernetes.io/service-account.name";
const ACCOUNT_UID: &str = "kubernetes.io/service-account.uid";

/// Gives a living namespace its account and the CA.
pub(super) fn namespace(cluster: &Cluster, ca: &str, event: &WatchEvent) {
    let alive = matches!(event.kind, WatchEventKind::Added | WatchEventKind::Modified)
        && object::deletion_timestamp(&event.object).is_none();
    if !alive {
        return;
    }
    let name = object::name(&event.object);
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": name}});
    create(cluster, "serviceaccounts", name, account);
    let certificate = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "kube-root-ca.crt", "namespace": name, "annotations": {"kubernetes.io/description":
            "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters."}},
        "data": {"ca.crt": ca}});
    create(cluster, "configmaps", name, certificate);
}

fn create(cluster: &Cluster, resource: &str, namespace: &str, object: Value) {
    let gvr = Gvr::new("", "v1", resource);
    if cluster.get(&gvr, namespace, object::name(&object)).is_ok() {
        return;
    }
    if let Err(status) = cluster.create(&gvr, namespace, object, &WriteOptions::by(MANAGER)) {
        // The namespace may be going away, or somebody was faster: both are fine.
        tracing::debug!(%resource, %namespace, %status, "not created");
    }
}

/// Fills a Secret that asks for a token of a service account.
pub(super) fn token_secret(cluster: &Cluster, authentication: &Authentication, event: &WatchEvent) {
    let secret = &event.object;
    let asks = matches!(event.kind, WatchEventKind::Added | WatchEventKind::Modified)
        && secret["type"] == TOKEN_TYPE
        && secret.pointer("/data/token").is_none()
        && object::deletion_timestamp(secret).is_none();
    let (true, Some(account)) = (asks, object::annotation(secret, ACCOUNT)) else {
        return;
    };
    let (namespace, name) = (
        object::namespace(secret).unwrap_or_default(),
        object::name(secret),
    );
    let Ok(found) = cluster.get(&Gvr::new("", "v1", "serviceaccounts"), namespace, account) else {
        tracing::debug!(%namespace, %name, %account, "a Secret asks for the token of an account that does not exist");
        return;
    };
    let claims = Claims {
        namespace: namespace.to_owned(),
        name: account.to_owned(),
        uid: object::uid(&found).to_owned(),
        audiences: Vec::new(),
        expires: None,
        issued: jiff::Timestamp::now().as_second(),
        id: String::new(),
        secret: Some(name.to_owned()),
    };
    let Some(token) = authentication.tokens.sign(&claims) else {
        return;
    };
    let ca = authentication.authority.pem();
    let filled = cluster.mutate(
        &Gvr::new("", "v1", "secrets"),
        namespace,
        name,
        &WriteOptions::by(MANAGER),
        |secret| {
            let data = object::field_mut(secret, "data");
            data.insert("ca.crt".to_owned(), json!(STANDARD.encode(ca)));
            data.insert("namespace".to_owned(), json!(STANDARD.encode(namespace)));
            data.insert("token".to_owned(), json!(STANDARD.encode(&token)));
            let metadata = object::metadata_mut(secret);
            let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
            object::map_mut(annotations).insert(ACCOUNT_UID.to_owned(), json!(claims.uid));
            Ok(())
        },
    );
    if let Err(status) = filled {
        tracing::debug!(%namespace, %name, %status, "the token was not written");
    }
}
