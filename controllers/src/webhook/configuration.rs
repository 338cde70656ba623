//! A `SchedulerPluginWebhookConfiguration` after it was checked. What cannot be used is told in the words of the
//! field; keys and passwords are never printed. No I/O.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use navarch_crds::go::duration;
use navarch_crds::v1alpha1::{SchedulerPluginWebhookConfigurationSpec, WebhookTlsConfig};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::url::{Prefix, UrlError};

/// KubeAdmiral's protocol: one call a cluster.
pub(crate) const V1ALPHA1: &str = "v1alpha1";
/// Navarch's own: all clusters in one call.
pub(crate) const BATCHED: &str = "navarch.dev/v1";
/// When `httpTimeout` is empty or zero, as in KubeAdmiral.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How the plugin is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// [`V1ALPHA1`].
    PerCluster,
    /// [`BATCHED`].
    Batched,
}

/// Where a plugin can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    Filter,
    Score,
    Select,
}

impl Point {
    /// What it is called in metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::Score => "score",
            Self::Select => "select",
        }
    }

    /// The field with its path.
    pub(crate) fn field(self) -> &'static str {
        match self {
            Self::Filter => "filterPath",
            Self::Score => "scorePath",
            Self::Select => "selectPath",
        }
    }
}

/// Why a configuration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConfigurationError {
    /// The object has another form.
    #[error("the configuration cannot be read ({0}): correct it")]
    Unreadable(String),
    /// No protocol in common.
    #[error("payloadVersions {0:?} has none that is supported: add {V1ALPHA1:?} or {BATCHED:?}")]
    Versions(Vec<String>),
    /// An address.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The time-out.
    #[error("httpTimeout {0:?} is no time: write for example 5s or 500ms")]
    Timeout(String),
    /// A part of `tlsConfig`.
    #[error("tlsConfig.{field}: {problem}")]
    Tls {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

/// How connections are secured. Keys are never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Security {
    pub(crate) insecure: bool,
    pub(crate) server_name: Option<String>,
    /// Authorities in DER; `None`: those of the system.
    pub(crate) authorities: Option<Vec<Vec<u8>>>,
    /// Certificate and key, base64 of PEM as they were written.
    pub(crate) identity: Option<(String, String)>,
}

impl fmt::Debug for Security {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Security")
            .field("insecure", &self.insecure)
            .field("server_name", &self.server_name)
            .finish_non_exhaustive()
    }
}

/// A configuration that can be used.
#[derive(Clone)]
pub(crate) struct Configuration {
    pub(crate) version: Version,
    pub(crate) timeout: Duration,
    pub(crate) security: Security,
    pub(crate) prefix: Prefix,
    filter: Option<Uri>,
    score: Option<Uri>,
    select: Option<Uri>,
}

