//! What `join` makes and `unjoin` removes: in the member a namespace, a service account with its token and its
//! roles; in the host a Secret with that token and a FederatedCluster that names it.
//! The names are KubeAdmiral's (pkg/controllers/federatedcluster), so either side can be taken over.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Namespace, Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::Api;
use kube::api::{Patch, PatchParams};
use navarch_crds::keys;
use navarch_crds::v1alpha1::FederatedCluster;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::error::CliError;
use crate::kubeconfig::Target;

/// Who writes, as it stands in managed fields.
pub(crate) const FIELD_MANAGER: &str = "navarch-join";
/// ClusterRole and ClusterRoleBinding in the member.
pub(crate) const ROLE: &str = "kubeadmiral-controller-manager:kubeadmiral-member";
/// How long the member's token controller may take to fill the token's Secret.
const TOKEN_WAIT: Duration = Duration::from_secs(30);

/// What the host needs to reach a member.
pub(crate) struct MemberCredentials {
    /// The API server's address.
    pub(crate) server: String,
    /// Its CA, PEM.
    ca: Vec<u8>,
    /// The service account's token.
    token: Vec<u8>,
}

/// Name of the host's Secret of a member.
pub(crate) fn secret_name(cluster: &str) -> String {
    format!("{cluster}-credentials")
}

/// The member's address as it stands in its kubeconfig, without a trailing slash.
pub(crate) fn server_of(config: &kube::Config) -> String {
    config
        .cluster_url
        .to_string()
        .trim_end_matches('/')
        .to_owned()
}

/// The FederatedCluster of a member that is joined by this command: the token in the Secret is used as it is.
pub(crate) fn federated_cluster(name: &str, server: &str) -> FederatedCluster {
    let mut cluster = FederatedCluster::default();
    cluster.metadata.name = Some(name.to_owned());
    cluster.spec.api_endpoint = server.to_owned();
    cluster.spec.secret_ref.name = secret_name(name);
    cluster
}

/// Makes everything in the member and reads the token. `uid`: the FederatedCluster's, the mark of the owner.
pub(crate) async fn grant(member: &Target, uid: &str) -> Result<MemberCredentials, CliError> {
    let namespace = keys::SYSTEM_NAMESPACE;
    let account = keys::MEMBER_SERVICE_ACCOUNT;
    let client = &member.client;
    let created = apply(
        &Api::<Namespace>::all(client.clone()),
        namespace,
        &json!({"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": namespace, "annotations": {keys::annotation::FEDERATED_CLUSTER_UID: uid}}}),
        member,
    )
    .await?;
    let owner = json!([{"apiVersion": "v1", "kind": "Namespace", "name": namespace, "uid": created.metadata.uid}]);
    apply(
        &Api::<ServiceAccount>::namespaced(client.clone(), namespace),
        account,
        &json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account, "namespace": namespace}}),
        member,
    )
    .await?;
    for (kind, rest) in roles() {
        let mut object = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind,
            "metadata": {"name": ROLE, "ownerReferences": owner}});
        merge(&mut object, rest);
        if kind == "ClusterRole" {
            apply(
                &Api::<ClusterRole>::all(client.clone()),
                ROLE,
                &object,
                member,
            )
            .await?;
        } else {
            apply(
                &Api::<ClusterRoleBinding>::all(client.clone()),
                ROLE,
                &object,
                member,
            )
            .await?;
        }
    }
    let secrets = Api::<Secret>::namespaced(client.clone(), namespace);
    apply(
        &secrets,
        account,
        &json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
            "metadata": {"name": account, "namespace": namespace,
                "annotations": {"kubernetes.io/service-account.name": account}}}),
        member,
    )
    .await?;
    let token = await_token(secrets, account, member).await?;
    Ok(MemberCredentials {
        server: server_of(&member.config),
        ca: ca_of(&member.config),
        token,
    })
}

/// The rights of the controllers in a member: any kind may be federated, so every kind.
fn roles() -> [(&'static str, Value); 2] {
    let rules = json!({"rules": [
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
        {"nonResourceURLs": ["*"], "verbs": ["get"]},
    ]});
    let binding = json!({
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ROLE},
        "subjects": [{"kind": "ServiceAccount", "name": keys::MEMBER_SERVICE_ACCOUNT, "namespace": keys::SYSTEM_NAMESPACE}],
    });
    [("ClusterRole", rules), ("ClusterRoleBinding", binding)]
}

