//! Is the member alive? One probe at a time; the verdict is data.

use super::request::{RequestError, Requests};

/// What a probe found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// It answers and says that it is well.
    Well,
    /// It answers and says that it is not.
    Unwell(String),
    /// It answers and does not accept our credentials.
    Refused(String),
    /// No answer.
    Silent(String),
}

/// Asks `/readyz`-like health once. KubeAdmiral asks `/healthz` (`federatedcluster/clusterstatus.go`).
pub(crate) async fn probe(requests: &Requests) -> Probe {
    match requests.text("/healthz").await {
        Ok(text) if text.trim() == "ok" => Probe::Well,
        Ok(text) => Probe::Unwell(format!(
            "/healthz says {:?}",
            text.chars().take(80).collect::<String>()
        )),
        Err(error) if error.is_credentials() => Probe::Refused(error.message()),
        Err(error @ RequestError::Refused { .. }) => Probe::Unwell(format!(
            "/healthz answered with an error: {}",
            error.message()
        )),
        Err(error) => Probe::Silent(error.message()),
    }
}
