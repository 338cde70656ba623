//! Evaluating expressions over JSON values. `None` is an error of the expression (a missing field, a wrong type, an
//! unknown function).

use super::parse::Expression;
use crate::apply::path::same;
use regex::Regex;
use serde_json::{Map, Value, json};

/// The names an expression can use.
#[derive(Debug, Clone, Default)]
pub(super) struct Names(pub(super) Map<String, Value>);

impl Names {
    fn with(&self, name: &str, value: Value) -> Self {
        let mut out = self.clone();
        out.0.insert(name.to_owned(), value);
        out
    }
}

pub(super) fn evaluate(expression: &Expression, names: &Names) -> Option<Value> {
    match expression {
        Expression::Literal(value) => Some(value.clone()),
        Expression::Name(name) => names.0.get(name).cloned(),
        Expression::Field(of, name) => evaluate(of, names)?.get(unescaped(name)).cloned(),
        Expression::Index(of, at) => index(&evaluate(of, names)?, &evaluate(at, names)?),
        Expression::Call(of, name, arguments) => call(of.as_deref(), name, arguments, names),
        Expression::List(items) => items
            .iter()
            .map(|i| evaluate(i, names))
            .collect::<Option<Vec<_>>>()
            .map(Value::from),
        Expression::Not(of) => Some(json!(!evaluate(of, names)?.as_bool()?)),
        Expression::Negative(of) => match evaluate(of, names)? {
            Value::Number(number) => number
                .as_i64()
                .map(|n| json!(-n))
                .or_else(|| number.as_f64().map(|n| json!(-n))),
            _ => None,
        },
        Expression::Binary(operator, left, right) => binary(operator, left, right, names),
        Expression::Choice(condition, yes, no) => evaluate(
            if evaluate(condition, names)?.as_bool()? {
                yes
            } else {
                no
            },
            names,
        ),
    }
}

/// Field names that are words of the language are written `__name__`.
fn unescaped(name: &str) -> &str {
    name.strip_prefix("__")
        .and_then(|n| n.strip_suffix("__"))
        .unwrap_or(name)
}

fn index(of: &Value, at: &Value) -> Option<Value> {
    match (of, at) {
        (Value::Array(items), at) => items.get(usize::try_from(at.as_i64()?).ok()?).cloned(),
        (Value::Object(fields), Value::String(key)) => fields.get(key).cloned(),
        _ => None,
    }
}

fn binary(operator: &str, left: &Expression, right: &Expression, names: &Names) -> Option<Value> {
    if matches!(operator, "&&" | "||") {
        // either side alone decides, even if the other is an error
        let decisive = operator == "||";
        let sides = [
            evaluate(left, names).and_then(|v| v.as_bool()),
            evaluate(right, names).and_then(|v| v.as_bool()),
        ];
        if sides.contains(&Some(decisive)) {
            return Some(json!(decisive));
        }
        return (sides == [Some(!decisive); 2]).then(|| json!(!decisive));
    }
    let (a, b) = (evaluate(left, names)?, evaluate(right, names)?);
    match operator {
        "==" => Some(json!(same(&a, &b))),
        "!=" => Some(json!(!same(&a, &b))),
        "in" => match &b {
            Value::Array(items) => Some(json!(items.iter().any(|i| same(i, &a)))),
            Value::Object(fields) => Some(json!(fields.contains_key(a.as_str()?))),
            _ => None,
        },
        "<" | "<=" | ">" | ">=" => {
            let order = match (&a, &b) {
                (Value::String(x), Value::String(y)) => x.cmp(y),
                _ => a.as_f64()?.partial_cmp(&b.as_f64()?)?,
            };
            Some(json!(match operator {
                "<" => order.is_lt(),
                "<=" => order.is_le(),
                ">" => order.is_gt(),
                _ => order.is_ge(),
            }))
        }
        _ => arithmetic(operator, &a, &b),
    }
}

