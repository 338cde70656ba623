//! Defaults that depend on other fields, one function a component. From k8s.io/kubernetes, pkg/apis/*/v*/defaults.go and
//! conversion.go.

use super::table::{is_blank, short};
use base64::Engine;
use serde_json::{Map, Value, json};

type Fields = Map<String, Value>;

pub(super) fn apply(component: &str, fields: &mut Fields) {
    match short(component) {
        "core.v1.Container" | "core.v1.EphemeralContainer" => container(fields),
        "core.v1.PodSpec" => pod_spec(fields),
        "core.v1.Pod" => pod(fields),
        "core.v1.ServiceSpec" => service(fields),
        "core.v1.Secret" => secret(fields),
        "core.v1.LimitRangeItem" => limit_range(fields),
        "core.v1.ReplicationController" => replication_controller(fields),
        "apps.v1.DeploymentStrategy" => {
            rolling(fields, &json!({"maxUnavailable": "25%", "maxSurge": "25%"}));
        }
        "apps.v1.StatefulSetUpdateStrategy" => rolling(fields, &json!({"partition": 0})),
        "apps.v1.DaemonSetUpdateStrategy" => {
            rolling(fields, &json!({"maxUnavailable": 1, "maxSurge": 0}));
        }
        "apps.v1.DaemonSet" => daemon_set(fields),
        "apps.v1.StatefulSetSpec" => claim_templates(fields),
        "batch.v1.Job" => job(fields),
        "networking.v1.NetworkPolicySpec" => network_policy(fields),
        "rbac.v1.Subject" => subject(fields),
        "autoscaling.v2.HorizontalPodAutoscalerBehavior" => behavior(fields),
        "apiextensions.v1.CustomResourceDefinitionNames" => names(fields),
        _ => {}
    }
}

fn text<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn default(fields: &mut Fields, name: &str, value: Value) {
    if is_blank(fields, name) {
        fields.insert(name.to_owned(), value);
    }
}

/// Namespaces carry their name as a label.
pub(super) fn namespace(object: &mut Value) {
    let name = object
        .pointer("/metadata/name")
        .cloned()
        .unwrap_or(Value::Null);
    if name.as_str().is_none_or(str::is_empty) {
        return;
    }
    if let Some(meta) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        let labels = meta.entry("labels").or_insert(Value::Null);
        if labels.is_null() {
            *labels = json!({});
        }
        if let Some(labels) = labels.as_object_mut() {
            labels.insert("kubernetes.io/metadata.name".to_owned(), name);
        }
    }
}

fn container(fields: &mut Fields) {
    let image = text(fields, "image");
    let name = image.split('@').next().unwrap_or_default();
    let tag = name
        .rsplit('/')
        .next()
        .and_then(|last| last.split_once(':'))
        .map(|(_, tag)| tag);
    let latest = match tag {
        Some(tag) => tag == "latest",
        None => !image.contains('@'),
    };
    default(
        fields,
        "imagePullPolicy",
        json!(if latest { "Always" } else { "IfNotPresent" }),
    );
}

fn containers<'a>(
    spec: &'a mut Fields,
    lists: &'a [&'a str],
) -> impl Iterator<Item = &'a mut Fields> {
    spec.iter_mut()
        .filter(move |(name, _)| lists.contains(&name.as_str()))
        .flat_map(|(_, list)| list.as_array_mut().into_iter().flatten())
        .filter_map(Value::as_object_mut)
}

fn pod_spec(spec: &mut Fields) {
    // the older name of the field is kept equal
    match (
        text(spec, "serviceAccountName").to_owned(),
        text(spec, "serviceAccount").to_owned(),
    ) {
        (name, _) if !name.is_empty() => spec.insert("serviceAccount".to_owned(), json!(name)),
        (_, old) if !old.is_empty() => spec.insert("serviceAccountName".to_owned(), json!(old)),
        _ => None,
    };
}

/// On the host's network a container's ports are the host's; of templates it is said only when they become pods.
fn host_ports(spec: &mut Fields) {
    if spec.get("hostNetwork") != Some(&json!(true)) {
        return;
    }
    for container in containers(spec, &["containers", "initContainers"]) {
        for port in container
            .get_mut("ports")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
            .filter_map(Value::as_object_mut)
        {
            if let Some(number) = port.get("containerPort").cloned() {
                default(port, "hostPort", number);
            }
        }
    }
}

