//! From what a request shows — a client certificate, a bearer token, impersonation headers — to who asks.

use super::authority::Authority;
use super::rules::Attributes;
use super::tokens::{Claims, TokenIssuer};
use super::{AUTHENTICATED, UNAUTHENTICATED, User, rbac};
use crate::cluster::Cluster;
use crate::object::{self, Gvr};
use crate::status::Status;
use rustls::pki_types::CertificateDer;
use std::collections::BTreeMap;

/// What a request shows of who asks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shown<'a> {
    /// The client certificate of the connection.
    pub certificate: Option<&'a CertificateDer<'a>>,
    /// The `Authorization` header.
    pub authorization: Option<&'a str>,
    /// `Impersonate-User`.
    pub impersonate_user: Option<&'a str>,
    /// `Impersonate-Group`, each.
    pub impersonate_groups: &'a [&'a str],
    /// `Impersonate-Uid`.
    pub impersonate_uid: Option<&'a str>,
}

/// Who may ask, and how that is proved.
#[derive(Debug)]
pub struct Authentication {
    /// Issued the client certificates.
    pub authority: Authority,
    /// Issued the tokens.
    pub tokens: TokenIssuer,
}

impl Authentication {
    /// Who asks. A token that is shown and not valid is refused, never taken for nobody.
    pub fn user(&self, cluster: &Cluster, shown: Shown<'_>, now: i64) -> Result<User, Status> {
        let user = match shown.authorization.and_then(bearer) {
            Some(token) => self.bearer(cluster, token, now)?,
            None => match shown.certificate.and_then(|certificate| {
                let mut user = self.authority.owner(certificate)?;
                let digest = ring::digest::digest(&ring::digest::SHA256, certificate);
                let hex: String = digest.as_ref().iter().map(|b| format!("{b:02x}")).collect();
                let key = "authentication.kubernetes.io/credential-id".to_owned();
                user.extra.insert(key, vec![format!("X509SHA256={hex}")]);
                Some(user)
            }) {
                Some(user) => authenticated(user),
                None => User::anonymous(),
            },
        };
        match shown.impersonate_user.filter(|name| !name.is_empty()) {
            Some(name) => impersonate(cluster, &user, name, shown),
            None if !shown.impersonate_groups.is_empty() => {
                Err(Status::impersonates_nobody(shown.impersonate_groups))
            }
            None => Ok(user),
        }
    }

    fn bearer(&self, cluster: &Cluster, token: &str, now: i64) -> Result<User, Status> {
        let claims = self
            .tokens
            .verify(token, now)
            .filter(|claims| is_current(cluster, claims));
        let claims = claims.ok_or_else(Status::unauthorized)?;
        let meant = claims.audiences.is_empty()
            || claims
                .audiences
                .iter()
                .any(|audience| audience == super::tokens::ISSUER);
        if !meant {
            return Err(Status::unauthorized());
        }
        Ok(authenticated(claims.user()))
    }

    /// Who a token belongs to, for a TokenReview; with the audiences it was made for.
    pub fn review(&self, cluster: &Cluster, token: &str, now: i64) -> Option<(User, Vec<String>)> {
        let claims = self
            .tokens
            .verify(token, now)
            .filter(|claims| is_current(cluster, claims))?;
        Some((authenticated(claims.user()), claims.audiences))
    }
}

/// The account (and the Secret that keeps the token) must still be the one the token was made for.
fn is_current(cluster: &Cluster, claims: &Claims) -> bool {
    let account = cluster.get(
        &Gvr::new("", "v1", "serviceaccounts"),
        &claims.namespace,
        &claims.name,
    );
    let same = account.is_ok_and(|account| object::uid(&account) == claims.uid);
    same && claims.secret.as_ref().is_none_or(|secret| {
        cluster
            .get(&Gvr::new("", "v1", "secrets"), &claims.namespace, secret)
            .is_ok()
    })
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim())
        .filter(|token| !token.is_empty())
}

fn authenticated(mut user: User) -> User {
    if !user.groups.iter().any(|group| group == AUTHENTICATED) {
        user.groups.push(AUTHENTICATED.to_owned());
    }
    user
}

fn impersonate(
    cluster: &Cluster,
    user: &User,
    name: &str,
    shown: Shown<'_>,
) -> Result<User, Status> {
    let may = |resource: &str, namespace: &str, name: &str| {
        let asked = Attributes {
            verb: "impersonate".to_owned(),
            resource: resource.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            ..Attributes::default()
        };
        rbac::authorize(cluster, user, &asked)
    };
    let mut groups: Vec<String> = shown
        .impersonate_groups
        .iter()
        .map(|group| (*group).to_owned())
        .collect();
    if let Some((namespace, account)) = name
        .strip_prefix("system:serviceaccount:")
        .and_then(|rest| rest.split_once(':'))
    {
        may("serviceaccounts", namespace, account)?;
        if groups.is_empty() {
            groups = User::service_account(namespace, account, "").groups;
        }
    } else {
        may("users", "", name)?;
    }
    for group in &groups {
        if !group.starts_with("system:serviceaccounts") {
            may("groups", "", group)?;
        }
    }
    let anonymous = name == super::ANONYMOUS;
    let everybody = if anonymous {
        UNAUTHENTICATED
    } else {
        AUTHENTICATED
    };
    if !groups.iter().any(|group| group == everybody) {
        groups.push(everybody.to_owned());
    }
    Ok(User {
        name: name.to_owned(),
        groups,
        uid: shown.impersonate_uid.unwrap_or_default().to_owned(),
        extra: BTreeMap::new(),
    })
}
