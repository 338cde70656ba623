//! The part of JSONPath that printer columns, scale paths and selectable fields use: fields, indices, `[*]` and
//! filters `[?(@.type=="Ready")]`.

use serde_json::Value;

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Field(String),
    Index(i64),
    All,
    Filter {
        path: Vec<Self>,
        equal: bool,
        value: Value,
    },
}

/// A parsed path; one that cannot be parsed finds nothing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JsonPath {
    steps: Option<Vec<Step>>,
}

impl JsonPath {
    /// From text like `.spec.replicas`; braces around it are allowed.
    pub(crate) fn parse(text: &str) -> Self {
        let text = text.trim();
        let text = text
            .strip_prefix('{')
            .and_then(|t| t.strip_suffix('}'))
            .unwrap_or(text);
        Self {
            steps: steps(text.strip_prefix('$').unwrap_or(text)),
        }
    }

    /// All values the path leads to.
    pub(crate) fn find<'a>(&self, object: &'a Value) -> Vec<&'a Value> {
        self.steps
            .as_ref()
            .map_or_else(Vec::new, |steps| walk(object, steps))
    }
}

fn walk<'a>(object: &'a Value, steps: &[Step]) -> Vec<&'a Value> {
    let mut found = vec![object];
    for step in steps {
        found = found
            .into_iter()
            .flat_map(|value| advance(value, step))
            .collect();
    }
    found
}

fn advance<'a>(value: &'a Value, step: &Step) -> Vec<&'a Value> {
    match step {
        Step::Field(name) => value.get(name).into_iter().collect(),
        Step::Index(index) => {
            let list = value.as_array();
            let length = list.map_or(0, Vec::len);
            let index = usize::try_from(*index)
                .ok()
                .or_else(|| length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?));
            index.and_then(|i| list?.get(i)).into_iter().collect()
        }
        Step::All => match value {
            Value::Array(items) => items.iter().collect(),
            Value::Object(fields) => fields.values().collect(),
            _ => Vec::new(),
        },
        Step::Filter {
            path,
            equal,
            value: wanted,
        } => {
            let items = value.as_array().into_iter().flatten();
            items
                .filter(|item| {
                    walk(item, path)
                        .first()
                        .is_some_and(|v| (*v == wanted) == *equal)
                })
                .collect()
        }
    }
}

fn steps(text: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let end = closing(inside)?;
            steps.push(bracket(inside.get(..end)?)?);
            rest = inside.get(end + 1..)?;
            continue;
        }
        rest = rest.strip_prefix('.').unwrap_or(rest);
        let mut name = String::new();
        let mut letters = rest.char_indices().peekable();
        let mut end = rest.len();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\\' => name.extend(letters.next().map(|(_, escaped)| escaped)),
                '.' | '[' => {
                    end = at;
                    break;
                }
                other => name.push(other),
            }
        }
        rest = rest.get(end..)?;
        match name.as_str() {
            "" if rest.is_empty() => {}
            "" => continue,
            "*" => steps.push(Step::All),
            _ => steps.push(Step::Field(name)),
        }
    }
    Some(steps)
}

/// Where the bracket that was opened before the text ends; quotes and inner brackets are skipped.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    let mut quote = None;
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(letter),
            (None, '[') => depth += 1,
            (None, ']') if depth == 0 => return Some(at),
            (None, ']') => depth -= 1,
            (None, _) => {}
        }
    }
    None
}

fn quoted(text: &str) -> Option<&str> {
    ['\'', '"']
        .into_iter()
        .find_map(|q| text.strip_prefix(q)?.strip_suffix(q))
}

fn bracket(inside: &str) -> Option<Step> {
    let inside = inside.trim();
    if inside == "*" {
        return Some(Step::All);
    }
    if let Some(name) = quoted(inside) {
        return Some(Step::Field(name.to_owned()));
    }
    if let Some(filter) = inside.strip_prefix("?(").and_then(|t| t.strip_suffix(')')) {
        let (operator, equal) = if filter.contains("!=") {
            ("!=", false)
        } else {
            ("==", true)
        };
        let (left, right) = filter.split_once(operator)?;
        let path = steps(left.trim().strip_prefix('@')?)?;
        let right = right.trim();
        let value = match quoted(right) {
            Some(text) => Value::from(text),
            None => serde_json::from_str(right).ok()?,
        };
        return Some(Step::Filter { path, equal, value });
    }
    inside.parse().ok().map(Step::Index)
}

#[cfg(test)]
mod tests {
    use super::JsonPath;
    use serde_json::json;

    #[test]
    fn paths_of_printer_columns_are_followed() {
        let object = json!({
            "spec": {"size": 3, "a.b": 1, "list": [1, 2]},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        });
        for (path, expected) in [
            (".spec.size", vec![json!(3)]),
            ("{.spec.size}", vec![json!(3)]),
            (".spec.list[1]", vec![json!(2)]),
            (".spec.list[-1]", vec![json!(2)]),
            (".spec.list[*]", vec![json!(1), json!(2)]),
            (".spec['a.b']", vec![json!(1)]),
            (".spec.a\\.b", vec![json!(1)]),
            (
                ".status.conditions[?(@.type==\"Ready\")].status",
                vec![json!("True")],
            ),
            (".status.conditions[?(@.type=='Other')].status", vec![]),
            (".status.conditions[", vec![]),
            (".nothing", vec![]),
        ] {
            let found: Vec<_> = JsonPath::parse(path)
                .find(&object)
                .into_iter()
                .cloned()
                .collect();
            assert_eq!(found, expected, "{path}");
        }
    }
}
