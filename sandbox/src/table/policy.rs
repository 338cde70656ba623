//! Rows of what limits workloads: autoscalers, disruption budgets, quotas, priorities, device claims.

use super::text::{age, flag, list, name, number, text, text_or};
use jiff::Timestamp;
use serde_json::Value;

/// Name, reference, targets, least and most pods, replicas, age; of both versions.
pub(super) fn autoscaler(object: &Value, now: Timestamp) -> Vec<Value> {
    let target = "/spec/scaleTargetRef";
    let reference = format!(
        "{}/{}",
        text(object, &format!("{target}/kind")),
        text(object, &format!("{target}/name"))
    );
    let least = object.pointer("/spec/minReplicas").and_then(Value::as_i64);
    vec![
        name(object),
        Value::from(reference),
        Value::from(targets(object)),
        Value::from(least.map_or_else(|| "<unset>".to_owned(), |v| v.to_string())),
        Value::from(number(object, "/spec/maxReplicas")),
        Value::from(number(object, "/status/currentReplicas")),
        age(object, now),
    ]
}

fn targets(object: &Value) -> String {
    if let Some(wanted) = object.pointer("/spec/targetCPUUtilizationPercentage") {
        let current = object.pointer("/status/currentCPUUtilizationPercentage");
        let current = current.map_or_else(|| "<unknown>".to_owned(), |v| format!("{v}%"));
        return format!("cpu: {current}/{wanted}%");
    }
    let metrics = list(object, "/spec/metrics");
    let current = list(object, "/status/currentMetrics");
    let shown: Vec<String> = metrics
        .iter()
        .enumerate()
        .map(|(i, m)| metric(m, current.get(i)))
        .collect();
    match shown.as_slice() {
        [] => "<none>".to_owned(),
        [first, second, rest @ ..] if !rest.is_empty() => {
            format!("{first}, {second} + {} more...", rest.len())
        }
        all => all.join(", "),
    }
}

/// One metric: current and wanted value. Utilization is a percentage of the request.
fn metric(metric: &Value, current: Option<&Value>) -> String {
    let (field, prefix) = match text(metric, "/type") {
        "Resource" => ("resource", true),
        "ContainerResource" => ("containerResource", true),
        "Pods" => ("pods", false),
        "Object" => ("object", false),
        "External" => ("external", false),
        _ => return "<unknown type>".to_owned(),
    };
    let source = metric.get(field).unwrap_or(&Value::Null);
    let status = current.and_then(|c| c.get(field));
    let now = |kind: &str| {
        let value = status.and_then(|s| s.pointer(&format!("/current/{kind}")));
        value.map_or_else(
            || "<unknown>".to_owned(),
            |v| v.as_str().map_or_else(|| v.to_string(), str::to_owned),
        )
    };
    let name = if prefix {
        format!("{}: ", text(source, "/name"))
    } else {
        String::new()
    };
    let average = text(source, "/target/averageValue");
    if !average.is_empty() {
        let suffix = if matches!(field, "object" | "external") {
            " (avg)"
        } else {
            ""
        };
        return format!("{name}{}/{average}{suffix}", now("averageValue"));
    }
    if prefix {
        let wanted = source.pointer("/target/averageUtilization");
        let wanted = wanted.map_or_else(|| "<auto>".to_owned(), |v| format!("{v}%"));
        let current = now("averageUtilization");
        let percent = if current == "<unknown>" { "" } else { "%" };
        return format!("{name}{current}{percent}/{wanted}");
    }
    format!("{}/{}", now("value"), text(source, "/target/value"))
}

/// Name, least available, most unavailable, allowed disruptions, age.
pub(super) fn disruption_budget(object: &Value, now: Timestamp) -> Vec<Value> {
    let amount = |field: &str| {
        let value = object.pointer(&format!("/spec/{field}"));
        let value = value.map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
        Value::from(value.unwrap_or_else(|| "N/A".to_owned()))
    };
    vec![
        name(object),
        amount("minAvailable"),
        amount("maxUnavailable"),
        Value::from(number(object, "/status/disruptionsAllowed")),
        age(object, now),
    ]
}

/// Name, requests, limits, age.
pub(super) fn resource_quota(object: &Value, now: Timestamp) -> Vec<Value> {
    let mut requests = Vec::new();
    let mut limits = Vec::new();
    let hard = object.pointer("/status/hard").and_then(Value::as_object);
    let used = object.pointer("/status/used").unwrap_or(&Value::Null);
    for (resource, hard) in hard.into_iter().flatten() {
        let used = used.get(resource).and_then(Value::as_str).unwrap_or("0");
        let shown = format!("{resource}: {used}/{}", hard.as_str().unwrap_or_default());
        if resource.starts_with("limits.") {
            &mut limits
        } else {
            &mut requests
        }
        .push(shown);
    }
    let (requests, limits) = (requests.join(", "), limits.join(", "));
    vec![
        name(object),
        Value::from(requests),
        Value::from(limits),
        age(object, now),
    ]
}

/// Name, value, global default, age, preemption.
pub(super) fn priority_class(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        name(object),
        Value::from(number(object, "/value")),
        Value::from(flag(object, "/globalDefault")),
        age(object, now),
        Value::from(text_or(object, "/preemptionPolicy", "PreemptLowerPriority")),
    ]
}

/// Name, state, age.
pub(super) fn resource_claim(object: &Value, now: Timestamp) -> Vec<Value> {
    let mut states = Vec::new();
    if object.pointer("/metadata/deletionTimestamp").is_some() {
        states.push("deleted");
    }
    match (
        object.pointer("/status/allocation").is_some(),
        list(object, "/status/reservedFor"),
    ) {
        (false, _) => states.push("pending"),
        (true, []) => states.push("allocated"),
        (true, _) => states.extend(["allocated", "reserved"]),
    }
    vec![
        name(object),
        Value::from(states.join(",")),
        age(object, now),
    ]
}

/// Name, node, driver, pool, age.
pub(super) fn resource_slice(object: &Value, now: Timestamp) -> Vec<Value> {
    let node = if flag(object, "/spec/allNodes") {
        "<all>"
    } else {
        "<unset>"
    };
    vec![
        name(object),
        Value::from(text_or(object, "/spec/nodeName", node)),
        Value::from(text(object, "/spec/driver")),
        Value::from(text(object, "/spec/pool/name")),
        age(object, now),
    ]
}
