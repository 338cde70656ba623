//! Paths: which document or which object a request is about.

use super::query::decode;
use crate::object::Gvr;

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    /// `/`.
    Root,
    /// `/api`.
    CoreVersions,
    /// `/apis`.
    Groups,
    /// `/apis/GROUP`.
    Group(String),
    /// `/api/v1`, `/apis/GROUP/VERSION`.
    Resources { group: String, version: String },
    /// Objects.
    Objects(Place),
    /// `/version`.
    Version,
    /// `/healthz`, `/livez`, `/readyz` and the checks below them.
    Health { check: Option<String> },
    /// `/metrics`.
    Metrics,
    /// `/openapi/v2`.
    OpenApiV2,
    /// `/openapi/v3`.
    OpenApiV3Index,
    /// `/openapi/v3/PATH`.
    OpenApiV3(String),
    /// `/.well-known/openid-configuration`.
    OpenIdConfiguration,
    /// `/openid/v1/jwks`.
    OpenIdKeys,
    /// Nothing a server has.
    Unknown,
}

/// Where objects are: a collection, an object or a subresource.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Place {
    pub(super) group: String,
    pub(super) version: String,
    pub(super) resource: String,
    /// Empty: none, or all.
    pub(super) namespace: String,
    /// Empty: the collection.
    pub(super) name: String,
    /// Empty: the object itself.
    pub(super) subresource: String,
    /// The old form of watches, `/api/v1/watch/…`.
    pub(super) watch: bool,
}

impl Place {
    pub(super) fn gvr(&self) -> Gvr {
        Gvr::new(&self.group, &self.version, &self.resource)
    }
}

/// Reads a path.
pub(super) fn route(path: &str) -> Route {
    let parts: Vec<String> = path
        .split('/')
        .filter(|p| !p.is_empty())
        .map(|p| decode(p, false))
        .collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    match parts.as_slice() {
        [] => Route::Root,
        ["api"] => Route::CoreVersions,
        ["apis"] => Route::Groups,
        ["apis", group] => Route::Group((*group).to_owned()),
        ["api", version] => resources("", version),
        ["apis", group, version] => resources(group, version),
        ["api", version, rest @ ..] => objects("", version, rest),
        ["apis", group, version, rest @ ..] => objects(group, version, rest),
        ["version"] => Route::Version,
        ["healthz" | "livez" | "readyz"] => Route::Health { check: None },
        ["healthz" | "livez" | "readyz", rest @ ..] => Route::Health {
            check: Some(rest.join("/")),
        },
        ["metrics"] => Route::Metrics,
        ["openapi", "v2"] => Route::OpenApiV2,
        ["openapi", "v3"] => Route::OpenApiV3Index,
        ["openapi", "v3", rest @ ..] => Route::OpenApiV3(rest.join("/")),
        [".well-known", "openid-configuration"] => Route::OpenIdConfiguration,
        ["openid", "v1", "jwks"] => Route::OpenIdKeys,
        _ => Route::Unknown,
    }
}

fn resources(group: &str, version: &str) -> Route {
    Route::Resources {
        group: group.to_owned(),
        version: version.to_owned(),
    }
}

fn objects(group: &str, version: &str, rest: &[&str]) -> Route {
    let (watch, rest) = match rest {
        ["watch", rest @ ..] if !rest.is_empty() => (true, rest),
        rest => (false, rest),
    };
    let of_namespace = ["finalize", "status"];
    let (namespace, rest) = match rest {
        // A namespace's own subresources look like resources in it.
        ["namespaces", _, sub, ..] if of_namespace.contains(sub) => ("", rest),
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
        rest => ("", rest),
    };
    let part = |index: usize| rest.get(index).copied().unwrap_or_default().to_owned();
    Route::Objects(Place {
        group: group.to_owned(),
        version: version.to_owned(),
        resource: part(0),
        namespace: namespace.to_owned(),
        name: part(1),
        subresource: part(2),
        watch,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_objects() {
        let cases = [
            ("/api/v1/namespaces", ["", "namespaces", "", ""]),
            ("/api/v1/namespaces/a", ["", "namespaces", "a", ""]),
            (
                "/api/v1/namespaces/a/status",
                ["", "namespaces", "a", "status"],
            ),
            ("/api/v1/namespaces/a/pods", ["a", "pods", "", ""]),
            ("/api/v1/namespaces/a/pods/x/log", ["a", "pods", "x", "log"]),
            ("/apis/apps/v1/deployments", ["", "deployments", "", ""]),
            (
                "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode",
                ["", "clusterroles", "system:node", ""],
            ),
        ];
        for (path, expected) in cases {
            let Route::Objects(place) = route(path) else {
                panic!("{path} names no objects")
            };
            let got = [
                place.namespace,
                place.resource,
                place.name,
                place.subresource,
            ];
            assert_eq!(got, expected, "{path}");
        }
        assert_eq!(route("/version/"), Route::Version);
        assert_eq!(route("/nosuch"), Route::Unknown);
    }
}
