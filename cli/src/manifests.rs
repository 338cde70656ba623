//! Manifests as users keep them: YAML or JSON, several documents a file, lists inside lists. Reading is pure;
//! applying goes through discovery, so any kind that the server knows will do.

use kube::api::{DynamicObject, Patch, PatchParams};
use kube::discovery::{Scope, oneshot};
use kube::{Api, core::GroupVersionKind};
use serde_json::Value;

use crate::error::CliError;
use crate::kubeconfig::Target;

/// One object and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Manifest {
    /// The file's name, for messages.
    pub(crate) file: String,
    /// Which document of it, from one; several objects when the document is a list.
    pub(crate) document: usize,
    /// The object.
    pub(crate) object: Value,
}

impl Manifest {
    /// The error that something is wrong with it.
    pub(crate) fn wrong(&self, message: String) -> CliError {
        CliError::Document {
            file: self.file.clone(),
            document: self.document,
            message,
        }
    }
}

/// Every object of a text, with lists opened. `file` is for messages.
pub(crate) fn read(file: &str, text: &str) -> Result<Vec<Manifest>, CliError> {
    let mut manifests = Vec::new();
    let mut document = 0;
    for part in split(text) {
        for parsed in parse(&part) {
            document += 1;
            let wrong = |message: String| CliError::Document {
                file: file.to_owned(),
                document,
                message,
            };
            let mut objects = Vec::new();
            open_lists(parsed.map_err(wrong)?, &mut objects).map_err(wrong)?;
            manifests.extend(objects.into_iter().map(|object| Manifest {
                file: file.to_owned(),
                document,
                object,
            }));
        }
    }
    Ok(manifests)
}

/// One YAML document, or JSON documents one after the other (lines, as `kubectl get -o json` and log tools write them).
fn parse(text: &str) -> Vec<Result<Value, String>> {
    if text.trim_start().starts_with('{') {
        let values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
        let json: Vec<_> = values
            .map(|value| value.map_err(|error| error.to_string()))
            .collect();
        // YAML knows braces too.
        if json.first().is_some_and(Result::is_ok) {
            return json;
        }
        return match yaml(text) {
            Ok(value) => vec![Ok(value)],
            Err(_) => json,
        };
    }
    vec![yaml(text)]
}

fn yaml(document: &str) -> Result<Value, String> {
    // File modes are written as 0644 and mean octal, as kubectl reads them.
    let options = serde_saphyr::options! { legacy_octal_numbers: true };
    serde_saphyr::from_str_with_options(document, options).map_err(|error| error.to_string())
}

/// YAML documents, cut at `---` lines; those without content (comments only) are left out.
fn split(text: &str) -> Vec<String> {
    let mut documents = vec![String::new()];
    for line in text.lines() {
        if line == "---" || line.starts_with("--- ") || line.starts_with("---\t") {
            documents.push(String::new());
        } else if let Some(document) = documents.last_mut() {
            document.push_str(line);
            document.push('\n');
        }
    }
    documents.retain(|document| {
        document
            .lines()
            .any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
    });
    documents
}

fn open_lists(value: Value, objects: &mut Vec<Value>) -> Result<(), String> {
    let text = |field: &str| value[field].as_str().filter(|text| !text.is_empty());
    let kind = text("kind").ok_or("field kind: missing, so it is not a Kubernetes object")?;
    if text("apiVersion").is_none() {
        return Err(format!("field apiVersion: missing ({kind})"));
    }
    if !kind.ends_with("List") || value["items"].is_null() {
        if value["metadata"]["name"].as_str().is_none_or(str::is_empty) {
            return Err(format!("field metadata.name: missing ({kind})"));
        }
        objects.push(value);
        return Ok(());
    }
    let Value::Array(items) = value["items"].clone() else {
        return Err(format!("field items: not a list ({kind})"));
    };
    items
        .into_iter()
        .try_for_each(|item| open_lists(item, objects))
}

