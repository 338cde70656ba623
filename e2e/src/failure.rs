//! Why a story failed, in words that make looking again unnecessary: what was done to what, and what was there instead.

use serde_json::Value;

/// Why a story could not be told to its end.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The backend could not be started or steered.
    #[error("backend: {0}")]
    Backend(String),
    /// The backend has no such power; the scenario should have named it among its needs.
    #[error("backend {backend} cannot {power}: name it among the needs of the scenario")]
    Lacks {
        /// The backend.
        backend: &'static str,
        /// What it was asked for.
        power: &'static str,
    },
    /// A cluster refused or did not answer.
    #[error("{action}: {message}")]
    Request {
        /// What was done, to what, where.
        action: String,
        /// What came back.
        message: String,
    },
    /// Something did not come true in time.
    #[error("not seen within {seconds} s: {what}\nlast seen: {seen}\nevents:\n{events}")]
    TimedOut {
        /// What was waited for.
        what: String,
        /// How long.
        seconds: u64,
        /// What was there instead.
        seen: String,
        /// What the cluster says about it.
        events: String,
    },
    /// Something is not as it should be.
    #[error("expected {what}\nfound: {found}")]
    Expected {
        /// What should be.
        what: String,
        /// What is.
        found: String,
    },
    /// Manifests of a story that cannot be read.
    #[error("manifest: {0}")]
    Manifest(String),
}

/// How parts of a story end.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Fails unless `holds`; `found` is what to show then.
pub(crate) fn expect(holds: bool, what: impl Into<String>, found: impl std::fmt::Debug) -> Outcome {
    if holds {
        return Ok(());
    }
    Err(Failure::Expected {
        what: what.into(),
        found: format!("{found:?}"),
    })
}

/// Fails unless both are equal.
pub(crate) fn expect_equal<T: PartialEq + std::fmt::Debug>(
    what: &str,
    found: &T,
    wanted: &T,
) -> Outcome {
    if found == wanted {
        return Ok(());
    }
    Err(Failure::Expected {
        what: format!("{what}: {wanted:?}"),
        found: format!("{found:?}"),
    })
}

/// An object for people: without managed fields, and as short as it can be.
pub(crate) fn shown(object: &Value) -> String {
    let mut object = object.clone();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    object.to_string()
}