fn arithmetic(operator: &str, a: &Value, b: &Value) -> Option<Value> {
    match (a, b) {
        (Value::String(x), Value::String(y)) if operator == "+" => Some(json!(format!("{x}{y}"))),
        (Value::Array(x), Value::Array(y)) if operator == "+" => {
            Some(x.iter().chain(y).cloned().collect())
        }
        _ => match (a.as_i64(), b.as_i64()) {
            (Some(x), Some(y)) => match operator {
                "+" => x.checked_add(y),
                "-" => x.checked_sub(y),
                "*" => x.checked_mul(y),
                "/" => x.checked_div(y),
                _ => x.checked_rem(y),
            }
            .map(Value::from),
            _ => {
                let (x, y) = (a.as_f64()?, b.as_f64()?);
                match operator {
                    "+" => Some(json!(x + y)),
                    "-" => Some(json!(x - y)),
                    "*" => Some(json!(x * y)),
                    "/" => Some(json!(x / y)),
                    _ => None,
                }
            }
        },
    }
}

fn size(value: &Value) -> Option<Value> {
    match value {
        Value::String(text) => Some(json!(text.chars().count())),
        Value::Array(items) => Some(json!(items.len())),
        Value::Object(fields) => Some(json!(fields.len())),
        _ => None,
    }
}

fn call(
    of: Option<&Expression>,
    name: &str,
    arguments: &[Expression],
    names: &Names,
) -> Option<Value> {
    match (of, name, arguments) {
        (None, "has", [Expression::Field(of, field)]) => {
            Some(json!(evaluate(of, names)?.get(unescaped(field)).is_some()))
        }
        (None, "size", [of]) | (Some(of), "size", []) => size(&evaluate(of, names)?),
        (None, "int", [of]) => match evaluate(of, names)? {
            Value::String(text) => text.parse::<i64>().ok().map(Value::from),
            Value::Number(number) => number.as_i64().map(Value::from),
            _ => None,
        },
        (None, "string", [of]) => match evaluate(of, names)? {
            Value::String(text) => Some(Value::String(text)),
            other @ (Value::Number(_) | Value::Bool(_)) => Some(json!(other.to_string())),
            _ => None,
        },
        (
            Some(of),
            "all" | "exists" | "exists_one" | "filter" | "map",
            [Expression::Name(variable), body],
        ) => over(&evaluate(of, names)?, name, variable, body, names),
        (Some(of), _, [argument]) => text_method(
            evaluate(of, names)?.as_str()?,
            name,
            evaluate(argument, names)?.as_str()?,
        ),
        (Some(of), "lowerAscii", []) => {
            Some(json!(evaluate(of, names)?.as_str()?.to_ascii_lowercase()))
        }
        (Some(of), "trim", []) => Some(json!(evaluate(of, names)?.as_str()?.trim())),
        _ => None,
    }
}

fn text_method(text: &str, name: &str, argument: &str) -> Option<Value> {
    Some(json!(match name {
        "startsWith" => text.starts_with(argument),
        "endsWith" => text.ends_with(argument),
        "contains" => text.contains(argument),
        "matches" => Regex::new(argument).ok()?.is_match(text),
        "split" => return Some(text.split(argument).map(Value::from).collect()),
        _ => return None,
    }))
}

/// The macros over lists and the keys of maps.
fn over(of: &Value, name: &str, variable: &str, body: &Expression, names: &Names) -> Option<Value> {
    let items: Vec<Value> = match of {
        Value::Array(items) => items.clone(),
        Value::Object(fields) => fields.keys().map(|k| json!(k)).collect(),
        _ => return None,
    };
    let results: Vec<(Value, Option<Value>)> = items
        .into_iter()
        .map(|item| (item.clone(), evaluate(body, &names.with(variable, item))))
        .collect();
    let truths = || {
        results
            .iter()
            .map(|(_, r)| r.as_ref().and_then(Value::as_bool))
    };
    match name {
        "all" if truths().any(|t| t == Some(false)) => Some(json!(false)),
        "exists" if truths().any(|t| t == Some(true)) => Some(json!(true)),
        "all" | "exists" => truths().all(|t| t.is_some()).then(|| json!(name == "all")),
        "exists_one" => {
            let all = truths().collect::<Option<Vec<_>>>()?;
            Some(json!(all.into_iter().filter(|t| *t).count() == 1))
        }
        "filter" => {
            let all = truths().collect::<Option<Vec<_>>>()?;
            Some(
                results
                    .iter()
                    .zip(all)
                    .filter(|(_, keep)| *keep)
                    .map(|((item, _), _)| item.clone())
                    .collect(),
            )
        }
        _ => results
            .into_iter()
            .map(|(_, r)| r)
            .collect::<Option<Vec<_>>>()
            .map(Value::from),
    }
}
