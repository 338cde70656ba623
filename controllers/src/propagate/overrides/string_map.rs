//! Labels and annotations: one patch with the whole map. Pure.

use super::OverrideError;
use crate::pointer;
use navarch_crds::v1alpha1::{MapOperator, OverridePatch, StringMapOverrider};
use serde_json::Value;
use std::collections::BTreeMap;

/// The patch; `field` is `labels` or `annotations`. There is one whenever there is an overrider,
/// also when it changes nothing, and it replaces the map of the template: what dispatch added to
/// the annotations before is lost, as in KubeAdmiral.
pub(super) fn patches(
    object: &Value,
    overriders: &[StringMapOverrider],
    field: &str,
) -> Result<Vec<OverridePatch>, OverrideError> {
    if overriders.is_empty() {
        return Ok(Vec::new());
    }
    let mut map = pointer::texts(object, field);
    for overrider in overriders {
        change(&mut map, overrider)?;
    }
    Ok(vec![OverridePatch {
        op: "replace".to_owned(),
        path: format!("/metadata/{field}"),
        value: pointer::texts_value(&map),
    }])
}

fn change(
    map: &mut BTreeMap<String, String>,
    overrider: &StringMapOverrider,
) -> Result<(), OverrideError> {
    match &overrider.operator {
        MapOperator::AddIfAbsent => {
            if overrider.value.is_empty() {
                return Err(OverrideError::NoValue {
                    operator: "addIfAbsent",
                });
            }
            for (key, value) in &overrider.value {
                if map.insert(key.clone(), value.clone()).is_some() {
                    return Err(OverrideError::Present {
                        what: format!("key {key}"),
                    });
                }
            }
        }
        MapOperator::Delete => map.retain(|key, _| !overrider.value.contains_key(key)),
        MapOperator::Overwrite => overwrite(map, &overrider.value),
        MapOperator::Other(none) if none.is_empty() => overwrite(map, &overrider.value),
        MapOperator::Other(other) => return Err(OverrideError::Operator(other.clone())),
    }
    Ok(())
}

/// Replaces the values of keys that are there; other keys are passed over.
fn overwrite(map: &mut BTreeMap<String, String>, given: &BTreeMap<String, String>) {
    for (key, value) in given {
        if let Some(old) = map.get_mut(key) {
            old.clone_from(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[expect(clippy::unwrap_in_result, reason = "a test")]
    fn run(operator: &str, value: Value) -> Result<Value, OverrideError> {
        let object = json!({"metadata": {"labels": {"a": "1", "b": "2"}}});
        let overrider = StringMapOverrider {
            operator: operator.to_owned().into(),
            value: serde_json::from_value(value).unwrap(),
        };
        Ok(patches(&object, &[overrider], "labels")?[0].value.clone())
    }

    #[test]
    fn operators() {
        for (name, operator, value, wanted) in [
            (
                "only what is there is overwritten",
                "overwrite",
                json!({"a": "9", "z": "9"}),
                json!({"a": "9", "b": "2"}),
            ),
            (
                "overwrite is the default",
                "",
                json!({"b": "9"}),
                json!({"a": "1", "b": "9"}),
            ),
            (
                "delete",
                "delete",
                json!({"a": "", "z": ""}),
                json!({"b": "2"}),
            ),
            (
                "add",
                "addIfAbsent",
                json!({"z": "9"}),
                json!({"a": "1", "b": "2", "z": "9"}),
            ),
        ] {
            assert_eq!(run(operator, value), Ok(wanted), "{name}");
        }
        assert!(matches!(
            run("addIfAbsent", json!({"a": "9"})),
            Err(OverrideError::Present { .. })
        ));
        assert!(matches!(
            run("addIfAbsent", json!({})),
            Err(OverrideError::NoValue { .. })
        ));
        assert!(matches!(
            run("odd", json!({})),
            Err(OverrideError::Operator(_))
        ));
    }
}