/// Applies every object of a text, in order, by server-side apply.
pub(crate) async fn apply(target: &Target, file: &str, text: &str) -> Result<(), CliError> {
    for manifest in read(file, text)? {
        apply_one(target, &manifest.object).await?;
    }
    Ok(())
}

async fn apply_one(target: &Target, object: &Value) -> Result<(), CliError> {
    let text = |pointer: &str| {
        object
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let (kind, name) = (text("/kind"), text("/metadata/name"));
    let (group, version) = match text("/apiVersion").split_once('/') {
        Some((group, version)) => (group.to_owned(), version.to_owned()),
        None => (String::new(), text("/apiVersion")),
    };
    let gvk = GroupVersionKind {
        group,
        version,
        kind: kind.clone(),
    };
    let (resource, capabilities) =
        oneshot::pinned_kind(&target.client, &gvk)
            .await
            .map_err(CliError::request(format!(
                "looking up kind {kind} in context {:?}",
                target.context
            )))?;
    let namespace = text("/metadata/namespace");
    let api: Api<DynamicObject> = match capabilities.scope {
        Scope::Cluster => Api::all_with(target.client.clone(), &resource),
        Scope::Namespaced if namespace.is_empty() => {
            Api::default_namespaced_with(target.client.clone(), &resource)
        }
        Scope::Namespaced => Api::namespaced_with(target.client.clone(), &namespace, &resource),
    };
    api.patch(
        &name,
        &PatchParams::apply("navarch-cli").force(),
        &Patch::Apply(object),
    )
    .await
    .map(|_applied| ())
    .map_err(CliError::request(format!(
        "applying {kind} {name} in context {:?}",
        target.context
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_and_lists_are_opened() {
        let text = "# nothing here\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\n\n--- # again\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: b}}\n- apiVersion: v1\n  kind: ConfigMapList\n  items: [{apiVersion: v1, kind: ConfigMap, metadata: {name: c}}]\n";
        let names: Vec<_> = read("f", text)
            .unwrap()
            .iter()
            .map(|manifest| manifest.object["metadata"]["name"].clone())
            .collect();
        assert_eq!(names, ["a", "b", "c"]);
        let json = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"j"}}"#;
        assert_eq!(read("f", json).unwrap().len(), 1);
        assert!(read("f", "").unwrap().is_empty());
    }

    #[test]
    fn wrong_input_names_file_document_and_field() {
        for (name, text, expected) in [
            (
                "no kind",
                "apiVersion: v1\nmetadata: {name: a}\n",
                "f, document 1: field kind",
            ),
            (
                "no version",
                "---\nkind: Pod\nmetadata: {name: a}\n",
                "f, document 1: field apiVersion",
            ),
            (
                "no name",
                "apiVersion: v1\nkind: Pod\n---\n",
                "f, document 1: field metadata.name",
            ),
            (
                "broken",
                "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\na: [\n",
                "f, document 2: ",
            ),
            (
                "items",
                "apiVersion: v1\nkind: List\nitems: 3\n",
                "field items",
            ),
            ("text", "hello\n", "field kind"),
        ] {
            let error = read("f", text).unwrap_err().to_string();
            assert!(error.contains(expected), "{name}: {error}");
        }
    }

    #[test]
    fn yaml_means_what_kubernetes_takes_it_for() {
        let read_one = |text: &str| {
            read(
                "f",
                &format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\nx: {text}\n"),
            )
            .unwrap()[0]
                .object["x"]
                .clone()
        };
        for (text, expected) in [
            ("0777", serde_json::json!(511)),
            ("0o777", serde_json::json!(511)),
            ("12345678901", serde_json::json!(12_345_678_901_i64)),
            ("yes", serde_json::json!(true)),
            ("\"yes\"", serde_json::json!("yes")),
            ("1.5", serde_json::json!(1.5)),
            ("~", Value::Null),
        ] {
            assert_eq!(read_one(text), expected, "{text}");
        }
    }
}
