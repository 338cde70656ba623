//! What joining makes in a member and leaving takes away: the system namespace with our mark, a
//! service account, its roles and its token. Every step can be repeated.

use std::time::Duration;

use navarch_crds::keys::{MEMBER_SERVICE_ACCOUNT, annotation, secret};
use serde_json::{Value, json};

use crate::fleet::request::{Kind, Part, RequestError, Requests};
use crate::runtime::compact::{annotation as annotation_of, text};

/// Attempts to read the token, [`TOKEN_WAIT`] apart: the member's controller fills it in.
const TOKEN_ATTEMPTS: usize = 40;
const TOKEN_WAIT: Duration = Duration::from_millis(250);
const ROLE: &str = "kubeadmiral-controller-manager:kubeadmiral-member";

/// Why a member could not be joined.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JoinError {
    /// It belongs to somebody else; trying again is of no use.
    #[error(
        "the namespace {namespace} of the member exists and does not carry the uid of this cluster object: \
         the member belongs to another control plane or was joined under another name; remove it from there first"
    )]
    Unjoinable { namespace: String },
    /// The member's controller did not make a token.
    #[error("the member did not fill in the token of the service account {MEMBER_SERVICE_ACCOUNT}")]
    NoToken,
    /// A request failed.
    #[error(transparent)]
    Request(#[from] RequestError),
}

fn namespaces() -> Kind {
    Kind::new("", "v1", "Namespace", "namespaces", false)
}

fn service_accounts() -> Kind {
    Kind::new("", "v1", "ServiceAccount", "serviceaccounts", true)
}

/// Secrets, also used on the host.
pub(crate) fn secrets() -> Kind {
    Kind::new("", "v1", "Secret", "secrets", true)
}

fn cluster_roles() -> Kind {
    Kind::new(
        "rbac.authorization.k8s.io",
        "v1",
        "ClusterRole",
        "clusterroles",
        false,
    )
}

fn cluster_role_bindings() -> Kind {
    Kind::new(
        "rbac.authorization.k8s.io",
        "v1",
        "ClusterRoleBinding",
        "clusterrolebindings",
        false,
    )
}

/// Marks the member as ours: the system namespace with the uid of the cluster object.
pub(crate) async fn claim(
    member: &Requests,
    namespace: &str,
    cluster_uid: &str,
) -> Result<Value, JoinError> {
    let kind = namespaces();
    if let Some(present) = member.get(&kind, None, namespace).await? {
        if annotation_of(&present, annotation::FEDERATED_CLUSTER_UID) == Some(cluster_uid) {
            return Ok(present);
        }
        return Err(JoinError::Unjoinable {
            namespace: namespace.to_owned(),
        });
    }
    let wanted = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {
            "name": namespace,
            "annotations": { annotation::FEDERATED_CLUSTER_UID: cluster_uid },
        },
    });
    Ok(member.create(&kind, None, &wanted).await?)
}

/// Makes the service account, its roles and its token; returns the token as base64.
pub(crate) async fn make_service_account(
    member: &Requests,
    namespace: &Value,
) -> Result<String, JoinError> {
    let name = text(namespace, "/metadata/name").unwrap_or_default();
    let owner = json!([{
        "apiVersion": "v1", "kind": "Namespace", "name": name,
        "uid": text(namespace, "/metadata/uid").unwrap_or_default(),
    }]);
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": { "name": MEMBER_SERVICE_ACCOUNT, "namespace": name },
    });
    create_once(member, &service_accounts(), Some(name), &account).await?;
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": { "name": ROLE, "ownerReferences": owner },
        "rules": [
            { "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] },
            { "nonResourceURLs": ["*"], "verbs": ["get"] },
        ],
    });
    create_once(member, &cluster_roles(), None, &role).await?;
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": { "name": ROLE, "ownerReferences": owner },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ROLE },
        "subjects": [{ "kind": "ServiceAccount", "name": MEMBER_SERVICE_ACCOUNT, "namespace": name }],
    });
    create_once(member, &cluster_role_bindings(), None, &binding).await?;
    let token = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
        "metadata": {
            "name": MEMBER_SERVICE_ACCOUNT, "namespace": name,
            "annotations": { "kubernetes.io/service-account.name": MEMBER_SERVICE_ACCOUNT },
        },
    });
    create_once(member, &secrets(), Some(name), &token).await?;
    for _ in 0..TOKEN_ATTEMPTS {
        let present = member
            .get(&secrets(), Some(name), MEMBER_SERVICE_ACCOUNT)
            .await?;
        let token = present
            .as_ref()
            .and_then(|secret| text(secret, "/data/token"));
        if let Some(token) = token.filter(|token| !token.is_empty()) {
            return Ok(token.to_owned());
        }
        tokio::time::sleep(TOKEN_WAIT).await;
    }
    Err(JoinError::NoToken)
}

async fn create_once(
    member: &Requests,
    kind: &Kind,
    namespace: Option<&str>,
    object: &Value,
) -> Result<(), RequestError> {
    match member.create(kind, namespace, object).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_conflict() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Puts the token into the host's secret, or takes it out.
pub(crate) async fn store_token(
    host: &Requests,
    namespace: &str,
    name: &str,
    token: Option<&str>,
) -> Result<(), RequestError> {
    let patch = json!({ "data": { secret::SERVICE_ACCOUNT_TOKEN: token } });
    match host
        .merge(&secrets(), Some(namespace), name, Part::Whole, &patch)
        .await
    {
        Ok(_) => Ok(()),
        Err(error) if token.is_none() && error.is_not_found() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Takes away what joining made in the member, if the mark there is ours.
pub(crate) async fn release(
    member: &Requests,
    namespace: &str,
    cluster_uid: &str,
) -> Result<(), RequestError> {
    let kind = namespaces();
    let Some(present) = member.get(&kind, None, namespace).await? else {
        return Ok(());
    };
    if annotation_of(&present, annotation::FEDERATED_CLUSTER_UID) != Some(cluster_uid) {
        return Ok(());
    }
    // The roles go with it by their owner reference; taking them first would take our own right.
    member
        .delete(
            &kind,
            None,
            namespace,
            text(&present, "/metadata/uid"),
            None,
        )
        .await
        .map(|_| ())
}
