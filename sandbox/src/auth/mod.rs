//! Who asks and what they may do: certificates, tokens, RBAC. Pure or in memory; `http` calls it for every request.

pub mod authority;
pub mod kubeconfig;

/// Who asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct User {
    /// Name.
    pub name: String,
    /// Groups.
    pub groups: Vec<String>,
}
