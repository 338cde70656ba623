//! Who is selected: label selectors with Kubernetes' own checks of keys and values
//! (`k8s.io/apimachinery/pkg/labels`), and the cluster selector terms of policies
//! (KubeAdmiral `pkg/util/clusterselector`). Pure; a malformed selector is an error, not a no.

use crate::v1alpha1::{ClusterSelectorOperator, ClusterSelectorRequirement, ClusterSelectorTerm};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use std::collections::BTreeMap;

pub use crate::select_text::parse_selector;

/// Labels of an object.
pub type Labels = BTreeMap<String, String>;

/// A selector that cannot be evaluated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// An operator that does not exist.
    #[error("{operator:?} is no operator of a {of} selector: use one of {known}")]
    Operator {
        /// The text.
        operator: String,
        /// What is selected by.
        of: &'static str,
        /// The operators there are.
        known: &'static str,
    },
    /// The wrong number of values.
    #[error("operator {operator} on {key:?} has {count} values: give {wanted}")]
    ValueCount {
        /// The operator.
        operator: &'static str,
        /// The key.
        key: String,
        /// How many values there are.
        count: usize,
        /// How many there should be.
        wanted: &'static str,
    },
    /// A value that must be an integer.
    #[error("operator {operator} on {key:?} compares with {value:?}: give an integer")]
    NoInteger {
        /// The operator.
        operator: &'static str,
        /// The key.
        key: String,
        /// The value.
        value: String,
    },
    /// A key that no label can have.
    #[error(
        "{key:?} cannot be the key of a label: give a name of at most 63 letters, digits, '-', '_' and '.', with an optional DNS prefix before a '/'"
    )]
    Key {
        /// The text.
        key: String,
    },
    /// A value that no label can have.
    #[error(
        "{value:?} cannot be the value of label {key:?}: give at most 63 letters, digits, '-', '_' and '.', beginning and ending with a letter or digit"
    )]
    Value {
        /// The key.
        key: String,
        /// The text.
        value: String,
    },
}

/// How one requirement is written in an error, and what it needs.
#[derive(Clone, Copy)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
    Greater,
    Less,
}

impl Operator {
    const fn name(self) -> &'static str {
        match self {
            Self::In => "In",
            Self::NotIn => "NotIn",
            Self::Exists => "Exists",
            Self::DoesNotExist => "DoesNotExist",
            Self::Greater => "Gt",
            Self::Less => "Lt",
        }
    }
}

/// Whether the labels match a label selector: an absent one matches nothing, an empty one
/// everything.
///
/// # Errors
/// When the selector is malformed, whatever the labels.
pub fn labels_match(
    selector: Option<&LabelSelector>,
    labels: &Labels,
) -> Result<bool, SelectorError> {
    let Some(selector) = selector else {
        return Ok(false);
    };
    let mut matched = true;
    for (key, value) in selector.match_labels.iter().flatten() {
        matched &= requirement_matches(key, Operator::In, std::slice::from_ref(value), labels)?;
    }
    for requirement in selector.match_expressions.iter().flatten() {
        let operator = match requirement.operator.as_str() {
            "In" => Operator::In,
            "NotIn" => Operator::NotIn,
            "Exists" => Operator::Exists,
            "DoesNotExist" => Operator::DoesNotExist,
            other => {
                return Err(SelectorError::Operator {
                    operator: other.to_owned(),
                    of: "label",
                    known: "In, NotIn, Exists, DoesNotExist",
                });
            }
        };
        let values = requirement.values.as_deref().unwrap_or_default();
        matched &= requirement_matches(&requirement.key, operator, values, labels)?;
    }
    Ok(matched)
}

/// Whether the labels hold every pair of a plain map; an empty map matches everything. The map is
/// not checked (`labels.SelectorFromSet`).
#[must_use]
pub fn map_matches(selector: &Labels, labels: &Labels) -> bool {
    selector
        .iter()
        .all(|(key, value)| labels.get(key) == Some(value))
}

