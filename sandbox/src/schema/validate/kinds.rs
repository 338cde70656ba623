//! Validation of the kinds without pod templates.

use super::errors::{Errors, child};
use super::pod::{PROTOCOLS, port_number, port_range, resources};
use super::{names, text, workload};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

/// A Service.
pub(super) fn service(object: &Value, errors: &mut Errors) {
    let spec = object.get("spec").unwrap_or(&Value::Null);
    let kind = text(spec, "type");
    let ports = list(spec, "/ports");
    if ports.is_empty() && kind != "ExternalName" && text(spec, "clusterIP") != "None" {
        errors.required("spec.ports", "");
    }
    let (mut seen, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    for (index, port) in ports.iter().enumerate() {
        let at = format!("spec.ports[{index}]");
        let name = text(port, "name");
        if name.is_empty() && ports.len() > 1 {
            errors.required(&child(&at, "name"), "");
        } else if !name.is_empty() {
            names::Form::Label
                .check(name)
                .iter()
                .for_each(|wrong| errors.invalid(&child(&at, "name"), &json!(name), wrong));
            if !seen.insert(name) {
                errors.duplicate(&child(&at, "name"), &json!(name));
            }
        }
        match port.get("port") {
            Some(number) if !number.is_null() => port_range(number, &child(&at, "port"), errors),
            _ => port_number(None, &child(&at, "port"), errors),
        }
        errors.one_of(&child(&at, "protocol"), port.get("protocol"), PROTOCOLS);
        match port.get("targetPort") {
            Some(Value::String(name)) => names::port(name)
                .iter()
                .for_each(|wrong| errors.invalid(&child(&at, "targetPort"), &json!(name), wrong)),
            Some(number @ Value::Number(_)) => {
                port_range(number, &child(&at, "targetPort"), errors);
            }
            _ => {}
        }
        let key = (
            port.get("port").and_then(Value::as_i64),
            text(port, "protocol"),
        );
        if !numbers.insert(key) {
            errors.duplicate(&at, &json!({"protocol": key.1, "port": key.0}));
        }
    }
    super::metadata::labels(spec.get("selector"), "spec.selector", errors);
    errors.one_of(
        "spec.sessionAffinity",
        spec.get("sessionAffinity"),
        &["ClientIP", "None"],
    );
    errors.one_of(
        "spec.type",
        spec.get("type"),
        &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"],
    );
    if kind == "ExternalName" && text(spec, "externalName").is_empty() {
        errors.required("spec.externalName", "");
    }
}

/// `ConfigMap`s and Secrets.
pub(super) fn data(object: &Value, errors: &mut Errors) {
    for part in ["data", "binaryData"] {
        for (key, _) in object
            .get(part)
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            for wrong in names::data_key(key) {
                errors.invalid(&format!("{part}[{key}]"), &json!(key), &wrong);
            }
            let twice = part == "data"
                && object
                    .pointer("/binaryData")
                    .is_some_and(|b| b.get(key).is_some());
            if twice {
                let why = "duplicate of key present in binaryData";
                errors.invalid(&format!("data[{key}]"), &json!(key), why);
            }
        }
    }
}

/// What a Secret's type asks of its data.
pub(super) fn secret(object: &Value, errors: &mut Errors) {
    data(object, errors);
    let needed: &[&str] = match text(object, "type") {
        "kubernetes.io/tls" => &["tls.crt", "tls.key"],
        "kubernetes.io/dockerconfigjson" => &[".dockerconfigjson"],
        "kubernetes.io/dockercfg" => &[".dockercfg"],
        "kubernetes.io/ssh-auth" => &["ssh-privatekey"],
        _ => &[],
    };
    for key in needed {
        if object.get("data").and_then(|d| d.get(*key)).is_none() {
            errors.required(&format!("data[{key}]"), "");
        }
    }
}

