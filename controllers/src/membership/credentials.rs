//! From a cluster object and its secret to a client configuration. No I/O; nothing here is printed.

use std::hash::{DefaultHasher, Hash, Hasher};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kube::config::{KubeConfigOptions, Kubeconfig};
use navarch_crds::keys::secret;
use navarch_crds::v1alpha1::FederatedClusterSpec;
use serde_json::{Value, json};

/// Why no configuration can be made.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// `spec.secretRef.name` is empty.
    #[error("spec.secretRef.name is empty: name a secret in the system namespace")]
    NoSecretNamed,
    /// There is no such secret.
    #[error("the secret {name} does not exist in {namespace}: create it")]
    NoSecret {
        /// Where it was looked for.
        namespace: String,
        /// The secret.
        name: String,
    },
    /// A key is missing.
    #[error("the secret {name} has no {key}: add it")]
    Missing {
        /// The secret.
        name: String,
        /// The key.
        key: &'static str,
    },
    /// A value cannot be used.
    #[error("the secret {name} or spec.apiEndpoint cannot be used: {message}")]
    Unusable {
        /// The secret.
        name: String,
        /// What is wrong.
        message: String,
    },
}

/// Which credentials of the secret are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Those that an administrator put there.
    Bootstrap,
    /// The token of the service account that joining made.
    ServiceAccount,
}

/// Changes when a client must be rebuilt.
pub(crate) fn fingerprint(spec: &FederatedClusterSpec, data: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    spec.api_endpoint.hash(&mut hasher);
    spec.insecure.hash(&mut hasher);
    spec.use_service_account.hash(&mut hasher);
    spec.secret_ref.name.hash(&mut hasher);
    data.hash(&mut hasher);
    hasher.finish()
}

/// The configuration for a member from its cluster object and the data of its secret, as the controllers use it:
/// the service account's token once there is one, what the administrator gave otherwise.
///
/// # Errors
/// When something is missing or unusable.
pub async fn member_config(
    spec: &FederatedClusterSpec,
    data: &Value,
) -> Result<kube::Config, CredentialsError> {
    let has_token = data
        .get(secret::SERVICE_ACCOUNT_TOKEN)
        .is_some_and(|token| !token.is_null());
    let which = if spec.use_service_account && has_token {
        Use::ServiceAccount
    } else {
        Use::Bootstrap
    };
    config(spec, data, which).await
}

/// The configuration for a member. Rules as in KubeAdmiral's `pkg/util/cluster/client.go`: without
/// `insecure` an authority is needed; a service account's token is used alone.
pub(crate) async fn config(
    spec: &FederatedClusterSpec,
    data: &Value,
    which: Use,
) -> Result<kube::Config, CredentialsError> {
    let name = &spec.secret_ref.name;
    let value = |key: &'static str| {
        data.get(key)
            .and_then(Value::as_str)
            .filter(|value| !value.is_empty())
    };
    let missing = |key| CredentialsError::Missing {
        name: name.clone(),
        key,
    };
    let mut cluster = json!({ "server": server(&spec.api_endpoint) });
    if spec.insecure {
        cluster["insecure-skip-tls-verify"] = json!(true);
    } else {
        let authority = value(secret::CERTIFICATE_AUTHORITY)
            .ok_or_else(|| missing(secret::CERTIFICATE_AUTHORITY))?;
        cluster["certificate-authority-data"] = json!(authority);
    }
    let mut user = json!({});
    match which {
        Use::ServiceAccount => {
            let token = value(secret::SERVICE_ACCOUNT_TOKEN)
                .ok_or_else(|| missing(secret::SERVICE_ACCOUNT_TOKEN))?;
            user["token"] = json!(decoded(name, token)?);
        }
        Use::Bootstrap => {
            let certificate = value(secret::CLIENT_CERTIFICATE);
            let key = value(secret::CLIENT_KEY);
            let token = value(secret::BOOTSTRAP_TOKEN);
            if let (Some(certificate), Some(key)) = (certificate, key) {
                user["client-certificate-data"] = json!(certificate);
                user["client-key-data"] = json!(key);
            } else if token.is_none() {
                return Err(missing(secret::CLIENT_CERTIFICATE));
            }
            if let Some(token) = token {
                user["token"] = json!(decoded(name, token)?);
            }
        }
    }
    let unusable = |message: String| CredentialsError::Unusable {
        name: name.clone(),
        message,
    };
    let kubeconfig: Kubeconfig = serde_json::from_value(json!({
        "clusters": [{ "name": "member", "cluster": cluster }],
        "users": [{ "name": "member", "user": user }],
        "contexts": [{ "name": "member", "context": { "cluster": "member", "user": "member" } }],
        "current-context": "member",
    }))
    .map_err(|error| unusable(error.to_string()))?;
    let mut config =
        kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
            .await
            .map_err(|error| unusable(error.to_string()))?;
    // Retries are ours: a queue that waits inside a client cannot be seen or ended.
    config.default_retry = false;
    Ok(config)
}

fn server(endpoint: &str) -> String {
    if endpoint.contains("://") {
        endpoint.to_owned()
    } else {
        format!("https://{endpoint}")
    }
}

fn decoded(name: &str, text: &str) -> Result<String, CredentialsError> {
    // The cause would hold a part of the token.
    let token = STANDARD
        .decode(text)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let token = token.ok_or_else(|| CredentialsError::Unusable {
        name: name.to_owned(),
        message: "a token is not base64 of text".to_owned(),
    })?;
    Ok(token.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(insecure: bool) -> FederatedClusterSpec {
        let mut spec = FederatedClusterSpec {
            insecure,
            ..FederatedClusterSpec::default()
        };
        spec.api_endpoint = "10.0.0.1:6443".to_owned();
        spec.secret_ref.name = "m".to_owned();
        spec
    }

    #[tokio::test]
    async fn what_is_missing_is_named() {
        let error = config(&spec(false), &json!({}), Use::Bootstrap)
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("certificate-authority-data"),
            "{error}"
        );
        let error = config(&spec(true), &json!({}), Use::Bootstrap)
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("client-certificate-data"),
            "{error}"
        );
        let error = config(&spec(true), &json!({}), Use::ServiceAccount)
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("service-account-token-data"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_token_is_enough_when_verification_is_off() {
        let data = json!({ "bootstrap-token-data": STANDARD.encode("secret\n") });
        let config = config(&spec(true), &data, Use::Bootstrap).await.unwrap();
        assert_eq!(config.cluster_url.to_string(), "https://10.0.0.1:6443/");
        assert!(!config.default_retry && config.accept_invalid_certs);
    }

    #[test]
    fn new_contents_of_the_secret_change_the_fingerprint() {
        let one = fingerprint(&spec(true), &json!({ "a": "1" }));
        assert_ne!(one, fingerprint(&spec(true), &json!({ "a": "2" })));
        assert_eq!(one, fingerprint(&spec(true), &json!({ "a": "1" })));
    }
}
