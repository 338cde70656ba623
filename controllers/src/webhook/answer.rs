//! What the answers of plugins mean. An answer that does not say what was asked is a failure, never a refusal: a
//! server that is not the plugin would otherwise drive objects out of their clusters. Pure; messages never repeat
//! what was received, but for the plugin's own `error`.

use std::collections::BTreeMap;
use std::sync::Arc;

use navarch_scheduler::plugins::webhook::Answer;
use serde::Deserialize;
use serde_json::{Map, Value};

/// The longest text of a plugin that is passed on to users.
const TEXT_MAX: usize = 512;

/// Why an answer is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AnswerError {
    /// No JSON.
    #[error("its answer is no JSON")]
    NoJson,
    /// No JSON object.
    #[error("its answer is no JSON object")]
    NoObject,
    /// A part is missing.
    #[error("its answer does not say {0:?}")]
    Missing(&'static str),
    /// A part has another type.
    #[error("{0:?} in its answer is no {1}")]
    Type(&'static str, &'static str),
    /// The plugin failed itself.
    #[error("it says: {0}")]
    Said(String),
    /// A cluster of a batch is not answered.
    #[error("its answer leaves out cluster {0}")]
    LeftOut(String),
    /// A cluster is answered that was not asked about, or twice.
    #[error("its answer tells of cluster {0:?}, which it was not asked about, or twice")]
    NotAsked(String),
}

/// Control characters and the end of long texts are left out.
fn shortened(text: &str) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().take(TEXT_MAX).map(clean).collect()
}

/// A field by its name; as Go's decoder, without regard to case where no name fits exactly.
fn field<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.get(name).or_else(|| {
        let alike = |key: &&String| key.eq_ignore_ascii_case(name);
        object.keys().find(alike).and_then(|key| object.get(key))
    })
}

/// The object of an answer. Go's decoder reads the first value and leaves what follows alone.
fn object(body: &[u8]) -> Result<Map<String, Value>, AnswerError> {
    let mut values = serde_json::Deserializer::from_slice(body);
    let value = Value::deserialize(&mut values).map_err(|_error| AnswerError::NoJson)?;
    let Value::Object(object) = value else {
        return Err(AnswerError::NoObject);
    };
    match field(&object, "error") {
        None | Some(Value::Null) => Ok(object),
        Some(Value::String(text)) if text.is_empty() => Ok(object),
        Some(Value::String(text)) => Err(AnswerError::Said(shortened(text))),
        Some(_) => Err(AnswerError::Type("error", "text")),
    }
}

fn fits(object: &Map<String, Value>) -> Result<Answer, AnswerError> {
    match field(object, "selected") {
        Some(Value::Bool(true)) => Ok(Answer::Fits),
        Some(Value::Bool(false)) => Ok(Answer::Refused(None)),
        Some(Value::Null) | None => Err(AnswerError::Missing("selected")),
        Some(_) => Err(AnswerError::Type("selected", "true or false")),
    }
}

fn score(object: &Map<String, Value>) -> Result<Answer, AnswerError> {
    match field(object, "score") {
        Some(Value::Null) | None => Err(AnswerError::Missing("score")),
        Some(value) => value
            .as_i64()
            .map(Answer::Score)
            .ok_or(AnswerError::Type("score", "whole number")),
    }
}

/// May the cluster run the object?
pub(crate) fn filter_one(body: &[u8]) -> Result<Answer, AnswerError> {
    fits(&object(body)?)
}

/// The score of a cluster.
pub(crate) fn score_one(body: &[u8]) -> Result<Answer, AnswerError> {
    score(&object(body)?)
}

/// The chosen clusters. `null` is how Go writes that there is none.
pub(crate) fn chosen(body: &[u8]) -> Result<Answer, AnswerError> {
    const NAMES: &str = "selectedClusterNames";
    let object = object(body)?;
    let wrong = || AnswerError::Type(NAMES, "list of names");
    let names = match field(&object, NAMES) {
        None => return Err(AnswerError::Missing(NAMES)),
        Some(Value::Null) => Vec::new(),
        Some(Value::Array(names)) => names
            .iter()
            .map(|name| name.as_str().map(str::to_owned).ok_or_else(wrong))
            .collect::<Result<_, _>>()?,
        Some(_) => return Err(wrong()),
    };
    Ok(Answer::Chosen(names))
}

/// Answers by cluster.
pub(crate) type Batch = BTreeMap<String, Answer>;

/// Which clusters may run the object.
pub(crate) fn filter_all(body: &[u8], asked: &[&str]) -> Result<Batch, AnswerError> {
    batch(body, asked, |entry| {
        let why = field(entry, "reason")
            .and_then(Value::as_str)
            .filter(|why| !why.is_empty());
        Ok(match (fits(entry)?, why) {
            (Answer::Refused(_), Some(why)) => Answer::Refused(Some(Arc::from(shortened(why)))),
            (answer, _) => answer,
        })
    })
}

/// The scores of clusters.
pub(crate) fn score_all(body: &[u8], asked: &[&str]) -> Result<Batch, AnswerError> {
    batch(body, asked, score)
}

