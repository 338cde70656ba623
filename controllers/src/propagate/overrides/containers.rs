//! Where a workload keeps its containers. Pure.

use super::OverrideError;
use crate::pointer;
use navarch_scheduler::request::pod_spec_path;
use navarch_scheduler::snapshot::ApiResource;
use serde_json::Value;

/// The pod spec of a workload.
pub(super) struct PodSpec<'a> {
    pointer: String,
    spec: &'a Value,
}

/// A container and where it is.
#[derive(Clone)]
pub(super) struct Container<'a> {
    /// JSON pointer.
    pub(super) path: String,
    /// The container.
    pub(super) value: &'a Value,
}

impl Container<'_> {
    pub(super) fn name(&self) -> &str {
        pointer::text(self.value, &["name"])
    }
}

impl<'a> PodSpec<'a> {
    /// Finds it by the group and kind of the object, whatever the version.
    pub(super) fn of(object: &'a Value) -> Result<Self, OverrideError> {
        let api_version = pointer::text(object, &["apiVersion"]);
        let kind = pointer::text(object, &["kind"]);
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let resource = ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
        };
        let Some(path) = pod_spec_path(&resource) else {
            return Err(OverrideError::NoContainers {
                api_version: api_version.to_owned(),
                kind: kind.to_owned(),
            });
        };
        match pointer::get(object, path).filter(|spec| spec.is_object()) {
            Some(spec) => Ok(Self {
                pointer: format!("/{}", path.join("/")),
                spec,
            }),
            None => Err(OverrideError::NoPodSpec {
                path: path.join("."),
            }),
        }
    }

    /// Init containers, then containers.
    pub(super) fn containers(&self) -> Result<Vec<Container<'a>>, OverrideError> {
        let mut all = Vec::new();
        for field in ["initContainers", "containers"] {
            let list = match self.spec.get(field) {
                None | Some(Value::Null) => continue,
                Some(Value::Array(list)) => list,
                Some(_) => {
                    return Err(OverrideError::Malformed {
                        path: format!("{}/{field}", self.pointer),
                        problem: "it is no list".to_owned(),
                    });
                }
            };
            all.extend(list.iter().enumerate().map(|(index, value)| Container {
                path: format!("{}/{field}/{index}", self.pointer),
                value,
            }));
        }
        Ok(all)
    }

    /// The first container of a name.
    pub(super) fn container(&self, name: &str) -> Result<Option<Container<'a>>, OverrideError> {
        let mut all = self.containers()?.into_iter();
        Ok(all.find(|container| container.name() == name))
    }
}
