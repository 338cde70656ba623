//! Selectors over clusters, checked once and then matched without another look at their text.
//! The rules are those of Kubernetes' label selectors and of KubeAdmiral's
//! `pkg/util/clusterselector`. Nothing here knows policies or annotations.

use std::collections::BTreeMap;
use std::sync::Arc;

use navarch_crds::v1alpha1::{ClusterSelectorRequirement, ClusterSelectorTerm};

use crate::verdict::PluginError;

/// Labels, however they are held.
pub trait Labels {
    /// The value of a label.
    fn label(&self, key: &str) -> Option<&str>;
}

impl Labels for BTreeMap<String, String> {
    fn label(&self, key: &str) -> Option<&str> {
        self.get(key).map(String::as_str)
    }
}

/// One alternative of a cluster affinity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// Shared, because every object's question takes the policy's terms along.
    written: Arc<ClusterSelectorTerm>,
    expressions: Vec<Result<Requirement, PluginError>>,
    fields: Vec<Result<Requirement, PluginError>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    rule: Rule,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    DoesNotExist,
    Above(i64),
    Below(i64),
}

impl Term {
    /// Takes a term over. What is wrong with it is kept and said when that part is reached, as
    /// KubeAdmiral does: a faulty term behind a matching one does no harm.
    #[must_use]
    pub fn new(term: &ClusterSelectorTerm) -> Self {
        Self {
            written: Arc::new(term.clone()),
            expressions: term.match_expressions.iter().map(expression).collect(),
            fields: term.match_fields.iter().map(field).collect(),
        }
    }

    /// The term as it was written, for those who are told of it.
    #[must_use]
    pub fn written(&self) -> &ClusterSelectorTerm {
        &self.written
    }

    /// Whatever matches this term matches the other one too, as far as can be told from their text:
    /// this one repeats every requirement of the other.
    #[must_use]
    pub fn implies(&self, other: &Self) -> bool {
        let empty = |term: &Self| term.expressions.is_empty() && term.fields.is_empty();
        if empty(self) || empty(other) {
            // A term without parts matches nothing.
            return empty(self);
        }
        other
            .expressions
            .iter()
            .all(|one| self.expressions.contains(one))
            && other.fields.iter().all(|one| self.fields.contains(one))
    }

    /// Both parts match. A term without any part matches nothing.
    ///
    /// # Errors
    /// If a part that had to be evaluated is not a valid requirement.
    pub fn matches(&self, name: &str, labels: &impl Labels) -> Result<bool, PluginError> {
        if self.expressions.is_empty() && self.fields.is_empty() {
            return Ok(false);
        }
        if !all_match(&self.expressions, |key| labels.label(key))? {
            return Ok(false);
        }
        // Only the name is known; any other field reads as an empty text, not as an error.
        all_match(&self.fields, |key| {
            Some(if key == "metadata.name" { name } else { "" })
        })
    }

    /// The labels match; fields are not looked at and an empty term matches nothing (preferences).
    ///
    /// # Errors
    /// If an expression is not a valid requirement.
    pub fn labels_match(&self, labels: &impl Labels) -> Result<bool, PluginError> {
        Ok(!self.expressions.is_empty() && all_match(&self.expressions, |key| labels.label(key))?)
    }
}

/// Any of the terms matches; terms behind a match or an error are not evaluated.
///
/// # Errors
/// If a term that had to be evaluated is not valid.
pub fn any_matches(terms: &[Term], name: &str, labels: &impl Labels) -> Result<bool, PluginError> {
    for term in terms {
        if term.matches(name, labels)? {
            return Ok(true);
        }
    }
    Ok(false)
}

// All requirements are built before any is matched, hence two passes.
fn all_match<'a>(
    requirements: &[Result<Requirement, PluginError>],
    value: impl Fn(&str) -> Option<&'a str>,
) -> Result<bool, PluginError> {
    if let Some(error) = requirements
        .iter()
        .find_map(|requirement| requirement.as_ref().err())
    {
        return Err(error.clone());
    }
    Ok(requirements
        .iter()
        .flatten()
        .all(|requirement| requirement.rule.matches(value(&requirement.key))))
}

impl Rule {
    fn matches(&self, value: Option<&str>) -> bool {
        let number = || value.and_then(|value| value.parse::<i64>().ok());
        match self {
            Self::In(values) => value.is_some_and(|value| values.iter().any(|one| one == value)),
            Self::NotIn(values) => {
                !value.is_some_and(|value| values.iter().any(|one| one == value))
            }
            Self::Exists => value.is_some(),
            Self::DoesNotExist => value.is_none(),
            Self::Above(bound) => number().is_some_and(|number| number > *bound),
            Self::Below(bound) => number().is_some_and(|number| number < *bound),
        }
    }
}

fn expression(raw: &ClusterSelectorRequirement) -> Result<Requirement, PluginError> {
    let values = raw.values();
    let invalid = |what: &str| {
        PluginError(format!(
            "cluster affinity expression on {:?} with operator {:?} {what}",
            raw.key,
            raw.operator.as_str()
        ))
    };
    if !is_label_key(&raw.key) {
        return Err(invalid("has a key that is not a label name"));
    }
    let number = || match values {
        [one] => one
            .parse::<i64>()
            .map_err(|_error| invalid("needs a whole number as its value")),
        _ => Err(invalid("needs exactly one value")),
    };
    let rule = match raw.operator.as_str() {
        "In" if !values.is_empty() => Rule::In(values.to_vec()),
        "NotIn" if !values.is_empty() => Rule::NotIn(values.to_vec()),
        "In" | "NotIn" => return Err(invalid("needs at least one value")),
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            return Err(invalid("takes no values"));
        }
        "Exists" => Rule::Exists,
        "DoesNotExist" => Rule::DoesNotExist,
        "Gt" => Rule::Above(number()?),
        "Lt" => Rule::Below(number()?),
        _ => return Err(invalid("is not known")),
    };
    if !values.iter().all(|value| is_label_value(value)) {
        return Err(invalid("has a value that no label can have"));
    }
    Ok(Requirement {
        key: raw.key.clone(),
        rule,
    })
}

fn field(raw: &ClusterSelectorRequirement) -> Result<Requirement, PluginError> {
    let values = raw.values().to_vec();
    let rule = match (raw.operator.as_str(), values.len()) {
        ("In", 1) => Rule::In(values),
        ("NotIn", 1) => Rule::NotIn(values),
        (operator, _) => {
            return Err(PluginError(format!(
                "cluster affinity field {:?} with operator {operator:?}: only In and NotIn with \
                 exactly one value are possible",
                raw.key
            )));
        }
    };
    Ok(Requirement {
        key: raw.key.clone(),
        rule,
    })
}

/// A qualified name: an optional DNS subdomain and a slash, then at most 63 characters.
fn is_label_key(key: &str) -> bool {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let is_subdomain = |prefix: &str| {
        (1..=253).contains(&prefix.len())
            && prefix.split('.').all(|part| {
                part.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
                    && !part.is_empty()
                    && !part.starts_with('-')
                    && !part.ends_with('-')
            })
    };
    !name.is_empty() && is_label_value(name) && prefix.is_none_or(is_subdomain)
}

fn is_label_value(value: &str) -> bool {
    let ends = |byte: Option<u8>| byte.is_none_or(|byte| byte.is_ascii_alphanumeric());
    value.len() <= 63
        && ends(value.bytes().next())
        && ends(value.bytes().next_back())
        && value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}
