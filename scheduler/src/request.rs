//! What one replica of a workload asks for, read from its pod template. Two formulas: the one of
//! Kubernetes for decisions, and the one of KubeAdmiral (`pkg/util/resource`), which the trigger
//! document has to repeat to the letter.

use std::collections::BTreeMap;

use navarch_crds::go::quantity::{self, Quantity};
use serde_json::Value;

use crate::resources::Amounts;
use crate::snapshot::ApiResource;

/// Resources by name.
pub type Sum = BTreeMap<String, Quantity>;

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

/// What a pod asks for, part by part. Where a part has a limit and no request, the limit is the request: that is
/// how an API server stores pods (`SetDefaults_Pod`).
#[derive(Clone, Debug, Default)]
pub struct PodRequest {
    /// Of each container.
    pub containers: Vec<Sum>,
    /// Of each init container, in order.
    pub init_containers: Vec<(Sum, Stay)>,
    /// Of the pod as a whole.
    pub whole: Sum,
    /// Limits of the pod as a whole. Those of a stored pod have become requests.
    pub whole_limits: Sum,
    /// What the pod costs besides its containers.
    pub overhead: Sum,
}

/// How long an init container runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stay {
    /// Until it is done; the next one starts then.
    UntilDone,
    /// As long as the pod: a sidecar (`restartPolicy: Always`).
    Always,
}

impl PodRequest {
    /// The sum by Kubernetes' formula (`k8s.io/component-helpers/resource`, `PodRequests`): sidecars run beside the
    /// containers and beside the init containers after them, other init containers one by one before them, and what
    /// is said of the whole pod replaces the sum.
    #[must_use]
    pub fn total(&self) -> Sum {
        let mut sum = Sum::new();
        for container in &self.containers {
            add(&mut sum, container);
        }
        let mut most = Sum::new();
        let mut sidecars = Sum::new();
        for (container, stay) in &self.init_containers {
            match stay {
                Stay::Always => {
                    add(&mut sum, container);
                    add(&mut sidecars, container);
                    raise(&mut most, &sidecars);
                }
                Stay::UntilDone => {
                    let mut during = container.clone();
                    add(&mut during, &sidecars);
                    raise(&mut most, &during);
                }
            }
        }
        raise(&mut sum, &most);
        let whole = |name: &str| matches!(name, "cpu" | "memory") || is_huge_pages(name);
        for (name, amount) in &self.whole_limits {
            // What containers ask for comes first, except for huge pages, which nobody may overcommit.
            if whole(name) && (is_huge_pages(name) || !sum.contains_key(name)) {
                sum.insert(name.clone(), *amount);
            }
        }
        for (name, amount) in self.whole.iter().filter(|(name, _)| whole(name)) {
            sum.insert(name.clone(), *amount);
        }
        add(&mut sum, &self.overhead);
        sum
    }

    /// The sum as KubeAdmiral computes it: sidecars count as other init containers, the whole pod does not count.
    fn as_kubeadmiral(&self) -> Sum {
        let mut sum = Sum::new();
        for container in &self.containers {
            add(&mut sum, container);
        }
        for (container, _) in &self.init_containers {
            raise(&mut sum, container);
        }
        add(&mut sum, &self.overhead);
        sum
    }
}

fn is_huge_pages(name: &str) -> bool {
    name.starts_with("hugepages-")
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

/// What one replica asks for, by Kubernetes' formula.
///
/// # Errors
/// If a known kind has no pod spec, or an amount cannot be read.
pub fn of_replica(resource: &ApiResource, template: &Value) -> Result<Amounts, RequestError> {
    let Some(spec) = pod_spec(resource, template)? else {
        return Ok(Amounts::default());
    };
    Ok(counted(&read(spec, with_limits)?.total()))
}

/// As KubeAdmiral computes it: neither sidecars nor requests of the whole pod are known to it, and the limit of an
/// init container does not stand in for its request.
///
/// # Errors
/// As [`of_replica`].
pub fn for_triggers(resource: &ApiResource, template: &Value) -> Result<Amounts, RequestError> {
    let Some(spec) = pod_spec(resource, template)? else {
        return Ok(Amounts::default());
    };
    let requests = |container: &Value| amounts(container, "requests");
    Ok(counted(&read(spec, requests)?.as_kubeadmiral()))
}

/// What one pod asks for and may use.
#[derive(Clone, Debug, Default)]
pub(crate) struct PodSums {
    /// By Kubernetes' formula for requests.
    pub(crate) requests: Sum,
    /// By its formula for limits (`PodLimits`): what has no limit anywhere is not in it.
    pub(crate) limits: Sum,
}

/// The sums of a pod spec.
///
/// # Errors
/// If an amount cannot be read.
pub(crate) fn sums(spec: &Value) -> Result<PodSums, RequestError> {
    let requested = read(spec, with_limits)?;
    let limits = |container: &Value| amounts(container, "limits");
    let containers: Result<_, _> = list(spec, "containers").map(limits).collect();
    let limited = PodRequest {
        containers: containers?,
        whole: requested.whole_limits.clone(),
        whole_limits: Sum::new(),
        overhead: Sum::new(),
        ..read(spec, limits)?
    };
    let mut limits = limited.total();
    // What a pod costs besides is only added to what is limited at all.
    for (name, limit) in &mut limits {
        if let Some(overhead) = requested.overhead.get(name) {
            *limit = limit.add(*overhead);
        }
    }
    Ok(PodSums {
        requests: requested.total(),
        limits,
    })
}

fn counted(sum: &Sum) -> Amounts {
    Amounts::new(sum.iter().map(|(name, amount)| (name.as_str(), *amount)))
}

/// The pod spec of a template; `None` for kinds without a known one.
fn pod_spec<'a>(
    resource: &ApiResource,
    template: &'a Value,
) -> Result<Option<&'a Value>, RequestError> {
    let Some(path) = pod_spec_path(resource) else {
        return Ok(None);
    };
    let spec = path
        .iter()
        .try_fold(template, |value, step| value.get(step));
    match spec.filter(|spec| spec.is_object()) {
        Some(spec) => Ok(Some(spec)),
        None => Err(RequestError::NoPodSpec {
            path: path.join("."),
        }),
    }
}

/// The parts of a pod spec; `init` says what an init container asks for.
fn read(
    spec: &Value,
    init: impl Fn(&Value) -> Result<Sum, RequestError>,
) -> Result<PodRequest, RequestError> {
    let stay = |container: &Value| match container.get("restartPolicy").and_then(Value::as_str) {
        Some("Always") => Stay::Always,
        _ => Stay::UntilDone,
    };
    let containers: Result<_, _> = list(spec, "containers").map(with_limits).collect();
    let init_containers: Result<_, _> = list(spec, "initContainers")
        .map(|container| Ok((init(container)?, stay(container))))
        .collect();
    Ok(PodRequest {
        containers: containers?,
        init_containers: init_containers?,
        whole: amounts(spec, "requests")?,
        whole_limits: amounts(spec, "limits")?,
        overhead: parse(spec.get("overhead"))?,
    })
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
