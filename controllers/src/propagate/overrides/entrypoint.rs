//! Commands and arguments. An omitted operator is `overwrite`, as the API documents it; KubeAdmiral
//! refuses it. Pure.

use super::containers::PodSpec;
use super::{OverrideError, replacements};
use navarch_crds::v1alpha1::{EntrypointOperator, EntrypointOverrider, OverridePatch};
use serde_json::Value;
use std::collections::BTreeMap;

/// The patches; `field` is `command` or `args`.
pub(super) fn patches(
    object: &Value,
    overriders: &[EntrypointOverrider],
    field: &str,
) -> Result<Vec<OverridePatch>, OverrideError> {
    if overriders.is_empty() {
        return Ok(Vec::new());
    }
    let pod = PodSpec::of(object)?;
    let mut values: BTreeMap<String, Value> = BTreeMap::new();
    for overrider in overriders {
        let Some(container) = pod.container(&overrider.container_name)? else {
            continue;
        };
        let path = format!("{}/{field}", container.path);
        let now = values.get(&path).or_else(|| container.value.get(field));
        let new = changed(&words(now, &path)?, overrider)?;
        values.insert(path, new);
    }
    Ok(replacements(values))
}

fn words(value: Option<&Value>, path: &str) -> Result<Vec<Value>, OverrideError> {
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(words)) => Ok(words.clone()),
        Some(_) => Err(OverrideError::Malformed {
            path: path.to_owned(),
            problem: "it is no list".to_owned(),
        }),
    }
}

fn changed(now: &[Value], overrider: &EntrypointOverrider) -> Result<Value, OverrideError> {
    let given = || {
        overrider
            .value
            .iter()
            .map(|word| Value::String(word.clone()))
    };
    match &overrider.operator {
        EntrypointOperator::Append if overrider.value.is_empty() => {
            Err(OverrideError::NoValue { operator: "append" })
        }
        EntrypointOperator::Append => Ok(now.iter().cloned().chain(given()).collect()),
        EntrypointOperator::Delete => {
            let dropped: Vec<Value> = given().collect();
            let kept: Vec<Value> = now
                .iter()
                .filter(|word| !dropped.contains(word))
                .cloned()
                .collect();
            // Go writes a list that was never made as null.
            Ok(if kept.is_empty() {
                Value::Null
            } else {
                kept.into()
            })
        }
        EntrypointOperator::Overwrite => Ok(given().collect()),
        EntrypointOperator::Other(none) if none.is_empty() => Ok(given().collect()),
        EntrypointOperator::Other(other) => Err(OverrideError::Operator(other.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn run(operator: &str, value: &[&str]) -> Result<Value, OverrideError> {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "spec": {
            "initContainers": [{"name": "a", "args": ["i"]}],
            "containers": [{"name": "a", "args": ["x"]}, {"name": "b", "args": ["p", "q", "p"]}]}});
        let overrider = EntrypointOverrider {
            container_name: "b".into(),
            operator: operator.to_owned().into(),
            value: value.iter().map(|word| (*word).to_owned()).collect(),
        };
        let patches = patches(&pod, &[overrider], "args")?;
        assert_eq!(patches[0].path, "/spec/containers/1/args");
        Ok(patches[0].value.clone())
    }

    #[test]
    fn operators() {
        assert_eq!(run("append", &["r"]), Ok(json!(["p", "q", "p", "r"])));
        assert_eq!(
            run("append", &[]),
            Err(OverrideError::NoValue { operator: "append" })
        );
        assert_eq!(run("overwrite", &["r"]), Ok(json!(["r"])));
        assert_eq!(run("", &["r"]), Ok(json!(["r"])));
        assert_eq!(run("delete", &["p"]), Ok(json!(["q"])));
        assert_eq!(run("delete", &["p", "q"]), Ok(Value::Null));
        assert_eq!(
            run("nonsense", &[]),
            Err(OverrideError::Operator("nonsense".into()))
        );
    }

    #[test]
    fn the_first_container_of_a_name_is_meant_and_unknown_names_are_skipped() {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "spec": {
            "initContainers": [{"name": "a"}], "containers": [{"name": "a"}]}});
        let overrider = |name: &str| EntrypointOverrider {
            container_name: name.into(),
            operator: EntrypointOperator::Overwrite,
            value: vec!["x".into()],
        };
        let made = patches(&pod, &[overrider("a"), overrider("z")], "command").unwrap();
        assert_eq!(made.len(), 1);
        assert_eq!(made[0].path, "/spec/initContainers/0/command");
    }
}
