//! The definitions against KubeAdmiral's (as facts), against the rules of structural schemas, and
//! against the committed files: `NAVARCH_UPDATE_GENERATED=1 cargo test -p navarch-crds` writes them.

use navarch_crds::definitions;
use navarch_crds::go::json;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Fields that Navarch adds. KubeAdmiral does not look at them, and nothing may depend on their being stored: a
/// host that keeps KubeAdmiral's definitions cuts them off.
const ADDED: [&str; 1] = ["status.conditions[].message\tstring"];

const CONSTRAINTS: [&str; 15] = [
    "format",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "pattern",
    "x-kubernetes-int-or-string",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
    "x-kubernetes-validations",
];

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The lines of one schema, as `testdata/README.md` says.
fn facts(schema: &Value, path: &str, required: bool, lines: &mut Vec<String>) {
    let mut line = format!(
        "{path}\t{}",
        schema.get("type").and_then(Value::as_str).unwrap_or("any")
    );
    if required {
        line.push_str("\trequired");
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        let mut values: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
        values.sort_unstable();
        line.push_str(&format!("\tenum={}", values.join(",")));
    }
    if let Some(default) = schema.get("default") {
        line.push_str(&format!("\tdefault={default}"));
    }
    for key in CONSTRAINTS {
        if let Some(value) = schema.get(key) {
            line.push_str(&format!("\t{key}={value}"));
        }
    }
    lines.push(line);
    let demanded = schema.get("required").cloned().unwrap_or_default();
    for (name, inner) in schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        if path.is_empty() && ["apiVersion", "kind"].contains(&name.as_str()) {
            continue;
        }
        let inner_path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        let required = demanded
            .as_array()
            .is_some_and(|names| names.contains(&Value::from(name.as_str())));
        facts(inner, &inner_path, required, lines);
    }
    if let Some(items) = schema.get("items") {
        facts(items, &format!("{path}[]"), false, lines);
    }
    if let Some(values) = schema.get("additionalProperties") {
        facts(values, &format!("{path}{{}}"), false, lines);
    }
}

fn joined(values: Option<&Value>, separator: &str, each: impl Fn(&Value) -> String) -> String {
    let values = values.and_then(Value::as_array).into_iter().flatten();
    values.map(each).collect::<Vec<_>>().join(separator)
}

fn head(definition: &Value) -> String {
    let version = &definition["spec"]["versions"][0];
    let subresources: Vec<&str> = version["subresources"]
        .as_object()
        .into_iter()
        .flat_map(|object| object.keys().map(String::as_str))
        .collect();
    let federated = definition["metadata"]["annotations"]["kubeadmiral.io/no-federated-resource"]
        .as_str()
        .map_or("yes", |_| "no");
    [
        text(definition, "/metadata/name").to_owned(),
        text(definition, "/spec/names/kind").to_owned(),
        text(definition, "/spec/names/singular").to_owned(),
        format!(
            "short={}",
            joined(definition.pointer("/spec/names/shortNames"), ",", |name| {
                name.as_str().unwrap_or_default().to_owned()
            })
        ),
        text(definition, "/spec/scope").to_owned(),
        text(version, "/name").to_owned(),
        format!("subresources={}", subresources.join(",")),
        format!("federated={federated}"),
        format!(
            "columns={}",
            joined(version.get("additionalPrinterColumns"), ";", |column| {
                let part = |key| column[key].as_str().unwrap_or_default().to_owned();
                [part("name"), part("type"), part("jsonPath")].join(" ")
            })
        ),
    ]
    .join("\t")
}

#[test]
fn definitions_have_the_fields_of_kubeadmirals() {
    let table = include_str!("../testdata/kubeadmiral-definitions.tsv");
    let mut expected: BTreeMap<&str, (&str, Vec<&str>)> = BTreeMap::new();
    let mut current = "";
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        if let Some(head) = line.strip_prefix("== ") {
            current = head.split('\t').next().unwrap_or_default();
            expected.insert(current, (head, Vec::new()));
        } else if let Some(other) = line.strip_prefix("same as ") {
            let fields = expected[other].1.clone();
            expected.get_mut(current).unwrap().1 = fields;
        } else {
            expected.get_mut(current).unwrap().1.push(line);
        }
    }
    let mut documents = definitions::documents();
    // KubeAdmiral has none of ours.
    documents.retain(|document| text(document, "/spec/group") != navarch_crds::quota::GROUP);
    assert_eq!(documents.len(), expected.len());
    let mut differences = String::new();
    for document in &documents {
        let name = text(document, "/metadata/name");
        let (expected_head, expected_fields) = &expected[name];
        let head = head(document);
        if head != **expected_head {
            writeln!(differences, "{name}:\n  - {expected_head}\n  + {head}").unwrap();
        }
        let mut lines = Vec::new();
        facts(
            &document["spec"]["versions"][0]["schema"]["openAPIV3Schema"],
            "",
            false,
            &mut lines,
        );
        for line in expected_fields
            .iter()
            .filter(|line| !lines.iter().any(|ours| ours == *line))
        {
            writeln!(differences, "{name}: - {line}").unwrap();
        }
        for line in lines
            .iter()
            .filter(|line| !expected_fields.contains(&line.as_str()))
            .filter(|line| !ADDED.contains(&line.as_str()))
        {
            writeln!(differences, "{name}: + {line}").unwrap();
        }
    }
    assert!(
        differences.is_empty(),
        "- is KubeAdmiral's, + is ours:\n{differences}"
    );
}

