//! Label selectors in their text form: `a=b,c!=d,e in (f,g),!h`. Texts of errors follow k8s.io/apimachinery `labels`.

use crate::object;
use crate::status::Status;
use serde_json::Value;

/// A parsed label selector; the default selects everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelSelector {
    requirements: Vec<Requirement>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    operator: Operator,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    In,
    NotIn,
    Exists,
    Absent,
    Greater,
    Less,
}

impl LabelSelector {
    /// From text.
    pub fn parse(text: &str) -> Result<Self, Status> {
        let tokens = lex(text);
        let mut parser = Parser {
            tokens,
            position: 0,
        };
        parser.selector().map_err(Status::bad_request)
    }

    /// From the `matchLabels`/`matchExpressions` form of an object; anything unreadable selects nothing.
    pub fn from_object(selector: &Value) -> Self {
        let mut requirements = Vec::new();
        let equal = selector.get("matchLabels").and_then(Value::as_object);
        for (key, value) in equal.into_iter().flatten() {
            let values = vec![value.as_str().unwrap_or_default().to_owned()];
            requirements.push(Requirement {
                key: key.clone(),
                operator: Operator::In,
                values,
            });
        }
        let expressions = selector.get("matchExpressions").and_then(Value::as_array);
        for expression in expressions.into_iter().flatten() {
            let text = |field| {
                expression
                    .get(field)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
            };
            let values = expression.get("values").and_then(Value::as_array);
            let values = values
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned);
            let (operator, values) = match text("operator") {
                "NotIn" => (Operator::NotIn, values.collect()),
                "Exists" => (Operator::Exists, Vec::new()),
                "DoesNotExist" => (Operator::Absent, Vec::new()),
                _ => (Operator::In, values.collect()),
            };
            requirements.push(Requirement {
                key: text("key").to_owned(),
                operator,
                values,
            });
        }
        Self { requirements }
    }

    /// One label that must have one value.
    pub fn equal(key: &str, value: &str) -> Self {
        let values = vec![value.to_owned()];
        let requirement = Requirement {
            key: key.to_owned(),
            operator: Operator::In,
            values,
        };
        Self {
            requirements: vec![requirement],
        }
    }

    /// Whether everything matches.
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    /// Whether the object's labels match.
    pub fn matches(&self, object: &Value) -> bool {
        self.requirements
            .iter()
            .all(|r| r.matches(object::label(object, &r.key)))
    }
}

impl Requirement {
    fn matches(&self, value: Option<&str>) -> bool {
        let listed = |v: &str| self.values.iter().any(|x| x == v);
        let number = |v: &str| v.parse::<i64>().ok();
        let bound = || self.values.first().and_then(|v| number(v));
        match self.operator {
            Operator::In => value.is_some_and(listed),
            Operator::NotIn => !value.is_some_and(listed),
            Operator::Exists => value.is_some(),
            Operator::Absent => value.is_none(),
            Operator::Greater => value
                .and_then(number)
                .zip(bound())
                .is_some_and(|(v, b)| v > b),
            Operator::Less => value
                .and_then(number)
                .zip(bound())
                .is_some_and(|(v, b)| v < b),
        }
    }
}

fn lex(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut characters = text.chars().peekable();
    while let Some(first) = characters.next() {
        if first.is_ascii_whitespace() {
            continue;
        }
        let mut token = String::from(first);
        match first {
            '(' | ')' | ',' | '>' | '<' => {}
            '=' | '!' => {
                if characters.peek() == Some(&'=') {
                    token.extend(characters.next());
                }
            }
            _ => {
                let special = |c: char| "=!(),><".contains(c) || c.is_ascii_whitespace();
                while let Some(next) = characters.next_if(|c| !special(*c)) {
                    token.push(next);
                }
            }
        }
        tokens.push(token);
    }
    tokens
}

fn is_identifier(token: &str) -> bool {
    !matches!(
        token,
        "" | "(" | ")" | "," | ">" | "<" | "=" | "==" | "!" | "!="
    )
}

/// Refuses values that no label can have.
fn check_values(requirement: &Requirement) -> Result<(), String> {
    for (index, value) in requirement.values.iter().enumerate() {
        if let Some(wrong) = crate::schema::validate::label_value(value).first() {
            let key = &requirement.key;
            return Err(format!(
                "values[{index}][{key}]: Invalid value: \"{value}\": {wrong}"
            ));
        }
    }
    Ok(())
}

