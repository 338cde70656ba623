//! Images of containers, or at a path. A path is a JSON pointer with its escapes (KubeAdmiral reads
//! it without), and the new value is written as JSON should be. Pure.

use super::containers::PodSpec;
use super::image_name::ImageName;
use super::{OverrideError, replacements};
use crate::pointer;
use navarch_crds::v1alpha1::{
    ImageComponent, ImageOperation, ImageOverrider, MapOperator, OverridePatch,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// The patches. Later overriders of a list see what the earlier ones made of the same image.
pub(super) fn patches(
    object: &Value,
    overriders: &[ImageOverrider],
) -> Result<Vec<OverridePatch>, OverrideError> {
    let mut images: BTreeMap<String, String> = BTreeMap::new();
    for overrider in overriders {
        if overrider.image_path.is_empty() {
            in_containers(object, overrider, &mut images)?;
        } else {
            at_path(object, overrider, &mut images)?;
        }
    }
    Ok(replacements(
        images
            .into_iter()
            .map(|(path, image)| (path, Value::String(image)))
            .collect(),
    ))
}

fn in_containers(
    object: &Value,
    overrider: &ImageOverrider,
    images: &mut BTreeMap<String, String>,
) -> Result<(), OverrideError> {
    for container in PodSpec::of(object)?.containers()? {
        let names = &overrider.container_names;
        // An empty name is no name: a list of nothing else chooses nothing.
        let name = container.name();
        if !(names.is_empty() || !name.is_empty() && names.iter().any(|wanted| wanted == name)) {
            continue;
        }
        let path = format!("{}/image", container.path);
        let written = pointer::text(container.value, &["image"]);
        let now = images.get(&path).map_or(written, String::as_str);
        let new = changed(now, &overrider.operations)?;
        images.insert(path, new);
    }
    Ok(())
}

fn at_path(
    object: &Value,
    overrider: &ImageOverrider,
    images: &mut BTreeMap<String, String>,
) -> Result<(), OverrideError> {
    let path = &overrider.image_path;
    let now = match images.get(path).filter(|image| !image.is_empty()) {
        Some(image) => image.as_str(),
        None => read(object, path).map_err(|problem| OverrideError::ImagePath {
            path: path.clone(),
            problem,
        })?,
    };
    let new = changed(now, &overrider.operations)?;
    images.insert(path.clone(), new);
    Ok(())
}

fn read<'a>(object: &'a Value, path: &str) -> Result<&'a str, &'static str> {
    if !path.starts_with('/') {
        return Err("it has to start with /");
    }
    let mut here = object;
    for step in path.trim_matches('/').split('/') {
        here = match here {
            Value::Object(map) => map.get(&pointer::decode(step)),
            Value::Array(list) => step.parse::<usize>().ok().and_then(|index| list.get(index)),
            _ => None,
        }
        .ok_or("there is nothing at it; correct the path")?;
    }
    here.as_str().ok_or("what is there is no text")
}

fn changed(image: &str, operations: &[ImageOperation]) -> Result<String, OverrideError> {
    let mut name = ImageName::parse(image)?;
    for operation in operations {
        let part = match &operation.image_component {
            ImageComponent::Registry => &mut name.registry,
            ImageComponent::Repository => &mut name.repository,
            ImageComponent::Tag => &mut name.tag,
            ImageComponent::Digest => &mut name.digest,
            ImageComponent::Other(other) => {
                return Err(OverrideError::ImageComponent(other.clone()));
            }
        };
        match &operation.operator {
            MapOperator::AddIfAbsent if operation.value.is_empty() => {
                return Err(OverrideError::NoValue {
                    operator: "addIfAbsent",
                });
            }
            MapOperator::AddIfAbsent if !part.is_empty() => {
                return Err(OverrideError::Present {
                    what: format!("{} {part:?} of image {image}", operation.image_component),
                });
            }
            MapOperator::AddIfAbsent | MapOperator::Overwrite => part.clone_from(&operation.value),
            MapOperator::Other(none) if none.is_empty() => part.clone_from(&operation.value),
            MapOperator::Delete => part.clear(),
            MapOperator::Other(other) => return Err(OverrideError::Operator(other.clone())),
        }
        name.check()?;
    }
    Ok(name.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn overrider(value: Value) -> ImageOverrider {
        serde_json::from_value(value).unwrap()
    }

    fn made(object: &Value, overriders: &[Value]) -> Result<Vec<(String, Value)>, OverrideError> {
        let list: Vec<_> = overriders.iter().cloned().map(overrider).collect();
        let patches = patches(object, &list)?;
        Ok(patches
            .into_iter()
            .map(|patch| (patch.path, patch.value))
            .collect())
    }

    fn deployment() -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": {"spec": {
            "initContainers": [{"name": "i", "image": "docker.io/a:1"}],
            "containers": [{"name": "c", "image": "b"}]}}}})
    }

    #[test]
    fn all_containers_or_the_named_ones() {
        let tag = json!([{"imageComponent": "Tag", "value": "9"}]);
        let all = made(&deployment(), &[json!({"operations": tag})]).unwrap();
        assert_eq!(
            all,
            [
                (
                    "/spec/template/spec/containers/0/image".into(),
                    json!("b:9")
                ),
                (
                    "/spec/template/spec/initContainers/0/image".into(),
                    json!("docker.io/a:9")
                ),
            ]
        );
        for (names, count) in [(json!(["c", "unknown"]), 1), (json!([""]), 0)] {
            let overrider = json!({"containerNames": names, "operations": tag});
            assert_eq!(made(&deployment(), &[overrider]).unwrap().len(), count);
        }
    }

    #[test]
    fn later_overriders_see_the_earlier_result() {
        let registry = json!({"operations": [{"imageComponent": "Registry", "operator": "addIfAbsent", "value": "r.io"}]});
        let only_c = json!({"containerNames": ["c"], "operations": registry["operations"]});
        let delete = json!({"containerNames": ["c"], "operations": [{"imageComponent": "Registry", "operator": "delete"}]});
        assert_eq!(
            made(&deployment(), &[only_c, delete]).unwrap()[0].1,
            json!("b")
        );
        assert!(matches!(
            made(&deployment(), &[registry]),
            Err(OverrideError::Present { .. })
        ));
    }

    #[test]
    fn a_path_is_read_with_its_escapes() {
        let object = json!({"apiVersion": "x/v1", "kind": "Y", "spec": {"a/b": ["q:1"], "n": 1}});
        let at = |path: &str| json!({"imagePath": path, "operations": [{"imageComponent": "Tag", "value": "2"}]});
        assert_eq!(
            made(&object, &[at("/spec/a~1b/0")]).unwrap(),
            [("/spec/a~1b/0".into(), json!("q:2"))]
        );
        for path in ["spec", "/spec/zz", "/spec/n", "/spec/a~1b/-1"] {
            assert!(
                matches!(
                    made(&object, &[at(path)]),
                    Err(OverrideError::ImagePath { .. })
                ),
                "{path}"
            );
        }
    }

    #[test]
    fn kinds_without_containers_are_refused() {
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap"});
        assert!(matches!(
            made(&object, &[json!({"operations": []})]),
            Err(OverrideError::NoContainers { .. })
        ));
    }
}
