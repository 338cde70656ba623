//! Environment variables. Pure.

use super::containers::PodSpec;
use super::{OverrideError, replacements};
use crate::pointer;
use navarch_crds::v1alpha1::{EnvOverrider, EnvVar, MapOperator, OverridePatch};
use serde_json::Value;
use std::collections::BTreeMap;

/// The patches.
pub(super) fn patches(
    object: &Value,
    overriders: &[EnvOverrider],
) -> Result<Vec<OverridePatch>, OverrideError> {
    if overriders.is_empty() {
        return Ok(Vec::new());
    }
    let pod = PodSpec::of(object)?;
    let mut values: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for overrider in overriders {
        let Some(container) = pod.container(&overrider.container_name)? else {
            continue;
        };
        let path = format!("{}/env", container.path);
        let now = match values.get(&path) {
            Some(list) => list.clone(),
            None => variables(container.value.get("env"), &path)?,
        };
        let new = changed(now, overrider)?;
        values.insert(path, new);
    }
    // Go writes an empty list as null: it was never made.
    let value = |list: Vec<Value>| {
        if list.is_empty() {
            Value::Null
        } else {
            list.into()
        }
    };
    Ok(replacements(
        values
            .into_iter()
            .map(|(path, list)| (path, value(list)))
            .collect(),
    ))
}

/// The list as Go's types write it back: an empty value is left out.
fn variables(value: Option<&Value>, path: &str) -> Result<Vec<Value>, OverrideError> {
    let list = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(_) => {
            return Err(OverrideError::Malformed {
                path: path.to_owned(),
                problem: "it is no list".to_owned(),
            });
        }
    };
    let plain = |variable: &Value| {
        let mut variable = variable.clone();
        if let Some(map) = variable.as_object_mut() {
            map.retain(|key, value| {
                !(value.is_null() || key == "value" && value.as_str() == Some(""))
            });
        }
        variable
    };
    Ok(list.iter().map(plain).collect())
}

fn changed(mut now: Vec<Value>, overrider: &EnvOverrider) -> Result<Vec<Value>, OverrideError> {
    if overrider.operator == MapOperator::AddIfAbsent && overrider.value.is_empty() {
        return Err(OverrideError::NoValue {
            operator: "addIfAbsent",
        });
    }
    for variable in &overrider.value {
        let same = |other: &Value| pointer::text(other, &["name"]) == variable.name;
        match &overrider.operator {
            MapOperator::AddIfAbsent if now.iter().any(same) => {
                return Err(OverrideError::Present {
                    what: format!("variable {}", variable.name),
                });
            }
            MapOperator::AddIfAbsent => now.push(written(variable)?),
            MapOperator::Delete => now.retain(|other| !same(other)),
            MapOperator::Overwrite => overwrite(&mut now, variable)?,
            MapOperator::Other(none) if none.is_empty() => overwrite(&mut now, variable)?,
            MapOperator::Other(other) => return Err(OverrideError::Operator(other.clone())),
        }
    }
    Ok(now)
}

/// Replaces every variable of the name; a name that is not there is passed over.
fn overwrite(now: &mut [Value], variable: &EnvVar) -> Result<(), OverrideError> {
    for other in now {
        if pointer::text(other, &["name"]) == variable.name {
            *other = written(variable)?;
        }
    }
    Ok(())
}

fn written(variable: &EnvVar) -> Result<Value, OverrideError> {
    serde_json::to_value(variable).map_err(|error| OverrideError::Malformed {
        path: format!("variable {}", variable.name),
        problem: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[expect(clippy::unwrap_in_result, reason = "a test")]
    fn run(operator: &str, value: Value) -> Result<Value, OverrideError> {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "a", "env": [
            {"name": "X", "value": "1"}, {"name": "E", "value": ""}, {"name": "X", "value": "2"}]}]}});
        let overrider = EnvOverrider {
            container_name: "a".into(),
            operator: operator.to_owned().into(),
            value: serde_json::from_value(value).unwrap(),
        };
        Ok(patches(&pod, &[overrider])?[0].value.clone())
    }

    #[test]
    fn operators() {
        let x = json!([{"name": "X", "value": "9"}]);
        assert_eq!(
            run("overwrite", x.clone()),
            Ok(json!([{"name": "X", "value": "9"}, {"name": "E"}, {"name": "X", "value": "9"}]))
        );
        assert_eq!(
            run("", json!([{"name": "Q"}]))
                .unwrap()
                .as_array()
                .unwrap()
                .len(),
            3
        );
        assert_eq!(run("delete", x.clone()), Ok(json!([{"name": "E"}])));
        assert_eq!(
            run("delete", json!([{"name": "X"}, {"name": "E"}])),
            Ok(Value::Null)
        );
        assert!(matches!(
            run("addIfAbsent", x),
            Err(OverrideError::Present { .. })
        ));
        assert!(matches!(
            run("addIfAbsent", json!([])),
            Err(OverrideError::NoValue { .. })
        ));
        assert_eq!(
            run("addIfAbsent", json!([{"name": "N"}])).unwrap()[3],
            json!({"name": "N"})
        );
        assert!(matches!(
            run("odd", json!([{"name": "N"}])),
            Err(OverrideError::Operator(_))
        ));
    }
}