/// Pods, unlike templates, take missing requests from their limits.
fn pod(fields: &mut Fields) {
    let Some(spec) = fields.get_mut("spec").and_then(Value::as_object_mut) else {
        return;
    };
    default(spec, "enableServiceLinks", json!(true));
    host_ports(spec);
    for container in containers(spec, &["containers", "initContainers"]) {
        let Some(resources) = container
            .get_mut("resources")
            .and_then(Value::as_object_mut)
        else {
            continue;
        };
        let Some(limits) = resources.get("limits").and_then(Value::as_object).cloned() else {
            continue;
        };
        let requests = resources.entry("requests").or_insert_with(|| json!({}));
        for (name, limit) in limits {
            if let Some(requests) = requests.as_object_mut() {
                requests.entry(name).or_insert(limit);
            }
        }
    }
}

fn service(spec: &mut Fields) {
    let kind = text(spec, "type").to_owned();
    if text(spec, "sessionAffinity") == "ClientIP" {
        let config = spec
            .entry("sessionAffinityConfig")
            .or_insert_with(|| json!({}));
        let client = config
            .as_object_mut()
            .map(|c| c.entry("clientIP").or_insert_with(|| json!({})));
        if let Some(client) = client.and_then(Value::as_object_mut) {
            default(client, "timeoutSeconds", json!(10_800));
        }
    }
    for port in spec
        .get_mut("ports")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        let blank = is_blank(port, "targetPort") || port.get("targetPort") == Some(&json!(0));
        if let (true, Some(number)) = (blank, port.get("port").cloned()) {
            port.insert("targetPort".to_owned(), number);
        }
    }
    let external_ips = spec
        .get("externalIPs")
        .and_then(Value::as_array)
        .is_some_and(|ips| !ips.is_empty());
    if matches!(kind.as_str(), "NodePort" | "LoadBalancer") || (kind == "ClusterIP" && external_ips)
    {
        default(spec, "externalTrafficPolicy", json!("Cluster"));
    }
    if matches!(kind.as_str(), "NodePort" | "LoadBalancer" | "ClusterIP") {
        default(spec, "internalTrafficPolicy", json!("Cluster"));
    }
    if kind == "LoadBalancer" {
        default(spec, "allocateLoadBalancerNodePorts", json!(true));
    }
}

fn secret(fields: &mut Fields) {
    let Some(Value::Object(plain)) = fields.remove("stringData") else {
        return;
    };
    if plain.is_empty() {
        return;
    }
    let data = fields.entry("data").or_insert_with(|| json!({}));
    if data.is_null() {
        *data = json!({});
    }
    for (key, value) in plain {
        if let (Some(data), Some(text)) = (data.as_object_mut(), value.as_str()) {
            data.insert(
                key,
                json!(base64::engine::general_purpose::STANDARD.encode(text)),
            );
        }
    }
}

fn limit_range(fields: &mut Fields) {
    if text(fields, "type") != "Container" {
        return;
    }
    let part = |fields: &Fields, name: &str| {
        fields
            .get(name)
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default()
    };
    let (max, min) = (part(fields, "max"), part(fields, "min"));
    let (mut limit, mut request) = (part(fields, "default"), part(fields, "defaultRequest"));
    for (name, value) in max {
        limit.entry(name).or_insert(value);
    }
    for (name, value) in limit.iter().chain(&min) {
        request.entry(name.clone()).or_insert_with(|| value.clone());
    }
    for (name, value) in [("default", limit), ("defaultRequest", request)] {
        if !value.is_empty() {
            fields.insert(name.to_owned(), Value::Object(value));
        }
    }
}

fn replication_controller(fields: &mut Fields) {
    let labels = fields
        .get("spec")
        .and_then(|s| s.pointer("/template/metadata/labels"))
        .filter(|l| l.as_object().is_some_and(|l| !l.is_empty()))
        .cloned();
    let Some(labels) = labels else { return };
    if let Some(spec) = fields.get_mut("spec").and_then(Value::as_object_mut) {
        default(spec, "selector", labels.clone());
    }
    if let Some(meta) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
        default(meta, "labels", labels);
    }
}