/// Whether a cluster matches one of the terms. No terms match nothing: that an absent affinity
/// selects everything is for the caller to know.
///
/// # Errors
/// When a part that was reached is malformed: terms are evaluated in order until one matches, and
/// the fields of a term only when its expressions match.
pub fn cluster_terms_match(
    terms: &[ClusterSelectorTerm],
    name: &str,
    labels: &Labels,
) -> Result<bool, SelectorError> {
    for term in terms {
        if cluster_term_matches(term, name, labels)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a cluster matches a term; a term without parts matches nothing.
///
/// # Errors
/// When a part that was reached is malformed.
pub fn cluster_term_matches(
    term: &ClusterSelectorTerm,
    name: &str,
    labels: &Labels,
) -> Result<bool, SelectorError> {
    if term.match_expressions.is_empty() && term.match_fields.is_empty() {
        return Ok(false);
    }
    // All expressions are checked before any is matched: a malformed one is an error even behind
    // one that does not match.
    let mut matched = true;
    for requirement in &term.match_expressions {
        let operator = label_operator(&requirement.operator)?;
        matched &= requirement_matches(&requirement.key, operator, requirement.values(), labels)?;
    }
    if !matched {
        return Ok(false);
    }
    for requirement in &term.match_fields {
        matched &= field_matches(requirement, name)?;
    }
    Ok(matched)
}

/// Checks every part of every term, for telling a user before anything is evaluated.
///
/// # Errors
/// The first malformed part.
pub fn check_cluster_terms(terms: &[ClusterSelectorTerm]) -> Result<(), SelectorError> {
    let nobody = Labels::new();
    for term in terms {
        for requirement in &term.match_expressions {
            let operator = label_operator(&requirement.operator)?;
            requirement_matches(&requirement.key, operator, requirement.values(), &nobody)?;
        }
        for requirement in &term.match_fields {
            field_matches(requirement, "")?;
        }
    }
    Ok(())
}

fn label_operator(operator: &ClusterSelectorOperator) -> Result<Operator, SelectorError> {
    Ok(match operator {
        ClusterSelectorOperator::In => Operator::In,
        ClusterSelectorOperator::NotIn => Operator::NotIn,
        ClusterSelectorOperator::Exists => Operator::Exists,
        ClusterSelectorOperator::DoesNotExist => Operator::DoesNotExist,
        ClusterSelectorOperator::Gt => Operator::Greater,
        ClusterSelectorOperator::Lt => Operator::Less,
        ClusterSelectorOperator::Other(other) => {
            return Err(SelectorError::Operator {
                operator: other.clone(),
                of: "cluster",
                known: "In, NotIn, Exists, DoesNotExist, Gt, Lt",
            });
        }
    })
}

/// One requirement on a field. Any field but the name reads as empty, as in KubeAdmiral.
fn field_matches(
    requirement: &ClusterSelectorRequirement,
    name: &str,
) -> Result<bool, SelectorError> {
    let (operator, wanted) = match &requirement.operator {
        ClusterSelectorOperator::In => ("In", true),
        ClusterSelectorOperator::NotIn => ("NotIn", false),
        other => {
            return Err(SelectorError::Operator {
                operator: other.to_string(),
                of: "cluster field",
                known: "In, NotIn",
            });
        }
    };
    let [value] = requirement.values() else {
        return Err(SelectorError::ValueCount {
            operator,
            key: requirement.key.clone(),
            count: requirement.values().len(),
            wanted: "exactly one",
        });
    };
    let field = if requirement.key == "metadata.name" {
        name
    } else {
        ""
    };
    Ok((field == value) == wanted)
}

/// One requirement on labels: checked in full, then matched.
fn requirement_matches(
    key: &str,
    operator: Operator,
    values: &[String],
    labels: &Labels,
) -> Result<bool, SelectorError> {
    if !is_label_key(key) {
        return Err(SelectorError::Key {
            key: key.to_owned(),
        });
    }
    let count = |wanted| SelectorError::ValueCount {
        operator: operator.name(),
        key: key.to_owned(),
        count: values.len(),
        wanted,
    };
    let actual = labels.get(key);
    let matched = match operator {
        Operator::In | Operator::NotIn if values.is_empty() => return Err(count("at least one")),
        Operator::In => actual.is_some_and(|actual| values.contains(actual)),
        Operator::NotIn => actual.is_none_or(|actual| !values.contains(actual)),
        Operator::Exists | Operator::DoesNotExist if !values.is_empty() => {
            return Err(count("none"));
        }
        Operator::Exists => actual.is_some(),
        Operator::DoesNotExist => actual.is_none(),
        Operator::Greater | Operator::Less => {
            let [value] = values else {
                return Err(count("exactly one"));
            };
            let limit = go_integer(value).ok_or_else(|| SelectorError::NoInteger {
                operator: operator.name(),
                key: key.to_owned(),
                value: value.clone(),
            })?;
            let actual = actual.and_then(|actual| go_integer(actual));
            match operator {
                Operator::Greater => actual.is_some_and(|actual| actual > limit),
                _ => actual.is_some_and(|actual| actual < limit),
            }
        }
    };
    match values.iter().find(|value| !is_label_value(value)) {
        Some(value) => Err(SelectorError::Value {
            key: key.to_owned(),
            value: value.clone(),
        }),
        None => Ok(matched),
    }
}

/// `strconv.ParseInt(text, 10, 64)`, which reads what Rust reads.
fn go_integer(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// Whether a text can be the key of a label: `name` or `prefix/name`.
#[must_use]
pub fn is_label_key(key: &str) -> bool {
    match key.split_once('/') {
        Some((prefix, name)) => {
            crate::names::check_subdomain(prefix).is_ok() && is_label_name(name)
        }
        None => is_label_name(key),
    }
}

/// Whether a text can be the value of a label; the empty one can.
#[must_use]
pub fn is_label_value(value: &str) -> bool {
    value.is_empty() || is_label_name(value)
}

fn is_label_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.len() <= 63
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

#[cfg(test)]
#[path = "select_tests.rs"]
mod tests;
