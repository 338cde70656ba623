//! Fields the schema does not know: found, named and dropped. And fields that stand twice in the bytes of a body.

use super::{Kind, Node};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;

/// Paths of fields the schema does not know, for example `spec.template.spec.containers[0].imagePullPolice`.
pub fn find(value: &Value, node: &Node) -> Vec<String> {
    let mut value = value.clone();
    prune(&mut value, node)
}

/// Drops them; their paths come back.
pub fn prune(value: &mut Value, node: &Node) -> Vec<String> {
    let mut found = Vec::new();
    walk(value, node, "", &mut found);
    found
}

fn walk(value: &mut Value, node: &Node, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            let open = node.preserve_unknown() || is_open(node);
            let below = |name: &str| {
                if path.is_empty() {
                    name.to_owned()
                } else {
                    format!("{path}.{name}")
                }
            };
            fields.retain(|name, field| {
                match node.child(name) {
                    Some(child) => walk(field, &child, &below(name), found),
                    None if open => {}
                    None => {
                        found.push(below(name));
                        return false;
                    }
                }
                true
            });
        }
        Value::Array(items) => {
            let Some(child) = node.items() else { return };
            for (index, item) in items.iter_mut().enumerate() {
                walk(item, &child, &format!("{path}[{index}]"), found);
            }
        }
        _ => {}
    }
}

/// Built-in places that say nothing hold anything, those of metadata too; a custom resource's object without fields
/// holds none.
fn is_open(node: &Node) -> bool {
    let says_any = node.kind() == Kind::Any || node.component().is_some();
    node.is_untyped() && (says_any || !node.is_structural())
}

/// Paths of fields that stand more than once in an object of the body.
pub fn duplicates(body: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let mut reader = serde_json::Deserializer::from_slice(body);
    let scan = Scan {
        path: String::new(),
        found: &mut found,
    };
    // a body that cannot be read is reported by whoever reads it
    drop(scan.deserialize(&mut reader));
    found
}

struct Scan<'a> {
    path: String,
    found: &'a mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for Scan<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Scan<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(key) = map.next_key::<String>()? {
            let path = if self.path.is_empty() {
                key.clone()
            } else {
                format!("{}.{key}", self.path)
            };
            if !seen.insert(key) && !self.found.contains(&path) {
                self.found.push(path.clone());
            }
            map.next_value_seed(Scan {
                path,
                found: self.found,
            })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut index = 0;
        while list
            .next_element_seed(Scan {
                path: format!("{}[{index}]", self.path),
                found: self.found,
            })?
            .is_some()
        {
            index += 1;
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        Value::deserialize(deserializer).map(drop)
    }
}

/// What strict decoding says of them: `unknown field "…"`, `duplicate field "…"`; one warning each, or joined by commas
/// after `strict decoding error: `.
pub fn messages(duplicates: &[String], unknown: &[String]) -> Vec<String> {
    let say = |what: &str, path: &String| format!("{what} field {path:?}");
    duplicates
        .iter()
        .map(|p| say("duplicate", p))
        .chain(unknown.iter().map(|p| say("unknown", p)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Gvk;
    use crate::schema::Schemas;
    use serde_json::json;

    #[test]
    fn unknown_fields_are_named_and_dropped() {
        let node = Schemas::builtin()
            .root(&Gvk::new("apps", "v1", "Deployment"))
            .unwrap();
        let mut object = json!({"spec": {"replicaz": 1, "selector": {"matchLabels": {"a": "b"}}, "template": {"spec": {"containers": [{"imagePullPolice": "x"}]}}}});
        assert_eq!(
            prune(&mut object, &node),
            [
                "spec.replicaz",
                "spec.template.spec.containers[0].imagePullPolice"
            ]
        );
        assert!(find(&object, &node).is_empty());
    }

    #[test]
    fn custom_resources_keep_what_their_schema_preserves() {
        let node = Node::structural(&json!({"type": "object", "properties": {
            "spec": {"type": "object", "properties": {"size": {"type": "integer"}}},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}));
        let object = json!({"apiVersion": "a/v1", "kind": "W", "metadata": {"name": "x", "nonsense": 1, "managedFields": [{"fieldsV1": {"f:a": {}}}]}, "spec": {"size": 1, "weight": 2}, "free": {"a": {"b": 1}}, "more": 1});
        assert_eq!(
            find(&object, &node),
            ["metadata.nonsense", "more", "spec.weight"]
        );
    }

    #[test]
    fn duplicate_fields_are_found_in_the_bytes() {
        assert_eq!(
            duplicates(br#"{"a":1,"b":{"c":1,"c":2,"d":[{"e":1,"e":2}]},"a":2}"#),
            ["b.c", "b.d[0].e", "a"]
        );
        assert!(duplicates(b"{").is_empty());
    }
}
