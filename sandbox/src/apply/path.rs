//! One step of a field path, its order and its two spellings: in `fieldsV1` and in messages.
//! No schema is known here.

use crate::schema::{ListType, Node};
use serde_json::Value;
use std::cmp::Ordering;
use std::fmt;

/// A JSON value that can be ordered: numbers before text before booleans before lists before objects before null.
#[derive(Debug, Clone)]
pub struct Ordered(pub Value);

fn rank(value: &Value) -> u8 {
    match value {
        Value::Number(_) => 0,
        Value::String(_) => 1,
        Value::Bool(_) => 2,
        Value::Array(_) => 3,
        Value::Object(_) => 4,
        Value::Null => 5,
    }
}

fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => match (x.as_i64(), y.as_i64()) {
            (Some(x), Some(y)) => x.cmp(&y),
            _ => x
                .as_f64()
                .partial_cmp(&y.as_f64())
                .unwrap_or(Ordering::Equal),
        },
        (Value::String(x), Value::String(y)) => x.cmp(y),
        (Value::Bool(x), Value::Bool(y)) => x.cmp(y),
        (Value::Array(x), Value::Array(y)) => x
            .iter()
            .zip(y)
            .map(|(p, q)| compare(p, q))
            .find(|o| o.is_ne())
            .unwrap_or_else(|| x.len().cmp(&y.len())),
        (Value::Object(x), Value::Object(y)) => x
            .iter()
            .zip(y)
            .map(|((k, p), (l, q))| k.cmp(l).then_with(|| compare(p, q)))
            .find(|o| o.is_ne())
            .unwrap_or_else(|| x.len().cmp(&y.len())),
        _ => rank(a).cmp(&rank(b)),
    }
}

impl PartialEq for Ordered {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Ordered {}
impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(&self.0, &other.0)
    }
}

/// Whether two values are the same to the server: 1 and 1.0 are.
pub fn same(a: &Value, b: &Value) -> bool {
    compare(a, b).is_eq()
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// A field or map key (`f:`).
    Field(String),
    /// An item of a list, by the fields that are its key, sorted by name (`k:`).
    Key(Vec<(String, Ordered)>),
    /// An item of a set, by itself (`v:`).
    Value(Ordered),
    /// An item of a list by place (`i:`).
    Index(i64),
}

impl Step {
    /// From its spelling in `fieldsV1`.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        match kind {
            "f" => Some(Self::Field(rest.to_owned())),
            "k" => match serde_json::from_str(rest).ok()? {
                Value::Object(fields) => Some(Self::Key(
                    fields.into_iter().map(|(k, v)| (k, Ordered(v))).collect(),
                )),
                _ => None,
            },
            "v" => serde_json::from_str(rest)
                .ok()
                .map(|v| Self::Value(Ordered(v))),
            "i" => rest.parse().ok().map(Self::Index),
            _ => None,
        }
    }

    /// Its spelling in `fieldsV1`.
    pub fn encode(&self) -> String {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Key(fields) => {
                let object: serde_json::Map<_, _> = fields
                    .iter()
                    .map(|(k, v)| (k.clone(), v.0.clone()))
                    .collect();
                format!("k:{}", Value::Object(object))
            }
            Self::Value(value) => format!("v:{}", value.0),
            Self::Index(index) => format!("i:{index}"),
        }
    }

    /// The step to a list's item. `Err` says which key field is missing.
    pub fn of_item(node: &Node, item: &Value) -> Result<Self, String> {
        if node.list_type() == ListType::Set {
            return match item {
                Value::Array(_) | Value::Object(_) => {
                    Err("associative list without keys has an element that's a map type".to_owned())
                }
                Value::Null => Err(
                    "associative list without keys has an element that's an explicit null"
                        .to_owned(),
                ),
                _ => Ok(Self::Value(Ordered(item.clone()))),
            };
        }
        if item.is_null() {
            return Err(
                "associative list with keys has an element that's a map type"
                    .replace("a map type", "an explicit null"),
            );
        }
        if !item.is_object() {
            return Err("associative list with keys may not have non-map elements".to_owned());
        }
        let items = node.items();
        let mut fields = Vec::new();
        for key in node.map_keys() {
            let default = || {
                items
                    .as_ref()
                    .and_then(|n| n.field(key)?.default().cloned())
            };
            match item.get(key).cloned().or_else(default) {
                Some(value) => fields.push((key.to_owned(), Ordered(value))),
                None => {
                    return Err(format!(
                        "associative list with keys has an element that omits key field {key:?} (and doesn't have default value)"
                    ));
                }
            }
        }
        fields.sort();
        Ok(Self::Key(fields))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Key(fields) => {
                let fields: Vec<_> = fields.iter().map(|(k, v)| format!("{k}={}", v.0)).collect();
                write!(f, "[{}]", fields.join(","))
            }
            Self::Value(value) => write!(f, "[={}]", value.0),
            Self::Index(index) => write!(f, "[{index}]"),
        }
    }
}
