//! Is the member alive, and what does it serve? One probe at a time; the verdict is data.

use std::collections::BTreeMap;

use navarch_crds::v1alpha1::ApiResource;
use serde_json::Value;

use super::request::{RequestError, Requests};

/// What a probe found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// It answers and says that it is well.
    Well,
    /// It answers and says that it is not.
    Unwell(String),
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
        Err(error @ RequestError::Refused { .. }) => Probe::Unwell(format!(
            "/healthz answered with an error: {}",
            error.message()
        )),
        Err(error) => Probe::Silent(error.message()),
    }
}

/// The types that a member serves, sorted, with which groups could not be read.
#[derive(Debug, Default)]
pub(crate) struct Served {
    pub(crate) types: Vec<ApiResource>,
    /// Groups whose own server does not answer: their types are unknown, not absent.
    pub(crate) unknown: Vec<(String, String)>,
}

impl Served {
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

/// Reads what the member serves: aggregated discovery in two requests; where that is not offered,
/// one request a group version.
pub(crate) async fn discover(requests: &Requests) -> Result<Served, RequestError> {
    let mut served = Served::default();
    let core = requests.json("/api").await?;
    let groups = requests.json("/apis").await?;
    let mut versions: BTreeMap<String, (String, String)> = BTreeMap::new();
    for version in strings(core.get("versions")) {
        versions.insert(format!("/api/{version}"), (String::new(), version));
    }
    for group in groups
        .get("groups")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let name = group
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        for version in group
            .get("versions")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let version = version
                .get("version")
                .and_then(Value::as_str)
                .unwrap_or_default();
            versions.insert(
                format!("/apis/{name}/{version}"),
                (name.to_owned(), version.to_owned()),
            );
        }
    }
    for (path, (group, version)) in versions {
        match requests.json(&path).await {
            Ok(list) => served.types.extend(types(&list, &group, &version)),
            // Partial discovery: an aggregated API server of the member is down.
            Err(RequestError::Refused { status, .. })
                if status.code >= 500 || status.code == 404 =>
            {
                served.unknown.push((group, version));
            }
            Err(error) => return Err(error),
        }
    }
    served.types.sort();
    served.types.dedup();
    Ok(served)
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
    use serde_json::json;

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
