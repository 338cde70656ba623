//! Prepares a host: the definitions, the system namespace, the shipped type configs. Repeating it
//! changes nothing.

use std::time::Duration;

use kube::Client;
use navarch_crds::keys::SYSTEM_NAMESPACE;
use serde_json::{Value, json};

use crate::fleet::limits;
use crate::fleet::request::{Force, Kind, RequestError, Requests};
use crate::runtime::compact::text;
use crate::runtime::lease::Term;

/// A definition that is not established after so long has a problem that waiting does not solve.
const ESTABLISHED_WITHIN: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Why a host could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// A request failed.
    #[error("preparing the host: {message}")]
    Request {
        /// What the server said.
        message: String,
        /// The failure.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Something of ours cannot be written as JSON.
    #[error("preparing the host: {what} cannot be written")]
    Write {
        /// What.
        what: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A definition does not come to life.
    #[error(
        "preparing the host: the definition {name} is not established after {waited:?}: look at its conditions"
    )]
    NotEstablished {
        /// Its name.
        name: String,
        /// How long was waited.
        waited: Duration,
    },
}

impl From<RequestError> for InstallError {
    fn from(error: RequestError) -> Self {
        Self::Request {
            message: error.message(),
            source: Box::new(error),
        }
    }
}

/// What was made sure of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Installed {
    /// Names of the definitions.
    pub definitions: Vec<String>,
    /// Names of the type configs.
    pub type_configs: Vec<String>,
}

/// Makes sure of everything that the manager needs in the host.
///
/// # Errors
/// When the host refuses something or a definition does not come to life.
pub async fn install(client: &Client) -> Result<Installed, InstallError> {
    let host = Requests::new(client.clone(), Term::without_election(), limits::REQUEST);
    let mut installed = Installed::default();
    let definitions = Kind::new(
        "apiextensions.k8s.io",
        "v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        false,
    );
    for definition in navarch_crds::definitions::all() {
        let name = definition.metadata.name.clone().unwrap_or_default();
        let mut object = to_value(&definition, &name)?;
        object["apiVersion"] = json!("apiextensions.k8s.io/v1");
        object["kind"] = json!("CustomResourceDefinition");
        host.apply(&definitions, None, &name, &object, Force::Yes)
            .await?;
        installed.definitions.push(name);
    }
    let namespaces = Kind::new("", "v1", "Namespace", "namespaces", false);
    let namespace = json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": SYSTEM_NAMESPACE },
    });
    host.apply(&namespaces, None, SYSTEM_NAMESPACE, &namespace, Force::Yes)
        .await?;
    for name in &installed.definitions {
        established(&host, &definitions, name).await?;
    }
    let type_configs = Kind::new(
        "core.kubeadmiral.io",
        "v1alpha1",
        "FederatedTypeConfig",
        "federatedtypeconfigs",
        false,
    );
    for config in navarch_crds::type_configs::defaults() {
        let name = config.metadata.name.clone().unwrap_or_default();
        // What a user changed is theirs: a type config that exists is left alone.
        if host.get(&type_configs, None, &name).await?.is_none() {
            let object = to_value(&config, &name)?;
            host.apply(&type_configs, None, &name, &object, Force::Yes)
                .await?;
        }
        installed.type_configs.push(name);
    }
    Ok(installed)
}

fn to_value(object: &impl serde::Serialize, what: &str) -> Result<Value, InstallError> {
    serde_json::to_value(object).map_err(|source| InstallError::Write {
        what: what.to_owned(),
        source,
    })
}

async fn established(host: &Requests, kind: &Kind, name: &str) -> Result<(), InstallError> {
    let waited = tokio::time::timeout(ESTABLISHED_WITHIN, async {
        loop {
            let present = host.get(kind, None, name).await?.unwrap_or_default();
            let conditions = present
                .pointer("/status/conditions")
                .and_then(Value::as_array);
            let done = conditions.into_iter().flatten().any(|condition| {
                text(condition, "/type") == Some("Established")
                    && text(condition, "/status") == Some("True")
            });
            if done {
                return Ok::<(), RequestError>(());
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    })
    .await;
    match waited {
        Ok(result) => Ok(result?),
        Err(_) => Err(InstallError::NotEstablished {
            name: name.to_owned(),
            waited: ESTABLISHED_WITHIN,
        }),
    }
}
