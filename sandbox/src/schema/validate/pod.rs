//! Validation of pods and of the pod templates of workloads (k8s.io/kubernetes, pkg/apis/core/validation).

use super::errors::{Errors, child};
use super::names::{self, Form};
use super::{metadata, text};
use crate::schema::quantity;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value
        .get(name)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

/// A pod template: labels and spec.
pub(super) fn template(template: &Value, path: &str, errors: &mut Errors) {
    metadata::common(template, &child(path, "metadata"), errors);
    spec(
        template.get("spec").unwrap_or(&Value::Null),
        &child(path, "spec"),
        errors,
    );
}

/// A pod's spec.
pub(super) fn spec(spec: &Value, path: &str, errors: &mut Errors) {
    let volumes = volumes(list(spec, "volumes"), &child(path, "volumes"), errors);
    let mut names = BTreeSet::new();
    let place = child(path, "containers");
    if list(spec, "containers").is_empty() {
        errors.required(&place, "");
    }
    for (name, place) in [
        ("containers", place),
        ("initContainers", child(path, "initContainers")),
    ] {
        for (index, item) in list(spec, name).iter().enumerate() {
            let at = format!("{place}[{index}]");
            container(item, &at, &volumes, errors);
            let own = text(item, "name");
            if !own.is_empty() && !names.insert(own.to_owned()) {
                errors.duplicate(&child(&at, "name"), &json!(own));
            }
        }
    }
    errors.one_of(
        &child(path, "restartPolicy"),
        spec.get("restartPolicy"),
        &["Always", "OnFailure", "Never"],
    );
    errors.one_of(
        &child(path, "dnsPolicy"),
        spec.get("dnsPolicy"),
        &["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"],
    );
    if let Some(value) = spec
        .get("activeDeadlineSeconds")
        .filter(|v| v.as_i64().is_some_and(|n| n < 1))
    {
        errors.invalid(
            &child(path, "activeDeadlineSeconds"),
            value,
            "must be between 1 and 2147483647, inclusive",
        );
    }
    let account = text(spec, "serviceAccountName");
    if !account.is_empty() {
        for wrong in Form::Subdomain.check(account) {
            errors.invalid(&child(path, "serviceAccountName"), &json!(account), &wrong);
        }
    }
    metadata::labels(
        spec.get("nodeSelector"),
        &child(path, "nodeSelector"),
        errors,
    );
}

fn volumes(items: &[Value], path: &str, errors: &mut Errors) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (index, volume) in items.iter().enumerate() {
        let at = format!("{path}[{index}]");
        let name = text(volume, "name");
        if name.is_empty() {
            errors.required(&child(&at, "name"), "");
            continue;
        }
        for wrong in Form::Label.check(name) {
            errors.invalid(&child(&at, "name"), &json!(name), &wrong);
        }
        if !names.insert(name.to_owned()) {
            errors.duplicate(&child(&at, "name"), &json!(name));
        }
        match volume.as_object().map_or(0, |v| v.len().saturating_sub(1)) {
            0 => errors.required(&at, "must specify a volume type"),
            1 => {}
            _ => errors.forbidden(&at, "may not specify more than 1 volume type"),
        }
    }
    names
}

