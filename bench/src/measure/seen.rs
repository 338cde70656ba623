//! The few fields of an object that are looked at. Everything else is skipped while it is read, so that the
//! observer costs the machine as little as it can.

use serde::Deserialize;

use crate::kinds::{ObjectId, ROUND};

/// An object as a watch shows it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Seen {
    metadata: Metadata,
    spec: Option<Spec>,
    status: Option<Status>,
    data: Option<Data>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    name: String,
    namespace: String,
    uid: String,
    resource_version: String,
    generation: i64,
    labels: Labels,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Labels {
    #[serde(rename = "navarch-bench-round")]
    round: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Spec {
    template: Template,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Template {
    spec: PodSpec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct PodSpec {
    containers: Vec<Container>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Container {
    image: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    observed_generation: i64,
    updated_replicas: usize,
    ready_replicas: usize,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Data {
    round: Option<String>,
}

/// An object in one cluster, reduced to what milestones ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Copy {
    pub(crate) uid: String,
    /// The round of both the label and the content; 0 when they differ.
    pub(crate) round: u32,
    pub(crate) generation: i64,
    pub(crate) observed: i64,
    pub(crate) updated: usize,
    pub(crate) ready: usize,
}

impl Seen {
    pub(crate) fn id(&self) -> ObjectId {
        ObjectId::new(&self.metadata.namespace, self.metadata.name.as_str())
    }

    pub(crate) fn resource_version(&self) -> &str {
        &self.metadata.resource_version
    }

    pub(crate) fn copy(&self) -> Copy {
        let number = |text: Option<&str>| text.and_then(|text| text.parse().ok()).unwrap_or(0);
        let label: u32 = number(self.metadata.labels.round.as_deref());
        let content: u32 = match (&self.spec, &self.data) {
            (Some(spec), _) => {
                let image = spec.template.spec.containers.first();
                number(
                    image
                        .and_then(|first| first.image.rsplit_once(':'))
                        .map(|(_, tag)| tag),
                )
            }
            (None, Some(data)) => number(data.round.as_deref()),
            (None, None) => 0,
        };
        let status = self.status.clone().unwrap_or_default();
        Copy {
            uid: self.metadata.uid.clone(),
            round: if label == content { label } else { 0 },
            generation: self.metadata.generation,
            observed: status.observed_generation,
            updated: status.updated_replicas,
            ready: status.ready_replicas,
        }
    }
}

/// A list of objects.
#[derive(Debug, Deserialize)]
pub(crate) struct SeenList {
    metadata: ListMetadata,
    #[serde(default)]
    pub(crate) items: Vec<Seen>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListMetadata {
    resource_version: String,
}

impl SeenList {
    pub(crate) fn resource_version(&self) -> &str {
        &self.metadata.resource_version
    }
}

/// Keeps the field name above and the label in step.
const _: () = assert!(matches!(ROUND.as_bytes(), b"navarch-bench-round"));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::Kind;
    use serde_json::json;
    use std::collections::BTreeMap;

    #[test]
    fn the_round_is_read_from_label_and_content() {
        for kind in Kind::ALL {
            let mut object = kind.object(&ObjectId::new("bench", "a"), &BTreeMap::new(), 3);
            let read = |object: &serde_json::Value| {
                serde_json::from_value::<Seen>(object.clone())
                    .unwrap()
                    .copy()
                    .round
            };
            assert_eq!(read(&object), 1, "{kind}");
            object["metadata"]["labels"][ROUND] = json!("2");
            assert_eq!(read(&object), 0, "{kind}: only half of the update is there");
        }
    }

    #[test]
    fn a_status_is_reduced_to_numbers() {
        let seen: Seen = serde_json::from_value(json!({
            "metadata": {"name": "a", "namespace": "n", "generation": 4, "uid": "u"},
            "status": {"observedGeneration": 3, "updatedReplicas": 2, "readyReplicas": 1, "conditions": [{}]},
        }))
        .unwrap();
        let copy = seen.copy();
        assert_eq!(
            (copy.generation, copy.observed, copy.updated, copy.ready),
            (4, 3, 2, 1)
        );
    }
}