fn merge(object: &mut Value, rest: Value) {
    if let (Some(object), Value::Object(rest)) = (object.as_object_mut(), rest) {
        object.extend(rest);
    }
}

async fn apply<K>(api: &Api<K>, name: &str, object: &Value, target: &Target) -> Result<K, CliError>
where
    K: Clone + DeserializeOwned + std::fmt::Debug,
{
    let kind = object["kind"].as_str().unwrap_or_default();
    api.patch(
        name,
        &PatchParams::apply(FIELD_MANAGER).force(),
        &Patch::Apply(object),
    )
    .await
    .map_err(CliError::request(format!(
        "applying {kind} {name} in context {:?}",
        target.context
    )))
}

async fn await_token(
    secrets: Api<Secret>,
    account: &str,
    member: &Target,
) -> Result<Vec<u8>, CliError> {
    let filled = |secret: Option<&Secret>| {
        secret
            .and_then(|secret| secret.data.as_ref())
            .is_some_and(|data| data.contains_key("token"))
    };
    let waiting = kube::runtime::wait::await_condition(secrets, account, filled);
    let token = match tokio::time::timeout(TOKEN_WAIT, waiting).await {
        Ok(Ok(Some(secret))) => secret.data.and_then(|mut data| data.remove("token")),
        _ => None,
    };
    token.map(|ByteString(token)| token).ok_or_else(|| CliError::TimedOut {
        doing: format!("waiting for the token of service account {account} in context {:?}", member.context),
        seconds: TOKEN_WAIT.as_secs(),
        last: "the Secret has no token".to_owned(),
        advice: "Does the member run a controller manager with the token controller? Run the same command again once it does.".to_owned(),
    })
}

/// The CA's certificates as PEM, from the form in which a client's configuration holds them.
fn ca_of(config: &kube::Config) -> Vec<u8> {
    let mut pem = String::new();
    for certificate in config.root_cert.iter().flatten() {
        pem.push_str("-----BEGIN CERTIFICATE-----\n");
        let encoded = STANDARD.encode(certificate);
        for line in encoded.as_bytes().chunks(64) {
            pem.push_str(&String::from_utf8_lossy(line));
            pem.push('\n');
        }
        pem.push_str("-----END CERTIFICATE-----\n");
    }
    pem.into_bytes()
}

/// Writes the member's credentials into the host.
pub(crate) async fn store(
    host: &Target,
    cluster: &str,
    credentials: &MemberCredentials,
) -> Result<(), CliError> {
    let name = secret_name(cluster);
    let mut data = json!({keys::secret::BOOTSTRAP_TOKEN: STANDARD.encode(&credentials.token)});
    if !credentials.ca.is_empty() {
        data[keys::secret::CERTIFICATE_AUTHORITY] = json!(STANDARD.encode(&credentials.ca));
    }
    let secret = json!({"apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": name, "namespace": keys::SYSTEM_NAMESPACE}, "data": data});
    apply(
        &Api::<Secret>::namespaced(host.client.clone(), keys::SYSTEM_NAMESPACE),
        &name,
        &secret,
        host,
    )
    .await
    .map(|_stored| ())
}

/// A client for the member from the credentials that the host holds.
pub(crate) async fn stored(host: &Target, cluster: &FederatedCluster) -> Result<Target, CliError> {
    let secrets = Api::<Secret>::namespaced(host.client.clone(), keys::SYSTEM_NAMESPACE);
    let name = cluster.spec.secret_ref.name.clone();
    let secret = secrets.get(&name).await.map_err(CliError::request(format!(
        "reading Secret {name} in context {:?}",
        host.context
    )))?;
    let context = cluster.metadata.name.clone().unwrap_or_default();
    let data = serde_json::to_value(&secret.data).unwrap_or_default();
    let config = navarch_controllers::member_config(&cluster.spec, &data)
        .await
        .map_err(|error| CliError::Controllers(Box::new(error)))?;
    let client = kube::Client::try_from(config.clone()).map_err(|source| CliError::Client {
        context: context.clone(),
        source: Box::new(source),
    })?;
    Ok(Target {
        context,
        config,
        client,
    })
}