fn container(container: &Value, path: &str, volumes: &BTreeSet<String>, errors: &mut Errors) {
    let name = text(container, "name");
    if name.is_empty() {
        errors.required(&child(path, "name"), "");
    } else {
        for wrong in Form::Label.check(name) {
            errors.invalid(&child(path, "name"), &json!(name), &wrong);
        }
    }
    let image = text(container, "image");
    if image.is_empty() {
        errors.required(&child(path, "image"), "");
    } else if image.trim() != image {
        errors.invalid(
            &child(path, "image"),
            &json!(image),
            "must not have leading or trailing whitespace",
        );
    }
    ports(list(container, "ports"), &child(path, "ports"), errors);
    for (index, variable) in list(container, "env").iter().enumerate() {
        let at = format!("{path}.env[{index}].name");
        let name = text(variable, "name");
        if name.is_empty() {
            errors.required(&at, "");
        } else {
            names::variable(name)
                .iter()
                .for_each(|wrong| errors.invalid(&at, &json!(name), wrong));
        }
    }
    for (index, mount) in list(container, "volumeMounts").iter().enumerate() {
        let at = format!("{path}.volumeMounts[{index}]");
        let name = text(mount, "name");
        if name.is_empty() {
            errors.required(&child(&at, "name"), "");
        } else if !volumes.contains(name) {
            errors.not_found(&child(&at, "name"), &json!(name));
        }
        if text(mount, "mountPath").is_empty() {
            errors.required(&child(&at, "mountPath"), "");
        }
    }
    errors.one_of(
        &child(path, "imagePullPolicy"),
        container.get("imagePullPolicy"),
        &["Always", "IfNotPresent", "Never"],
    );
    resources(
        container.get("resources").unwrap_or(&Value::Null),
        &child(path, "resources"),
        errors,
    );
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(value) = container.get(probe).filter(|v| !v.is_null()) {
            self::probe(value, &child(path, probe), errors);
        }
    }
}

fn probe(probe: &Value, path: &str, errors: &mut Errors) {
    if !["exec", "httpGet", "tcpSocket", "grpc"]
        .iter()
        .any(|h| probe.get(*h).is_some())
    {
        errors.required(path, "must specify a handler type");
    }
    for field in [
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
    ] {
        errors.not_negative(&child(path, field), probe.get(field));
    }
}

/// A number of a port.
pub(super) fn port_number(value: Option<&Value>, path: &str, errors: &mut Errors) {
    match value {
        None | Some(Value::Null) => errors.required(path, ""),
        Some(value) if value.as_i64() == Some(0) => errors.required(path, ""),
        Some(value) => port_range(value, path, errors),
    }
}

pub(super) fn port_range(value: &Value, path: &str, errors: &mut Errors) {
    if !value.as_i64().is_some_and(|n| (1..=65535).contains(&n)) {
        errors.invalid(path, value, "must be between 1 and 65535, inclusive");
    }
}

pub(super) const PROTOCOLS: &[&str] = &["SCTP", "TCP", "UDP"];

fn ports(ports: &[Value], path: &str, errors: &mut Errors) {
    let mut seen = BTreeSet::new();
    for (index, port) in ports.iter().enumerate() {
        let at = format!("{path}[{index}]");
        let name = text(port, "name");
        if !name.is_empty() {
            names::port(name)
                .iter()
                .for_each(|wrong| errors.invalid(&child(&at, "name"), &json!(name), wrong));
            if !seen.insert(name.to_owned()) {
                errors.duplicate(&child(&at, "name"), &json!(name));
            }
        }
        port_number(
            port.get("containerPort"),
            &child(&at, "containerPort"),
            errors,
        );
        if let Some(host) = port.get("hostPort").filter(|v| v.as_i64() != Some(0)) {
            port_range(host, &child(&at, "hostPort"), errors);
        }
        errors.one_of(&child(&at, "protocol"), port.get("protocol"), PROTOCOLS);
    }
}

/// Quantities are not negative, requests not above limits.
pub(super) fn resources(resources: &Value, path: &str, errors: &mut Errors) {
    let amounts = |part: &str| {
        resources
            .get(part)
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
    };
    let number = |value: &Value| value.as_str().and_then(quantity::nanos);
    for part in ["limits", "requests"] {
        for (name, value) in amounts(part) {
            if number(value).is_some_and(|n| n < 0) {
                errors.invalid(
                    &format!("{path}.{part}[{name}]"),
                    value,
                    "must be greater than or equal to 0",
                );
            }
        }
    }
    for (name, request) in amounts("requests") {
        let Some(limit) = resources.get("limits").and_then(|l| l.get(name)) else {
            continue;
        };
        if let (Some(asked), Some(most)) = (number(request), number(limit))
            && asked > most
        {
            let detail = format!(
                "must be less than or equal to {name} limit of {}",
                limit.as_str().unwrap_or_default()
            );
            errors.invalid(&format!("{path}.requests"), request, &detail);
        }
    }
}