struct Parser {
    tokens: Vec<String>,
    position: usize,
}

impl Parser {
    fn peek(&self) -> &str {
        self.tokens.get(self.position).map_or("", String::as_str)
    }

    fn next(&mut self) -> String {
        let token = self.peek().to_owned();
        self.position += 1;
        token
    }

    fn selector(&mut self) -> Result<LabelSelector, String> {
        let mut requirements = Vec::new();
        loop {
            match self.peek() {
                "" => return Ok(LabelSelector { requirements }),
                token if is_identifier(token) || token == "!" => {}
                token => {
                    return Err(format!(
                        "found '{token}', expected: !, identifier, or 'end of string'"
                    ));
                }
            }
            let one = self
                .requirement()
                .map_err(|e| format!("unable to parse requirement: {e}"))?;
            check_values(&one).map_err(|e| format!("unable to parse requirement: {e}"))?;
            requirements.push(one);
            match self.next().as_str() {
                "" => return Ok(LabelSelector { requirements }),
                "," if is_identifier(self.peek()) || self.peek() == "!" => {}
                "," => {
                    return Err(format!(
                        "found '{}', expected: identifier after ','",
                        self.peek()
                    ));
                }
                token => {
                    return Err(format!("found '{token}', expected: ',' or 'end of string'"));
                }
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let absent = self.peek() == "!";
        if absent {
            self.next();
        }
        let key = self.next();
        if !is_identifier(&key) {
            return Err(format!("found '{key}', expected: identifier"));
        }
        if absent || matches!(self.peek(), "" | ",") {
            let operator = if absent {
                Operator::Absent
            } else {
                Operator::Exists
            };
            return Ok(Requirement {
                key,
                operator,
                values: Vec::new(),
            });
        }
        let (operator, list) = match self.next().as_str() {
            "in" => (Operator::In, true),
            "notin" => (Operator::NotIn, true),
            "=" | "==" => (Operator::In, false),
            "!=" => (Operator::NotIn, false),
            ">" => (Operator::Greater, false),
            "<" => (Operator::Less, false),
            other => {
                let expected = "in, notin, =, ==, !=, gt, lt";
                return Err(format!("found '{other}', expected: {expected}"));
            }
        };
        let values = if list {
            self.values()?
        } else {
            vec![self.value()?]
        };
        Ok(Requirement {
            key,
            operator,
            values,
        })
    }

    fn value(&mut self) -> Result<String, String> {
        if matches!(self.peek(), "" | ",") {
            return Ok(String::new());
        }
        let value = self.next();
        if is_identifier(&value) {
            Ok(value)
        } else {
            Err(format!("found '{value}', expected: identifier"))
        }
    }

    fn values(&mut self) -> Result<Vec<String>, String> {
        let open = self.next();
        if open != "(" {
            return Err(format!("found '{open}' expected: '('"));
        }
        let mut values = Vec::new();
        loop {
            match self.next().as_str() {
                ")" => return Ok(values),
                "," => {}
                token if is_identifier(token) => values.push(token.to_owned()),
                token => return Err(format!("found '{token}', expected: ',', ')' or identifier")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn selectors_match_as_kubernetes_matches_them() {
        let object = json!({"metadata": {"labels": {"app": "web", "tier": "2"}}});
        let cases = [
            ("", true),
            ("app=web", true),
            ("app==web,tier=2", true),
            ("app!=web", false),
            ("other!=web", true),
            ("app in (db, web)", true),
            ("app notin (db,web)", false),
            ("app", true),
            ("!app", false),
            ("!other", true),
            ("tier>1", true),
            ("tier<1", false),
            ("app=", false),
        ];
        for (text, expected) in cases {
            let selector = LabelSelector::parse(text).expect(text);
            assert_eq!(selector.matches(&object), expected, "{text}");
        }
    }

    #[test]
    fn errors_have_the_texts_of_a_real_server() {
        let cases = [
            (
                "a in b",
                "unable to parse requirement: found 'b' expected: '('",
            ),
            ("a=b,", "found '', expected: identifier after ','"),
            (
                "a b",
                "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(
                LabelSelector::parse(text).expect_err(text).message,
                expected
            );
        }
    }
}