/// A claim's spec.
pub(super) fn claim(spec: &Value, path: &str, errors: &mut Errors) {
    if list(spec, "/accessModes").is_empty() {
        errors.required(
            &child(path, "accessModes"),
            "at least 1 access mode is required",
        );
    }
    if spec.pointer("/resources/requests/storage").is_none() {
        errors.required(&format!("{path}.resources[storage]"), "");
    }
    resources(
        spec.get("resources").unwrap_or(&Value::Null),
        &child(path, "resources"),
        errors,
    );
}

/// A volume.
pub(super) fn volume(spec: &Value, errors: &mut Errors) {
    if list(spec, "/accessModes").is_empty() {
        errors.required("spec.accessModes", "");
    }
    if spec
        .get("capacity")
        .and_then(Value::as_object)
        .is_none_or(serde_json::Map::is_empty)
    {
        errors.required("spec.capacity", "");
    }
    let common = [
        "accessModes",
        "capacity",
        "claimRef",
        "mountOptions",
        "nodeAffinity",
        "persistentVolumeReclaimPolicy",
        "storageClassName",
        "volumeAttributesClassName",
        "volumeMode",
    ];
    let fields = spec.as_object().into_iter().flat_map(serde_json::Map::keys);
    if fields.filter(|f| !common.contains(&f.as_str())).count() == 0 {
        errors.required("spec", "must specify a volume type");
    }
}

/// A `HorizontalPodAutoscaler`.
pub(super) fn autoscaler(object: &Value, errors: &mut Errors) {
    let spec = object.get("spec").unwrap_or(&Value::Null);
    let (least, most) = (
        spec.get("minReplicas").and_then(Value::as_i64),
        spec.get("maxReplicas").and_then(Value::as_i64).unwrap_or(0),
    );
    if let Some(least) = least.filter(|n| *n < 1) {
        errors.invalid(
            "spec.minReplicas",
            &json!(least),
            "must be greater than or equal to 1",
        );
    }
    if most < 1 {
        errors.invalid("spec.maxReplicas", &json!(most), "must be greater than 0");
    }
    if least.is_some_and(|least| most < least) {
        errors.invalid(
            "spec.maxReplicas",
            &json!(most),
            "must be greater than or equal to `minReplicas`",
        );
    }
    for field in ["kind", "name"] {
        if spec
            .pointer(&format!("/scaleTargetRef/{field}"))
            .and_then(Value::as_str)
            .is_none_or(str::is_empty)
        {
            errors.required(&format!("spec.scaleTargetRef.{field}"), "");
        }
    }
    let of = |field: &str| {
        let value = spec.pointer(&format!("/scaleTargetRef/{field}"));
        value.and_then(Value::as_str).unwrap_or_default()
    };
    let version = of("apiVersion");
    // ReplicationControllers are the one kind of the core group that scales.
    let scales = version == "v1" && of("kind") == "ReplicationController";
    if !version.contains('/') && !scales {
        let why = "apiVersion must specify API group";
        errors.invalid("spec.scaleTargetRef.apiVersion", &json!(version), why);
    }
}

/// A `PodDisruptionBudget`.
pub(super) fn budget(object: &Value, errors: &mut Errors) {
    let spec = object.get("spec").unwrap_or(&Value::Null);
    if spec.get("minAvailable").is_some() && spec.get("maxUnavailable").is_some() {
        // Go prints its own struct here.
        let part = |name: &str| spec.get(name).cloned().unwrap_or_default();
        let shown = format!(
            "{{\"MinAvailable\":{},\"Selector\":{},\"MaxUnavailable\":{},\"UnhealthyPodEvictionPolicy\":{}}}",
            part("minAvailable"),
            part("selector"),
            part("maxUnavailable"),
            part("unhealthyPodEvictionPolicy")
        );
        let why = "minAvailable and maxUnavailable cannot be both set";
        errors.invalid_text("spec", &shown, why);
    }
    for name in ["minAvailable", "maxUnavailable"] {
        let text = text(spec, name);
        let percent = text.strip_suffix('%').and_then(|p| p.parse::<i64>().ok());
        if percent.is_some_and(|p| p > 100) {
            errors.invalid(
                &child("spec", name),
                &json!(text),
                "must not be greater than 100%",
            );
        }
    }
    if let Some(selector) = spec.get("selector") {
        workload::label_selector(selector, "spec.selector", errors);
    }
}

