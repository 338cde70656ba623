//! Defaults of custom resources: the schema's `default`s, filled in wherever the object around them is, and nulls where
//! null is no value.

use crate::schema::Node;
use serde_json::{Map, Value};

pub(super) fn apply(value: &mut Value, node: &Node) {
    match value {
        Value::Object(fields) => object(fields, node),
        Value::Array(items) => {
            if let Some(child) = node.items() {
                items.iter_mut().for_each(|item| apply(item, &child));
            }
        }
        _ => {}
    }
}

fn object(fields: &mut Map<String, Value>, node: &Node) {
    fields.retain(|name, value| {
        !value.is_null() || node.field(name).is_none_or(|field| field.nullable())
    });
    for (name, field) in node.fields() {
        // metadata is the server's, not the schema's
        if let (Some(default), false) = (field.default(), name == "metadata")
            && !fields.contains_key(&name)
        {
            fields.insert(name, default.clone());
        }
    }
    for (name, value) in fields.iter_mut() {
        if name == "metadata"
            && node
                .field("metadata")
                .is_some_and(|m| m.type_name() == Some("ObjectMeta"))
        {
            metadata(value);
        } else if let Some(child) = node.child(name) {
            apply(value, &child);
        }
    }
}

/// Nulls and empty maps of metadata do not survive the server's struct.
fn metadata(value: &mut Value) {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, v| {
            !(v.is_null()
                || v.as_object().is_some_and(Map::is_empty)
                || v.as_array().is_some_and(Vec::is_empty)
                || v.as_str() == Some(""))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn defaults_appear_where_the_object_around_them_is() {
        let node = Node::structural(&json!({"type": "object", "properties": {
            "spec": {"type": "object", "default": {}, "properties": {"size": {"type": "integer", "default": 3}, "note": {"type": "string", "nullable": true}}},
            "list": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "string", "default": "x"}}}}}}));
        let mut object = json!({"list": [{}, {"a": "y"}], "metadata": {"labels": null}});
        apply(&mut object, &node);
        assert_eq!(
            object,
            json!({"spec": {"size": 3}, "list": [{"a": "x"}, {"a": "y"}], "metadata": {}})
        );
        let mut object = json!({"spec": {"size": null, "note": null}});
        apply(&mut object, &node);
        assert_eq!(object, json!({"spec": {"size": 3, "note": null}}));
    }
}