/// The rules of `k8s.io/apiextensions-apiserver/pkg/apiserver/schema/validation.go` that a
/// generated schema can break.
fn check_structural(schema: &Value, path: &str, broken: &mut Vec<String>) {
    let Some(object) = schema.as_object() else {
        broken.push(format!("{path}: no object"));
        return;
    };
    let int_or_string = object.contains_key("x-kubernetes-int-or-string");
    let free = object.contains_key("x-kubernetes-preserve-unknown-fields");
    if !int_or_string && !free && !object.get("type").is_some_and(Value::is_string) {
        broken.push(format!("{path}: no type"));
    }
    for key in [
        "$ref", "$defs", "$schema", "oneOf", "allOf", "not", "const", "nullable", "title",
    ] {
        if object.contains_key(key) {
            broken.push(format!("{path}: {key}"));
        }
    }
    let known = [
        "type",
        "description",
        "properties",
        "required",
        "items",
        "additionalProperties",
        "enum",
        "default",
        "anyOf",
    ];
    for key in object.keys() {
        if !known.contains(&key.as_str()) && !CONSTRAINTS.contains(&key.as_str()) {
            broken.push(format!("{path}: unknown key {key}"));
        }
    }
    if object.contains_key("anyOf") && !int_or_string {
        broken.push(format!("{path}: anyOf"));
    }
    if object.contains_key("properties") && object.contains_key("additionalProperties") {
        broken.push(format!("{path}: properties and additionalProperties"));
    }
    for (name, inner) in object
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        check_structural(inner, &format!("{path}.{name}"), broken);
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = object.get(key) {
            check_structural(inner, &format!("{path}.{key}"), broken);
        }
    }
}

#[test]
fn schemas_are_structural_and_say_what_fields_mean() {
    let mut broken = Vec::new();
    for document in definitions::documents() {
        let name = text(&document, "/metadata/name").to_owned();
        let schema = &document["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        check_structural(schema, &name, &mut broken);
        for part in ["spec", "status"] {
            let described = schema
                .pointer(&format!("/properties/{part}/properties"))
                .and_then(Value::as_object)
                .into_iter()
                .flatten();
            for (field, inner) in described {
                if inner.get("description").is_none() {
                    broken.push(format!("{name}: {part}.{field} has no description"));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn typed_definitions_lose_nothing() {
    for (typed, document) in definitions::all().iter().zip(definitions::documents()) {
        // As text, because one side says 0 and the other 0.0.
        let typed = serde_json::to_value(typed).unwrap();
        assert_eq!(
            json::to_string(&typed).unwrap(),
            json::to_string(&document).unwrap()
        );
    }
}

#[test]
fn committed_definitions_are_fresh() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../charts/navarch/crds");
    let update = std::env::var_os("NAVARCH_UPDATE_GENERATED").is_some();
    let mut expected = BTreeMap::new();
    for document in definitions::documents() {
        let yaml = serde_saphyr::to_string(&document).unwrap();
        let again: Value = serde_saphyr::from_str(&yaml).unwrap();
        assert_eq!(again, document, "the YAML says what the document says");
        let file = format!("{}.yaml", text(&document, "/metadata/name"));
        let header = "# Generated from crds/src; write it anew with\n# NAVARCH_UPDATE_GENERATED=1 cargo test -p navarch-crds\n";
        expected.insert(file, format!("{header}{}\n", yaml.trim_end()));
    }
    if update {
        std::fs::create_dir_all(&folder).unwrap();
        for (file, content) in &expected {
            std::fs::write(folder.join(file), content).unwrap();
        }
    }
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        found.insert(name, std::fs::read_to_string(&path).unwrap());
    }
    let names: Vec<_> = found.keys().collect();
    assert_eq!(
        names,
        expected.keys().collect::<Vec<_>>(),
        "files in charts/navarch/crds"
    );
    for (file, content) in &expected {
        assert!(
            found[file] == *content,
            "charts/navarch/crds/{file} is stale: NAVARCH_UPDATE_GENERATED=1 cargo test -p navarch-crds"
        );
    }
}
