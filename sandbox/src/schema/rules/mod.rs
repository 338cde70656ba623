//! Validation rules of custom resources (`x-kubernetes-validations`). A rule that cannot be read or evaluated here is
//! taken to hold: the sandbox knows the common part of the language, and must not refuse what a real server takes.

mod evaluate;
mod parse;

use super::{ListType, Node};
use crate::apply::Step;
use crate::status::Cause;
use evaluate::{Names, evaluate};
use serde_json::{Map, Value};

/// Rules that do not hold, of the whole object.
pub(super) fn check(object: &Value, old: Option<&Value>, node: &Node) -> Vec<Cause> {
    let mut causes = Vec::new();
    walk(object, old, node, "", &mut causes);
    causes
}

fn walk(value: &Value, old: Option<&Value>, node: &Node, path: &str, causes: &mut Vec<Cause>) {
    let rules = node
        .keyword("x-kubernetes-validations")
        .and_then(Value::as_array);
    for rule in rules.into_iter().flatten() {
        if fails(rule, value, old) == Some(true) {
            causes.push(cause(rule, value, path));
        }
    }
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if let Some(child) = node.child(name) {
                    let below = if path.is_empty() {
                        name.clone()
                    } else {
                        format!("{path}.{name}")
                    };
                    walk(field, old.and_then(|o| o.get(name)), &child, &below, causes);
                }
            }
        }
        Value::Array(items) => {
            let Some(child) = node.items() else { return };
            for (index, item) in items.iter().enumerate() {
                walk(
                    item,
                    counterpart(item, old, node),
                    &child,
                    &format!("{path}[{index}]"),
                    causes,
                );
            }
        }
        _ => {}
    }
}

/// The same item before the change; known for lists with keys alone.
fn counterpart<'a>(item: &Value, old: Option<&'a Value>, node: &Node) -> Option<&'a Value> {
    if node.list_type() != ListType::Map {
        return None;
    }
    let step = Step::of_item(node, item).ok()?;
    old?.as_array()?
        .iter()
        .find(|o| Step::of_item(node, o).as_ref() == Ok(&step))
}

fn fails(rule: &Value, value: &Value, old: Option<&Value>) -> Option<bool> {
    let text = rule.get("rule")?.as_str()?;
    let expression = parse::parse(text)?;
    let mut names = Names(Map::new());
    names.0.insert("self".to_owned(), value.clone());
    if text.contains("oldSelf") {
        // rules about a change say nothing of what is new
        names.0.insert("oldSelf".to_owned(), old?.clone());
    }
    evaluate(&expression, &names)?.as_bool().map(|holds| !holds)
}

fn cause(rule: &Value, value: &Value, path: &str) -> Cause {
    let text = |key: &str| rule.get(key).and_then(Value::as_str);
    let kind = match value {
        Value::Object(_) => "object",
        Value::Array(_) => "array",
        Value::String(_) => "string",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::Null => "null",
    };
    let message = match text("message") {
        Some(message) => message.to_owned(),
        None => format!("failed rule: {}", text("rule").unwrap_or_default().trim()),
    };
    let field = format!("{path}{}", text("fieldPath").unwrap_or_default());
    let (reason, message) = match text("reason") {
        Some(reason @ "FieldValueForbidden") => (reason, format!("Forbidden: {message}")),
        Some(reason @ "FieldValueRequired") => (reason, format!("Required value: {message}")),
        Some(reason @ "FieldValueDuplicate") => (reason, format!("Duplicate value: {kind:?}")),
        _ => (
            "FieldValueInvalid",
            format!("Invalid value: {kind:?}: {message}"),
        ),
    };
    Cause {
        reason: reason.to_owned(),
        message,
        field: if field.is_empty() {
            "<nil>".to_owned()
        } else {
            field
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn says(rule: &str, value: &Value, old: Option<&Value>) -> Option<bool> {
        fails(&json!({"rule": rule}), value, old).map(|fails| !fails)
    }

    #[test]
    fn common_rules() {
        let value = json!({"colour": "black", "size": 5, "names": ["a", "b"], "labels": {"x": "y"}, "low": 1.5});
        for (rule, expected) in [
            ("self.colour != 'black' || self.size <= 3", Some(false)),
            ("has(self.size) && !has(self.weight)", Some(true)),
            ("self.size in [1, 5]", Some(true)),
            ("size(self.names) == 2 && self.names.size() > 1", Some(true)),
            ("self.names.all(n, n.matches('^[a-z]$'))", Some(true)),
            ("self.names.exists(n, n == \"c\")", Some(false)),
            ("self.names.exists_one(n, n.startsWith('a'))", Some(true)),
            ("'x' in self.labels && self.labels['x'] == 'y'", Some(true)),
            ("self.size * 2 - 1 == 9 ? self.low < 2 : false", Some(true)),
            ("self.missing == 1", None),
            ("self.missing == 1 || true", Some(true)),
            ("-self.size < 0", Some(true)),
            ("self.size.unknownFunction(1)", None),
            ("((", None),
        ] {
            assert_eq!(says(rule, &value, None), expected, "{rule}");
        }
        assert_eq!(
            says("self == oldSelf", &json!("a"), Some(&json!("b"))),
            Some(false)
        );
        assert_eq!(says("self == oldSelf", &json!("a"), None), None);
    }

    proptest::proptest! {
        #[test]
        fn no_rule_panics(rule in "[-a-z0-9.,?:!()\\[\\]<>=&|+*/%'\" ]{0,40}") {
            let _ = says(&rule, &json!({"a": 1}), None);
        }
    }
}