/// An Ingress.
pub(super) fn ingress(object: &Value, errors: &mut Errors) {
    let spec = object.get("spec").unwrap_or(&Value::Null);
    let rules = list(spec, "/rules");
    if rules.is_empty() && spec.get("defaultBackend").is_none() {
        errors.invalid(
            "spec",
            &Value::Null,
            "either `defaultBackend` or `rules` must be specified",
        );
    }
    for (index, rule) in rules.iter().enumerate() {
        let host = text(rule, "host");
        let wrong = if host.contains('*') {
            names::wildcard(host)
        } else if host.is_empty() {
            Vec::new()
        } else {
            names::Form::Subdomain.check(host)
        };
        for wrong in wrong {
            errors.invalid(&format!("spec.rules[{index}].host"), &json!(host), &wrong);
        }
        for (at, path) in list(rule, "/http/paths").iter().enumerate() {
            let place = format!("spec.rules[{index}].http.paths[{at}]");
            match path.get("pathType") {
                None | Some(Value::Null) => {
                    errors.required(&child(&place, "pathType"), "pathType must be specified");
                }
                kind => errors.one_of(
                    &child(&place, "pathType"),
                    kind,
                    &["Exact", "ImplementationSpecific", "Prefix"],
                ),
            }
            let own = text(path, "path");
            let absolute = matches!(text(path, "pathType"), "Exact" | "Prefix");
            if absolute && !own.starts_with('/') {
                errors.invalid(
                    &child(&place, "path"),
                    &json!(own),
                    "must be an absolute path",
                );
            }
        }
    }
}

/// Roles.
pub(super) fn role(object: &Value, errors: &mut Errors) {
    for (index, rule) in list(object, "/rules").iter().enumerate() {
        let at = format!("rules[{index}]");
        if list(rule, "/verbs").is_empty() {
            errors.required(
                &child(&at, "verbs"),
                "verbs must contain at least one value",
            );
        }
        let urls = list(rule, "/nonResourceURLs");
        if !urls.is_empty() {
            let regular = ["/apiGroups", "/resources", "/resourceNames"];
            if regular.iter().any(|part| !list(rule, part).is_empty()) {
                let why = "rules cannot apply to both regular resources and non-resource URLs";
                errors.invalid(&child(&at, "nonResourceURLs"), &json!(urls), why);
            }
            continue;
        }
        if list(rule, "/apiGroups").is_empty() {
            errors.required(
                &child(&at, "apiGroups"),
                "resource rules must supply at least one api group",
            );
        }
        if list(rule, "/resources").is_empty() {
            errors.required(
                &child(&at, "resources"),
                "resource rules must supply at least one resource",
            );
        }
    }
}

/// Bindings.
pub(super) fn binding(object: &Value, errors: &mut Errors) {
    let reference = object.get("roleRef").unwrap_or(&Value::Null);
    let kinds: &[&str] = if text(object, "kind") == "ClusterRoleBinding" {
        &["ClusterRole"]
    } else {
        &["Role", "ClusterRole"]
    };
    errors.one_of("roleRef.kind", Some(&json!(text(reference, "kind"))), kinds);
    if text(reference, "name").is_empty() {
        errors.required("roleRef.name", "");
    }
    for (index, subject) in list(object, "/subjects").iter().enumerate() {
        let at = format!("subjects[{index}]");
        if text(subject, "name").is_empty() {
            errors.required(&child(&at, "name"), "");
        }
        errors.one_of(
            &child(&at, "kind"),
            subject.get("kind"),
            &["ServiceAccount", "User", "Group"],
        );
        // In a RoleBinding it is the binding's own.
        let everywhere = text(object, "kind") == "ClusterRoleBinding";
        let account = text(subject, "kind") == "ServiceAccount";
        if everywhere && account && text(subject, "namespace").is_empty() {
            errors.required(&child(&at, "namespace"), "");
        }
    }
}
