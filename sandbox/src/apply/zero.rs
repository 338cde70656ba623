//! The empty object of a kind as the server sees it. In the server a kind is a Go struct: structures that are not
//! pointers are always there, and required fields have their zero value. A create is compared with it, which is why
//! nobody owns `spec` itself but somebody owns `spec.replicas`. Custom resources have no such thing.

use crate::schema::{Kind, Node};
use serde_json::{Map, Value, json};

/// Fields of an event that are always written, though its schema does not require them.
const EVENT: &str = "io.k8s.api.core.v1.Event";
const REPORTING: [&str; 2] = ["reportingComponent", "reportingInstance"];

/// The empty object.
pub(super) fn of(node: &Node) -> Value {
    let mut out = Map::new();
    if node.is_structural() {
        return Value::Object(out);
    }
    for (name, field) in node.fields() {
        if field.default().is_some_and(Value::is_object) && field.kind() == Kind::Object {
            out.insert(name, of(&field));
        } else if node.component() == Some(EVENT) && REPORTING.contains(&name.as_str()) {
            out.insert(name, zero(&field));
        } else if is_always_written(node, &name) && field.kind() == Kind::String {
            out.insert(name, Value::Null);
        } else if node.requires(&name) {
            out.insert(name, zero(&field));
        }
    }
    Value::Object(out)
}

fn zero(field: &Node) -> Value {
    match field.kind() {
        Kind::String => json!(""),
        Kind::Integer | Kind::Number => json!(0),
        Kind::Boolean => json!(false),
        Kind::Object | Kind::Array | Kind::Any => Value::Null,
    }
}

fn is_always_written(node: &Node, name: &str) -> bool {
    node.component()
        .is_some_and(|component| crate::schema::defaults::always_written(component, name))
}