impl fmt::Debug for Configuration {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Configuration")
            .field("version", &self.version)
            .field("origin", &self.prefix.origin())
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl Configuration {
    /// Checks a configuration.
    pub(crate) fn check(
        spec: &SchedulerPluginWebhookConfigurationSpec,
    ) -> Result<Self, ConfigurationError> {
        let version = spec.payload_versions.iter();
        let version = version
            .filter_map(|version| match version.as_str() {
                V1ALPHA1 => Some(Version::PerCluster),
                BATCHED => Some(Version::Batched),
                _ => None,
            })
            .next()
            .ok_or_else(|| ConfigurationError::Versions(spec.payload_versions.clone()))?;
        let prefix = Prefix::parse(&spec.url_prefix)?;
        let at = |path: &str, point: Point| {
            (!path.is_empty())
                .then(|| prefix.join(path, point.field()))
                .transpose()
        };
        Ok(Self {
            version,
            timeout: timeout(&spec.http_timeout)?,
            security: security(spec.tls_config.as_ref(), prefix.is_secure())?,
            filter: at(&spec.filter_path, Point::Filter)?,
            score: at(&spec.score_path, Point::Score)?,
            select: at(&spec.select_path, Point::Select)?,
            prefix,
        })
    }

    /// Where the plugin answers at this point.
    pub(crate) fn url(&self, point: Point) -> Option<&Uri> {
        match point {
            Point::Filter => self.filter.as_ref(),
            Point::Score => self.score.as_ref(),
            Point::Select => self.select.as_ref(),
        }
    }
}

fn timeout(text: &str) -> Result<Duration, ConfigurationError> {
    if text.is_empty() {
        return Ok(TIMEOUT);
    }
    let refused = || ConfigurationError::Timeout(text.to_owned());
    let parsed = duration::parse(text).map_err(|_error| refused())?;
    let timeout = parsed.to_std().ok_or_else(refused)?;
    Ok(if timeout.is_zero() { TIMEOUT } else { timeout })
}

/// The rules of client-go (`rest.TLSConfigFor`), which KubeAdmiral uses: authorities and `insecure` exclude each
/// other, a certificate needs its key.
fn security(tls: Option<&WebhookTlsConfig>, secure: bool) -> Result<Security, ConfigurationError> {
    let wrong = |field, problem: &str| ConfigurationError::Tls {
        field,
        problem: problem.to_owned(),
    };
    let none = WebhookTlsConfig::default();
    let tls = tls.unwrap_or(&none);
    if tls.insecure && !tls.ca_data.is_empty() {
        return Err(wrong(
            "insecure",
            "nothing is verified with it, so caData must be empty",
        ));
    }
    let identity = match (tls.cert_data.is_empty(), tls.key_data.is_empty()) {
        (true, true) => None,
        (false, false) => {
            pem("certData", &tls.cert_data)?;
            pem("keyData", &tls.key_data)?;
            Some((tls.cert_data.clone(), tls.key_data.clone()))
        }
        (true, false) => return Err(wrong("certData", "it is missing, and there is a key")),
        (false, true) => {
            return Err(wrong(
                "keyData",
                "it is missing, and there is a certificate",
            ));
        }
    };
    let authorities = if !tls.ca_data.is_empty() {
        let pem = pem("caData", &tls.ca_data)?;
        let read: Result<Vec<Vec<u8>>, _> = CertificateDer::pem_slice_iter(&pem)
            .map(|certificate| certificate.map(|der| der.to_vec()))
            .collect();
        let read = read.map_err(|_error| wrong("caData", "its PEM cannot be read"))?;
        if read.is_empty() {
            return Err(wrong("caData", "it holds no certificate"));
        }
        Some(read)
    } else if secure && !tls.insecure {
        None
    } else {
        // Nothing is verified, so the authorities of the system need not be there.
        Some(Vec::new())
    };
    Ok(Security {
        insecure: tls.insecure,
        server_name: Some(tls.server_name.clone()).filter(|name| !name.is_empty()),
        authorities,
        identity,
    })
}

fn pem(field: &'static str, text: &str) -> Result<Vec<u8>, ConfigurationError> {
    // The cause would hold a part of the text.
    STANDARD
        .decode(text)
        .map_err(|_error| ConfigurationError::Tls {
            field,
            problem: "it is not base64".to_owned(),
        })
}

/// The parts of a configuration that can change a decision. Time-outs and certificates only change whether there is
/// one.
pub(crate) fn bearing(spec: &SchedulerPluginWebhookConfigurationSpec) -> Arc<str> {
    let parts = (
        &spec.payload_versions,
        &spec.url_prefix,
        &spec.filter_path,
        &spec.score_path,
        &spec.select_path,
    );
    navarch_crds::go::hash::of_json(&parts)
        .unwrap_or_default()
        .into()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(changes: &Value) -> Result<Configuration, String> {
        let mut spec = json!({ "payloadVersions": ["v1alpha1"], "urlPrefix": "http://h:1/x",
            "filterPath": "filter" });
        json_patch::merge(&mut spec, changes);
        let spec = serde_json::from_value(spec).map_err(|error| error.to_string())?;
        Configuration::check(&spec).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_said_has_its_default() {
        let configuration = check(&json!({})).unwrap();
        assert_eq!(configuration.version, Version::PerCluster);
        assert_eq!(configuration.timeout, Duration::from_secs(5));
        let at = |point| configuration.url(point).map(ToString::to_string);
        assert_eq!(at(Point::Filter).as_deref(), Some("http://h:1/x/filter"));
        assert_eq!((at(Point::Score), at(Point::Select)), (None, None));
    }

    #[test]
    fn the_first_version_that_is_known_counts() {
        for (versions, expected) in [
            (json!(["navarch.dev/v1", "v1alpha1"]), Version::Batched),
            (json!(["v1alpha1", "navarch.dev/v1"]), Version::PerCluster),
            (json!(["v9", "navarch.dev/v1"]), Version::Batched),
        ] {
            let configuration = check(&json!({ "payloadVersions": versions })).unwrap();
            assert_eq!(configuration.version, expected);
        }
    }

    #[test]
    fn times_are_in_the_format_of_go_and_zero_is_the_default() {
        for (text, expected) in [("0s", 5_000), ("250ms", 250), ("1m30s", 90_000)] {
            let configuration = check(&json!({ "httpTimeout": text })).unwrap();
            assert_eq!(configuration.timeout, Duration::from_millis(expected));
        }
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let text = |text: &str| STANDARD.encode(text);
        for (name, changes, word) in [
            (
                "no version",
                json!({ "payloadVersions": ["v9"] }),
                "payloadVersions",
            ),
            ("no scheme", json!({ "urlPrefix": "h:1" }), "urlPrefix"),
            ("no time", json!({ "httpTimeout": "5" }), "httpTimeout"),
            ("negative", json!({ "httpTimeout": "-1s" }), "httpTimeout"),
            (
                "insecure with authorities",
                json!({ "tlsConfig": { "insecure": true, "caData": text("x") } }),
                "tlsConfig.insecure",
            ),
            (
                "authorities that are none",
                json!({ "tlsConfig": { "caData": text("secret") } }),
                "tlsConfig.caData",
            ),
            (
                "a certificate without its key",
                json!({ "tlsConfig": { "certData": text("x") } }),
                "tlsConfig.keyData",
            ),
            (
                "not base64",
                json!({ "tlsConfig": { "certData": "secret!", "keyData": "secret!" } }),
                "tlsConfig.certData",
            ),
        ] {
            let error = check(&changes).unwrap_err();
            assert!(error.contains(word), "{name}: {error}");
            assert!(!error.contains("secret"), "{name}: {error}");
        }
    }

    #[test]
    fn keys_and_passwords_are_not_printed() {
        let tls =
            json!({ "certData": STANDARD.encode("c"), "keyData": STANDARD.encode("private") });
        let spec = json!({ "tlsConfig": tls, "urlPrefix": "http://me:private@h" });
        let shown = format!("{:?}", check(&spec).unwrap());
        assert!(!shown.contains("private"), "{shown}");
        assert!(!shown.contains(&STANDARD.encode("private")), "{shown}");
    }
}
