//! A kind as requests need it, and the paths that follow from it. Pure.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use kube::core::ApiResource;

/// A kind as requests need it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Kind {
    pub(crate) group: Arc<str>,
    pub(crate) version: Arc<str>,
    pub(crate) kind: Arc<str>,
    pub(crate) plural: Arc<str>,
    pub(crate) namespaced: bool,
}

impl Kind {
    pub(crate) fn new(
        group: &str,
        version: &str,
        kind: &str,
        plural: &str,
        namespaced: bool,
    ) -> Self {
        Self {
            group: group.into(),
            version: version.into(),
            kind: kind.into(),
            plural: plural.into(),
            namespaced,
        }
    }

    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_string()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    pub(crate) fn api_resource(&self) -> ApiResource {
        ApiResource {
            group: self.group.to_string(),
            version: self.version.to_string(),
            api_version: self.api_version(),
            kind: self.kind.to_string(),
            plural: self.plural.to_string(),
        }
    }

    pub(super) fn path(
        &self,
        namespace: Option<&str>,
        name: Option<&str>,
        subresource: Option<&str>,
    ) -> String {
        let mut path = if self.group.is_empty() {
            format!("/api/{}", self.version)
        } else {
            format!("/apis/{}/{}", self.group, self.version)
        };
        if let (true, Some(namespace)) = (self.namespaced, namespace) {
            let _ = write!(path, "/namespaces/{namespace}");
        }
        let _ = write!(path, "/{}", self.plural);
        if let Some(name) = name {
            let _ = write!(path, "/{}", segment(name));
        }
        if let Some(subresource) = subresource {
            let _ = write!(path, "/{subresource}");
        }
        path
    }
}

/// Names of RBAC objects may hold characters that have a meaning in a path.
fn segment(name: &str) -> Cow<'_, str> {
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    if name.bytes().all(plain) {
        return Cow::Borrowed(name);
    }
    let mut text = String::with_capacity(name.len() + 8);
    for byte in name.bytes() {
        if plain(byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_follow_the_kind() {
        let deployments = Kind::new("apps", "v1", "Deployment", "deployments", true);
        let roles = Kind::new(
            "rbac.authorization.k8s.io",
            "v1",
            "ClusterRole",
            "clusterroles",
            false,
        );
        let pods = Kind::new("", "v1", "Pod", "pods", true);
        for (path, expected) in [
            (
                deployments.path(Some("shop"), Some("web"), Some("status")),
                "/apis/apps/v1/namespaces/shop/deployments/web/status",
            ),
            (pods.path(None, None, None), "/api/v1/pods"),
            (
                roles.path(None, Some("system:x/y"), None),
                "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Ax%2Fy",
            ),
        ] {
            assert_eq!(path, expected);
        }
    }
}
