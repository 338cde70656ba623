//! The two kinds of servers that are asked.

use crate::client::{Client, Identity};
use navarch_sandbox::server::{ApiServer, ServerOptions};
use navarch_sandbox::simulate::SimulationOptions;
use serde_json::Value;
use std::path::Path;

/// A server and how to get in.
pub(crate) struct Server {
    url: String,
    authority: String,
    administrator: Identity,
}

impl Server {
    /// The one that the environment names, if it names one.
    pub(crate) fn live() -> Option<Self> {
        std::env::var_os("NAVARCH_CORPUS_KUBECONFIG")
            .map(|path| Self::of_kubeconfig(Path::new(&path)))
    }

    fn of_kubeconfig(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| {
            panic!("NAVARCH_CORPUS_KUBECONFIG={}: {error}", path.display())
        });
        let config: Value = serde_saphyr::from_str(&text).unwrap();
        let current = || config["current-context"].as_str().map(str::to_owned);
        let context = std::env::var("NAVARCH_CORPUS_CONTEXT")
            .ok()
            .or_else(current);
        let chosen = &named(&config, "contexts", context.as_deref())["context"];
        let cluster = &named(&config, "clusters", chosen["cluster"].as_str())["cluster"];
        let user = &named(&config, "users", chosen["user"].as_str())["user"];
        let part = |of: &Value, name: &str| {
            let text = of[name].as_str();
            let text = text.unwrap_or_else(|| panic!("the kubeconfig has no {name}"));
            decode(text)
        };
        let certificate = part(user, "client-certificate-data");
        let key = part(user, "client-key-data");
        let authority = part(cluster, "certificate-authority-data");
        Self {
            url: cluster["server"].as_str().unwrap().to_owned(),
            authority: String::from_utf8(authority).unwrap(),
            administrator: Identity::from_pem(&certificate, &key),
        }
    }

    /// A new sandbox.
    pub(crate) async fn sandbox() -> (Self, ApiServer) {
        let options = ServerOptions {
            name: "corpus".to_owned(),
            simulation: Some(SimulationOptions::nodes(2)),
        };
        let server = ApiServer::start(options).await.unwrap();
        let admin = server.admin();
        let this = Self {
            url: server.url(),
            authority: server.ca_pem().to_owned(),
            administrator: Identity::from_pem(
                admin.certificate_pem.as_bytes(),
                admin.key_pem.as_bytes(),
            ),
        };
        (this, server)
    }

    /// As `system:masters`.
    pub(crate) fn administrator(&self) -> Client {
        Client::new(&self.url, &self.authority, &self.administrator)
    }

    /// Without a certificate.
    pub(crate) fn anonymous(&self) -> Client {
        let nobody = Identity { certificate: None };
        Client::new(&self.url, &self.authority, &nobody)
    }
}

fn decode(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD
        .decode(text)
        .unwrap()
}

fn named<'a>(config: &'a Value, list: &str, name: Option<&str>) -> &'a Value {
    let entries = config[list].as_array().map_or(&[][..], Vec::as_slice);
    let found = entries.iter().find(|e| e["name"].as_str() == name);
    found.unwrap_or_else(|| panic!("the kubeconfig has no {name:?} in {list}"))
}