/// Every cluster that was asked about has to be answered once: one that was forgotten is no refusal.
fn batch(
    body: &[u8],
    asked: &[&str],
    read: impl Fn(&Map<String, Value>) -> Result<Answer, AnswerError>,
) -> Result<Batch, AnswerError> {
    let object = object(body)?;
    let entries = match field(&object, "clusters") {
        None | Some(Value::Null) => return Err(AnswerError::Missing("clusters")),
        Some(Value::Array(entries)) => entries,
        Some(_) => return Err(AnswerError::Type("clusters", "list")),
    };
    let mut open: std::collections::BTreeSet<&str> = asked.iter().copied().collect();
    let mut answers = Batch::new();
    for entry in entries {
        let entry = entry
            .as_object()
            .ok_or(AnswerError::Type("clusters", "list of objects"))?;
        let name = field(entry, "name")
            .and_then(Value::as_str)
            .ok_or(AnswerError::Missing("name"))?;
        if !open.remove(name) {
            return Err(AnswerError::NotAsked(shortened(name)));
        }
        answers.insert(name.to_owned(), read(entry)?);
    }
    match open.into_iter().next() {
        Some(name) => Err(AnswerError::LeftOut(name.to_owned())),
        None => Ok(answers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_about_one_cluster() {
        let said = |text: &str| Err(AnswerError::Said(text.to_owned()));
        let selected = Err(AnswerError::Missing("selected"));
        for (body, expected) in [
            (r#"{"selected":true,"error":""}"#, Ok(Answer::Fits)),
            (
                r#"{"selected":false,"error":""}"#,
                Ok(Answer::Refused(None)),
            ),
            (r#"{"selected":true,"more":[1]} trailing"#, Ok(Answer::Fits)),
            (r#"{"Selected":true,"Error":null}"#, Ok(Answer::Fits)),
            (r#"{"selected":true,"error":"no\nway"}"#, said("no way")),
            ("{}", selected.clone()),
            (r#"{"message":"page not found"}"#, selected),
            (
                r#"{"selected":"yes"}"#,
                Err(AnswerError::Type("selected", "true or false")),
            ),
            ("", Err(AnswerError::NoJson)),
            ("<html>", Err(AnswerError::NoJson)),
            ("null", Err(AnswerError::NoObject)),
            ("[]", Err(AnswerError::NoObject)),
        ] {
            assert_eq!(filter_one(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn scores_are_whole_numbers() {
        let wrong = Err(AnswerError::Type("score", "whole number"));
        for (body, expected) in [
            (r#"{"score":0}"#, Ok(Answer::Score(0))),
            (
                r#"{"score":-9223372036854775808}"#,
                Ok(Answer::Score(i64::MIN)),
            ),
            (r#"{"score":1.0}"#, wrong.clone()),
            (r#"{"score":9223372036854775808}"#, wrong),
            (r#"{"error":""}"#, Err(AnswerError::Missing("score"))),
        ] {
            assert_eq!(score_one(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn choices_are_lists_of_names() {
        let some = |names: &[&str]| {
            Ok(Answer::Chosen(
                names.iter().map(|name| (*name).to_owned()).collect(),
            ))
        };
        for (body, expected) in [
            (r#"{"selectedClusterNames":["b","a"]}"#, some(&["b", "a"])),
            (r#"{"selectedClusterNames":null,"error":""}"#, some(&[])),
            (
                r#"{"error":""}"#,
                Err(AnswerError::Missing("selectedClusterNames")),
            ),
            (
                r#"{"selectedClusterNames":[1]}"#,
                Err(AnswerError::Type("selectedClusterNames", "list of names")),
            ),
        ] {
            assert_eq!(chosen(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn a_batch_answers_each_cluster_once() {
        let asked = ["a", "b"];
        let both = r#"{"clusters":[{"name":"b","selected":false,"reason":"full"},{"name":"a","selected":true}]}"#;
        let batch = filter_all(both.as_bytes(), &asked).unwrap();
        assert_eq!(batch["a"], Answer::Fits);
        assert_eq!(batch["b"], Answer::Refused(Some("full".into())));
        for (body, expected) in [
            (
                r#"{"clusters":[{"name":"a","selected":true}]}"#,
                AnswerError::LeftOut("b".into()),
            ),
            (
                r#"{"clusters":[{"name":"a","selected":true},{"name":"a","selected":true}]}"#,
                AnswerError::NotAsked("a".into()),
            ),
            (
                r#"{"clusters":[{"name":"c","selected":true}]}"#,
                AnswerError::NotAsked("c".into()),
            ),
            (r#"{"selected":true}"#, AnswerError::Missing("clusters")),
            (
                r#"{"clusters":[{"name":"a"},{"name":"b"}]}"#,
                AnswerError::Missing("selected"),
            ),
        ] {
            assert_eq!(filter_all(body.as_bytes(), &asked), Err(expected), "{body}");
        }
        let scores = r#"{"clusters":[{"name":"a","score":1},{"name":"b","score":2}]}"#;
        let batch = score_all(scores.as_bytes(), &asked).unwrap();
        assert_eq!(batch["b"], Answer::Score(2));
    }

    #[test]
    fn long_texts_of_plugins_are_cut() {
        let body = format!(r#"{{"selected":true,"error":"{}"}}"#, "x".repeat(5_000));
        let error = filter_one(body.as_bytes()).unwrap_err().to_string();
        assert!(error.len() < 600, "{}", error.len());
    }
}
