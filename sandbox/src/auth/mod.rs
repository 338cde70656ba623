//! Who asks and what they may do: certificates, tokens, RBAC, and the reviews that ask about both.
//! `http` calls it for every request; nothing here reads a request's body or writes an object.

pub mod authentication;
pub mod authority;
pub mod kubeconfig;
pub mod rbac;
pub mod reviews;
pub mod roles;
pub mod rules;
pub mod tokens;

use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The group of everybody who proved who they are.
pub const AUTHENTICATED: &str = "system:authenticated";
/// The group of everybody else.
pub const UNAUTHENTICATED: &str = "system:unauthenticated";
/// The group that may do everything.
pub const MASTERS: &str = "system:masters";
/// Who asks when nothing was shown.
pub const ANONYMOUS: &str = "system:anonymous";

/// Who asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct User {
    /// Name.
    pub name: String,
    /// Groups.
    pub groups: Vec<String>,
    /// Uid, for service accounts.
    pub uid: String,
    /// What the authenticator tells beyond that.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl User {
    /// A user of these groups.
    pub fn new(name: &str, groups: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            ..Self::default()
        }
    }

    /// The administrator: whoever holds its certificate may do everything.
    pub fn administrator() -> Self {
        Self::new("admin", &[MASTERS])
    }

    /// Who asks when nothing was shown.
    pub fn anonymous() -> Self {
        Self::new(ANONYMOUS, &[UNAUTHENTICATED])
    }

    /// A service account, with its groups.
    pub fn service_account(namespace: &str, name: &str, uid: &str) -> Self {
        Self {
            name: format!("system:serviceaccount:{namespace}:{name}"),
            groups: vec![
                "system:serviceaccounts".to_owned(),
                format!("system:serviceaccounts:{namespace}"),
            ],
            uid: uid.to_owned(),
            extra: BTreeMap::new(),
        }
    }

    /// The `UserInfo` of reviews.
    pub fn to_value(&self) -> Value {
        let mut info = json!({"username": self.name, "groups": self.groups});
        if !self.uid.is_empty() {
            info["uid"] = json!(self.uid);
        }
        if !self.extra.is_empty() {
            info["extra"] = json!(self.extra);
        }
        info
    }
}
