//! What one replica of a workload asks for, read from its pod template. Two formulas: the one of
//! Kubernetes for decisions, and the one of KubeAdmiral (`pkg/util/resource`), which the trigger
//! document has to repeat to the letter.

use std::collections::BTreeMap;

use navarch_crds::go::quantity::{self, Quantity};
use serde_json::Value;

use crate::resources::Amounts;
use crate::snapshot::ApiResource;

type Sum = BTreeMap<String, Quantity>;

/// A workload without the pod template that its kind has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Nothing at the path.
    #[error("reading the resource request: the template has no pod spec at {path}; correct it")]
    NoPodSpec {
        /// Where it should be.
        path: String,
    },
    /// An amount that is none.
    #[error(
        "reading the resource request: {resource} is asked for as {text:?}; write an amount such as 100m or 2Gi"
    )]
    Amount {
        /// The resource.
        resource: String,
        /// What is written.
        text: String,
    },
}

/// Which containers count how.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Formula {
    KubeAdmiral,
    Kubernetes,
}

/// Where kinds keep their pod spec; `None` for kinds without a known one.
#[must_use]
pub fn pod_spec_path(resource: &ApiResource) -> Option<&'static [&'static str]> {
    const WORKLOAD: &[&str] = &["spec", "template", "spec"];
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("apps", "Deployment" | "StatefulSet" | "DaemonSet") | ("batch", "Job") => Some(WORKLOAD),
        ("batch", "CronJob") => Some(&["spec", "jobTemplate", "spec", "template", "spec"]),
        ("", "Pod") => Some(&["spec"]),
        _ => None,
    }
}

/// What one replica asks for, by Kubernetes' formula: sidecars run beside the containers, other
/// init containers before them, and a request of the whole pod replaces the sum.
///
/// # Errors
/// If a known kind has no pod spec, or an amount cannot be read.
pub fn of_replica(resource: &ApiResource, template: &Value) -> Result<Amounts, RequestError> {
    read(resource, template, Formula::Kubernetes)
}

/// As KubeAdmiral computes it: sidecars count as other init containers, requests of the whole pod
/// do not count.
///
/// # Errors
/// As [`of_replica`].
pub fn for_triggers(resource: &ApiResource, template: &Value) -> Result<Amounts, RequestError> {
    read(resource, template, Formula::KubeAdmiral)
}

fn read(
    resource: &ApiResource,
    template: &Value,
    formula: Formula,
) -> Result<Amounts, RequestError> {
    let Some(path) = pod_spec_path(resource) else {
        return Ok(Amounts::default());
    };
    let spec = path
        .iter()
        .try_fold(template, |value, step| value.get(step));
    let Some(spec) = spec.filter(|spec| spec.is_object()) else {
        return Err(RequestError::NoPodSpec {
            path: path.join("."),
        });
    };
    let mut sum = Sum::new();
    for container in list(spec, "containers") {
        add(&mut sum, &with_limits(container)?);
    }
    let mut most = Sum::new();
    let mut sidecars = Sum::new();
    for container in list(spec, "initContainers") {
        let always = container.get("restartPolicy").and_then(Value::as_str) == Some("Always");
        match formula {
            Formula::KubeAdmiral => raise(&mut most, &amounts(container, "requests")?),
            Formula::Kubernetes if always => {
                add(&mut sidecars, &with_limits(container)?);
                add(&mut sum, &with_limits(container)?);
                raise(&mut most, &sidecars);
            }
            Formula::Kubernetes => {
                let mut during = with_limits(container)?;
                add(&mut during, &sidecars);
                raise(&mut most, &during);
            }
        }
    }
    raise(&mut sum, &most);
    if formula == Formula::Kubernetes {
        for (name, amount) in with_limits(spec)? {
            sum.insert(name, amount);
        }
    }
    add(&mut sum, &parse(spec.get("overhead"))?);
    Ok(Amounts::new(
        sum.iter().map(|(name, amount)| (name.as_str(), *amount)),
    ))
}

fn list<'a>(spec: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    spec.get(field)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// Requests, and limits where there is no request.
fn with_limits(container: &Value) -> Result<Sum, RequestError> {
    let mut sum = amounts(container, "limits")?;
    sum.extend(amounts(container, "requests")?);
    Ok(sum)
}

fn amounts(container: &Value, which: &str) -> Result<Sum, RequestError> {
    parse(
        container
            .get("resources")
            .and_then(|resources| resources.get(which)),
    )
}

fn parse(amounts: Option<&Value>) -> Result<Sum, RequestError> {
    let mut sum = Sum::new();
    for (resource, amount) in amounts.and_then(Value::as_object).into_iter().flatten() {
        let text = match amount {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let Ok(quantity) = quantity::parse(&text) else {
            return Err(RequestError::Amount {
                resource: resource.clone(),
                text,
            });
        };
        sum.insert(resource.clone(), quantity);
    }
    Ok(sum)
}

fn add(sum: &mut Sum, more: &Sum) {
    for (name, amount) in more {
        let place = sum.entry(name.clone()).or_default();
        *place = place.add(*amount);
    }
}

fn raise(sum: &mut Sum, other: &Sum) {
    for (name, amount) in other {
        let place = sum.entry(name.clone()).or_insert(*amount);
        *place = (*place).max(*amount);
    }
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
