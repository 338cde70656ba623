//! What a member serves: one document for all groups where it offers that, else a request a group version.
//! A group that cannot be read is unknown, not absent.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;
use navarch_crds::v1alpha1::ApiResource;
use serde_json::Value;

use super::request::{RequestError, Requests};

/// Group versions asked for at a time, where there is no document for all.
const AT_A_TIME: usize = 8;
/// A group version that needs longer is taken as known before: an aggregated server behind it may be
/// down, and the others must not wait for it.
const GROUP_LIMIT: Duration = Duration::from_secs(5);

/// The types that a member serves, sorted, with which groups could not be read.
#[derive(Debug, Default)]
pub(crate) struct Served {
    pub(crate) types: Vec<ApiResource>,
    /// Groups whose own server does not answer: their types are unknown, not absent.
    pub(crate) unknown: Vec<(String, String)>,
}

impl Served {
    /// The group versions that could not be read, as they are written in an `apiVersion`.
    pub(crate) fn unknown_text(&self) -> String {
        let names: Vec<String> = self
            .unknown
            .iter()
            .map(|(group, version)| format!("{group}/{version}"))
            .collect();
        names.join(", ")
    }

    /// What is served, with the types known before of the groups that could not be read: an aggregated
    /// server that is down is no reason to take its objects away.
    pub(crate) fn complete(self, known: &[ApiResource]) -> Vec<ApiResource> {
        let mut types = self.types;
        let kept = known.iter().filter(|known| {
            self.unknown
                .iter()
                .any(|(group, version)| known.group == *group && known.version == *version)
        });
        types.extend(kept.cloned());
        types.sort();
        types.dedup();
        types
    }
}

/// A group version and where it is described.
type Versions = BTreeMap<String, (String, String)>;

/// Reads what the member serves. Answers come aggregated (two documents, the core group and all others)
/// since Kubernetes 1.27; for older servers each group version is asked for.
pub(crate) async fn discover(requests: &Requests) -> Result<Served, RequestError> {
    let mut served = Served::default();
    let mut versions = Versions::new();
    for path in ["/api", "/apis"] {
        let document = requests.discovery(path).await?;
        if document.get("kind").and_then(Value::as_str) == Some("APIGroupDiscoveryList") {
            aggregated(&document, &mut served);
        } else {
            versions.extend(listed(&document));
        }
    }
    let asked = versions.into_iter().map(|(path, version)| async move {
        let answer = tokio::time::timeout(GROUP_LIMIT, requests.json(&path)).await;
        (version, answer)
    });
    let mut answers = futures::stream::iter(asked).buffer_unordered(AT_A_TIME);
    while let Some(((group, version), answer)) = answers.next().await {
        match answer {
            Ok(Ok(list)) => served.types.extend(types(&list, &group, &version)),
            Ok(Err(error)) => {
                tracing::debug!(group, version, error = error.message(), "not readable");
                served.unknown.push((group, version));
            }
            Err(_) => served.unknown.push((group, version)),
        }
    }
    served.types.sort();
    served.types.dedup();
    served.unknown.sort();
    Ok(served)
}

/// The group versions of the older documents, `APIVersions` and `APIGroupList`.
fn listed(document: &Value) -> Versions {
    let mut found = Versions::new();
    for version in strings(document.get("versions")) {
        found.insert(format!("/api/{version}"), (String::new(), version));
    }
    for group in list(document.get("groups")) {
        let name = text(group, "name");
        for version in list(group.get("versions")) {
            let version = text(version, "version");
            let place = (name.to_owned(), version.to_owned());
            found.insert(format!("/apis/{name}/{version}"), place);
        }
    }
    found
}

/// Takes an aggregated document over. A version is `Stale` when its own server did not answer the
/// aggregator: what is listed there may be old or nothing.
fn aggregated(document: &Value, served: &mut Served) {
    for group in list(document.get("items")) {
        let name = group
            .pointer("/metadata/name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        for described in list(group.get("versions")) {
            let version = text(described, "version");
            if text(described, "freshness") == "Stale" {
                served.unknown.push((name.to_owned(), version.to_owned()));
            }
            let resources = list(described.get("resources"));
            served.types.extend(resources.filter_map(|resource| {
                let kind = resource.pointer("/responseKind/kind")?.as_str()?;
                if kind.is_empty() {
                    return None;
                }
                Some(ApiResource {
                    group: name.to_owned(),
                    version: version.to_owned(),
                    kind: kind.to_owned(),
                    plural_name: resource.get("resource")?.as_str()?.to_owned(),
                    scope: text(resource, "scope").to_owned(),
                })
            }));
        }
    }
}

fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn strings(value: Option<&Value>) -> Vec<String> {
    value
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

fn types(list: &Value, group: &str, version: &str) -> Vec<ApiResource> {
    let resources = list.get("resources").and_then(Value::as_array);
    resources
        .into_iter()
        .flatten()
        .filter_map(|resource| {
            let name = resource.get("name")?.as_str()?;
            let kind = resource.get("kind")?.as_str()?;
            if name.contains('/') {
                return None;
            }
            let namespaced = resource
                .get("namespaced")
                .and_then(Value::as_bool)
                .unwrap_or(false);
            Some(ApiResource {
                group: group.to_owned(),
                version: version.to_owned(),
                kind: kind.to_owned(),
                plural_name: name.to_owned(),
                scope: if namespaced { "Namespaced" } else { "Cluster" }.to_owned(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::lease::Term;
    use serde_json::json;

    /// A server that answers a path, or hangs.
    fn server(answer: fn(&str) -> Option<Value>) -> Requests {
        let service = tower::service_fn(
            move |request: http::Request<kube::client::Body>| async move {
                match answer(request.uri().path()) {
                    Some(value) => {
                        let body = kube::client::Body::from(value.to_string().into_bytes());
                        Ok::<_, std::convert::Infallible>(http::Response::new(body))
                    }
                    None => std::future::pending().await,
                }
            },
        );
        let client = kube::Client::new(service, "default");
        Requests::new(client, Term::without_election(), Duration::from_secs(20))
    }

    #[tokio::test(start_paused = true)]
    async fn an_older_server_is_asked_by_the_group_and_one_group_that_hangs_is_unknown() {
        let requests = server(|path| match path {
            "/api" => Some(json!({ "kind": "APIVersions", "versions": ["v1"] })),
            "/apis" => Some(json!({ "kind": "APIGroupList", "groups": [
                { "name": "apps", "versions": [{ "version": "v1" }] },
                { "name": "down.example.com", "versions": [{ "version": "v1" }] } ] })),
            "/api/v1" => Some(json!({ "resources": [
                { "name": "pods", "kind": "Pod", "namespaced": true }] })),
            "/apis/apps/v1" => Some(json!({ "resources": [
                { "name": "deployments", "kind": "Deployment", "namespaced": true }] })),
            _ => None,
        });
        let served = discover(&requests).await.unwrap();
        assert_eq!(served.unknown_text(), "down.example.com/v1");
        let kinds: Vec<&str> = served.types.iter().map(|one| one.kind.as_str()).collect();
        assert_eq!(kinds, ["Pod", "Deployment"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_does_not_say_what_its_groups_are_is_not_discovered() {
        let requests = server(|path| {
            (path == "/api").then(|| json!({ "kind": "APIVersions", "versions": [] }))
        });
        assert!(discover(&requests).await.is_err());
    }

    #[test]
    fn types_of_a_group_that_cannot_be_read_stay_and_those_of_a_group_that_is_gone_go() {
        let of = |group: &str, kind: &str| ApiResource {
            group: group.to_owned(),
            version: "v1".to_owned(),
            kind: kind.to_owned(),
            ..ApiResource::default()
        };
        let served = Served {
            types: vec![of("apps", "Deployment")],
            unknown: vec![("down.example.com".to_owned(), "v1".to_owned())],
        };
        let known = [
            of("apps", "Deployment"),
            of("down.example.com", "Widget"),
            of("gone.example.com", "Gadget"),
        ];
        let expected = vec![of("apps", "Deployment"), of("down.example.com", "Widget")];
        assert_eq!(served.complete(&known), expected);
    }

    #[test]
    fn a_stale_version_of_the_aggregated_document_is_unknown() {
        let document = json!({ "kind": "APIGroupDiscoveryList", "items": [
            { "metadata": { "name": "apps" }, "versions": [{ "version": "v1", "freshness": "Current",
                "resources": [{ "resource": "deployments", "scope": "Namespaced",
                    "responseKind": { "group": "apps", "version": "v1", "kind": "Deployment" },
                    "subresources": [{ "subresource": "status" }] }] }] },
            { "metadata": { "name": "down.example.com" }, "versions": [
                { "version": "v1", "freshness": "Stale" }] },
        ] });
        let mut served = Served::default();
        aggregated(&document, &mut served);
        assert_eq!(served.types.len(), 1);
        assert_eq!(served.types[0].plural_name, "deployments");
        assert_eq!(served.types[0].scope, "Namespaced");
        assert_eq!(
            served.unknown,
            [("down.example.com".to_owned(), "v1".to_owned())]
        );
    }

    #[test]
    fn subresources_are_no_types() {
        let list = json!({ "resources": [
            { "name": "deployments", "kind": "Deployment", "namespaced": true },
            { "name": "deployments/status", "kind": "Deployment", "namespaced": true },
        ] });
        let found = types(&list, "apps", "v1");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].scope, "Namespaced");
    }
}
