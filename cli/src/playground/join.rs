//! Joining a sandbox member the way KubeAdmiral's documents say: a Secret with the member's administrator certificate
//! and a FederatedCluster that asks for a service account. Whatever manager runs does the rest.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{Patch, PatchParams};
use navarch_crds::keys;
use navarch_crds::v1alpha1::FederatedCluster;
use navarch_sandbox::server::ApiServer;
use serde_json::json;

use crate::error::CliError;
use crate::kubeconfig::Target;
use crate::member_access::{FIELD_MANAGER, secret_name};

/// Writes Secret and FederatedCluster of a member into the host.
pub(super) async fn announce(host: &Target, member: &ApiServer) -> Result<(), CliError> {
    let name = member.name();
    let credentials = member.admin();
    let secret = json!({"apiVersion": "v1", "kind": "Secret",
    "metadata": {"name": secret_name(name), "namespace": keys::SYSTEM_NAMESPACE},
    "data": {
        keys::secret::CERTIFICATE_AUTHORITY: STANDARD.encode(member.ca_pem()),
        keys::secret::CLIENT_CERTIFICATE: STANDARD.encode(&credentials.certificate_pem),
        keys::secret::CLIENT_KEY: STANDARD.encode(&credentials.key_pem),
    }});
    let cluster = json!({"apiVersion": "core.kubeadmiral.io/v1alpha1", "kind": "FederatedCluster",
        "metadata": {"name": name},
        "spec": {"apiEndpoint": member.url(), "useServiceAccount": true, "secretRef": {"name": secret_name(name)}}});
    let apply = PatchParams::apply(FIELD_MANAGER).force();
    Api::<Secret>::namespaced(host.client.clone(), keys::SYSTEM_NAMESPACE)
        .patch(&secret_name(name), &apply, &Patch::Apply(&secret))
        .await
        .map_err(CliError::request(format!("writing the Secret of {name}")))?;
    Api::<FederatedCluster>::all(host.client.clone())
        .patch(name, &apply, &Patch::Apply(&cluster))
        .await
        .map(|_announced| ())
        .map_err(CliError::request(format!(
            "writing FederatedCluster {name}"
        )))
}