fn rolling(strategy: &mut Fields, parameters: &Value) {
    default(strategy, "type", json!("RollingUpdate"));
    if text(strategy, "type") != "RollingUpdate" {
        return;
    }
    let rolling = strategy.entry("rollingUpdate").or_insert_with(|| json!({}));
    if let (Some(rolling), Some(parameters)) = (rolling.as_object_mut(), parameters.as_object()) {
        for (name, value) in parameters {
            default(rolling, name, value.clone());
        }
    }
}

pub(super) const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

fn daemon_set(fields: &mut Fields) {
    let Some(meta) = fields.get_mut("metadata").and_then(Value::as_object_mut) else {
        return;
    };
    let annotations = meta.entry("annotations").or_insert_with(|| json!({}));
    if let Some(annotations) = annotations.as_object_mut() {
        annotations
            .entry(TEMPLATE_GENERATION)
            .or_insert_with(|| json!("0"));
    }
}

fn claim_templates(spec: &mut Fields) {
    for claim in spec
        .get_mut("volumeClaimTemplates")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        default(claim, "apiVersion", json!("v1"));
        default(claim, "kind", json!("PersistentVolumeClaim"));
    }
}

fn job(fields: &mut Fields) {
    let labels = fields
        .get("spec")
        .and_then(|s| s.pointer("/template/metadata/labels"))
        .filter(|l| l.as_object().is_some_and(|l| !l.is_empty()))
        .cloned();
    if let (Some(labels), Some(meta)) = (
        labels,
        fields.get_mut("metadata").and_then(Value::as_object_mut),
    ) {
        default(meta, "labels", labels);
    }
    let Some(spec) = fields.get_mut("spec").and_then(Value::as_object_mut) else {
        return;
    };
    if is_blank(spec, "completions") && is_blank(spec, "parallelism") {
        spec.insert("completions".to_owned(), json!(1));
    }
    default(spec, "parallelism", json!(1));
    let per_index = !is_blank(spec, "backoffLimitPerIndex");
    default(
        spec,
        "backoffLimit",
        json!(if per_index { i32::MAX } else { 6 }),
    );
    default(spec, "completionMode", json!("NonIndexed"));
    default(spec, "suspend", json!(false));
    default(spec, "manualSelector", json!(false));
    let policy = if is_blank(spec, "podFailurePolicy") {
        "TerminatingOrFailed"
    } else {
        "Failed"
    };
    default(spec, "podReplacementPolicy", json!(policy));
}

fn network_policy(spec: &mut Fields) {
    if !is_blank(spec, "policyTypes") {
        return;
    }
    let egress = spec
        .get("egress")
        .and_then(Value::as_array)
        .is_some_and(|rules| !rules.is_empty());
    spec.insert(
        "policyTypes".to_owned(),
        if egress {
            json!(["Ingress", "Egress"])
        } else {
            json!(["Ingress"])
        },
    );
}

fn subject(fields: &mut Fields) {
    if matches!(text(fields, "kind"), "User" | "Group") {
        default(fields, "apiGroup", json!("rbac.authorization.k8s.io"));
    }
}

fn behavior(fields: &mut Fields) {
    let up = json!({"stabilizationWindowSeconds": 0, "selectPolicy": "Max", "policies": [
        {"type": "Pods", "value": 4, "periodSeconds": 15}, {"type": "Percent", "value": 100, "periodSeconds": 15}]});
    let down = json!({"selectPolicy": "Max", "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]});
    for (name, parameters) in [("scaleUp", up), ("scaleDown", down)] {
        let rules = fields.entry(name).or_insert_with(|| json!({}));
        if let (Some(rules), Some(parameters)) = (rules.as_object_mut(), parameters.as_object()) {
            for (name, value) in parameters {
                default(rules, name, value.clone());
            }
        }
    }
}

/// Names in a definition's spec; those in its status stay empty until they are accepted.
fn names(fields: &mut Fields) {
    let kind = text(fields, "kind").to_owned();
    if kind.is_empty() {
        return;
    }
    default(fields, "singular", json!(kind.to_lowercase()));
    default(fields, "listKind", json!(format!("{kind}List")));
}
