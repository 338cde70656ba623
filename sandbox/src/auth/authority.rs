//! The certificate authority of one server: makes the server's certificate and those of users, and knows whom it
//! issued them to. Keys live in memory only. Knows nothing of requests.

use super::User;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use ring::digest::{SHA256, digest};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Names under which the server answers, as kubeadm puts them into its certificate.
const SERVER_NAMES: [&str; 6] = [
    "127.0.0.1",
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "10.96.0.1",
];

/// Why a certificate could not be made.
#[derive(Debug, thiserror::Error)]
#[error("making the certificate of {subject}: {source}")]
pub struct CertificateError {
    /// For whom.
    pub subject: String,
    /// Why.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// A certificate and its key, both PEM.
#[derive(Clone)]
pub struct ClientCredentials {
    /// The certificate.
    pub certificate_pem: String,
    /// Its private key.
    pub key_pem: String,
}

impl std::fmt::Debug for ClientCredentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ClientCredentials")
    }
}

/// A certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: String,
    /// Digest of a certificate → its owner. No certificate of ours is owned by anybody else, so its subject need not be parsed.
    issued: RwLock<HashMap<Vec<u8>, User>>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Authority")
    }
}

impl Authority {
    /// A new authority for the server `name`.
    pub fn new(name: &str) -> Result<Self, CertificateError> {
        let failed = |source| error(name, source);
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = CertificateParams::new(Vec::new()).map_err(failed)?;
        params
            .distinguished_name
            .push(DnType::CommonName, format!("{name}-ca"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::CrlSign,
        ];
        let certificate = params.self_signed(&key).map_err(failed)?;
        Ok(Self {
            pem: certificate.pem(),
            certificate: certificate.der().clone(),
            issuer: Issuer::new(params, key),
            issued: RwLock::default(),
        })
    }

    /// The authority's own certificate.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for `user`: the name is its common name, each group an organization.
    pub fn issue(&self, user: &User) -> Result<ClientCredentials, CertificateError> {
        let failed = |source| error(&user.name, source);
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = CertificateParams::new(Vec::new()).map_err(failed)?;
        params
            .distinguished_name
            .push(DnType::CommonName, user.name.as_str());
        for group in &user.groups {
            params
                .distinguished_name
                .push(DnType::OrganizationName, group.as_str());
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?;
        self.issued
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(fingerprint(certificate.der()), user.clone());
        Ok(ClientCredentials {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        })
    }

    /// The owner of a certificate that this authority issued.
    pub fn owner(&self, certificate: &CertificateDer<'_>) -> Option<User> {
        self.issued
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&fingerprint(certificate))
            .cloned()
    }

    /// TLS as the server speaks it: HTTP/2 and HTTP/1.1 offered, client certificates welcome and not required.
    pub fn server_tls(&self) -> Result<rustls::ServerConfig, CertificateError> {
        let name = "the server";
        let failed = |source| error(name, source);
        let key = KeyPair::generate().map_err(failed)?;
        let names = SERVER_NAMES.map(str::to_owned).to_vec();
        let mut params = CertificateParams::new(names).map_err(failed)?;
        params
            .distinguished_name
            .push(DnType::CommonName, "kube-apiserver");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?;
        let mut roots = RootCertStore::empty();
        roots
            .add(self.certificate.clone())
            .map_err(|source| error(name, source))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let clients =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .allow_unauthenticated()
                .build()
                .map_err(|source| error(name, source))?;
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|source| error(name, source))?
            .with_client_cert_verifier(clients)
            .with_single_cert(
                vec![certificate.der().clone(), self.certificate.clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )
            .map_err(|source| error(name, source))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn fingerprint(certificate: &CertificateDer<'_>) -> Vec<u8> {
    digest(&SHA256, certificate).as_ref().to_vec()
}

fn error(
    subject: &str,
    source: impl std::error::Error + Send + Sync + 'static,
) -> CertificateError {
    CertificateError {
        subject: subject.to_owned(),
        source: Box::new(source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::pem::PemObject as _;

    #[test]
    fn an_issued_certificate_tells_its_owner_and_a_foreign_one_nobody() {
        let authority = Authority::new("host").unwrap();
        let user = User::administrator();
        let credentials = authority.issue(&user).unwrap();
        let certificate =
            CertificateDer::from_pem_slice(credentials.certificate_pem.as_bytes()).unwrap();
        assert_eq!(authority.owner(&certificate), Some(user));
        assert_eq!(Authority::new("other").unwrap().owner(&certificate), None);
        assert!(authority.server_tls().is_ok());
    }
}
