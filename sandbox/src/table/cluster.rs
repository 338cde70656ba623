//! Rows of what makes up a cluster: nodes, namespaces, events, leases, API services, flow control.

use super::text::{
    age, condition, condition_holds, flag, list, name, number, since, text, text_or,
};
use jiff::Timestamp;
use serde_json::Value;

/// Name, status, roles, age, version, addresses, OS image, kernel, runtime.
pub(super) fn node(object: &Value, now: Timestamp) -> Vec<Value> {
    let mut status = match condition(object, "Ready") {
        Some(_) if condition_holds(object, "Ready") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    }
    .to_owned();
    if flag(object, "/spec/unschedulable") {
        status.push_str(",SchedulingDisabled");
    }
    let address = |kind: &str| {
        let found = list(object, "/status/addresses")
            .iter()
            .find(|a| text(a, "/type") == kind);
        Value::from(found.map_or("<none>", |a| text(a, "/address")))
    };
    let info = |field: &str| {
        Value::from(text_or(
            object,
            &format!("/status/nodeInfo/{field}"),
            "<unknown>",
        ))
    };
    vec![
        name(object),
        Value::from(status),
        Value::from(roles(object)),
        age(object, now),
        Value::from(text(object, "/status/nodeInfo/kubeletVersion")),
        address("InternalIP"),
        address("ExternalIP"),
        info("osImage"),
        info("kernelVersion"),
        info("containerRuntimeVersion"),
    ]
}

fn roles(object: &Value) -> String {
    let labels = object
        .pointer("/metadata/labels")
        .and_then(Value::as_object);
    let mut roles: Vec<&str> = labels
        .into_iter()
        .flatten()
        .filter_map(
            |(key, value)| match key.strip_prefix("node-role.kubernetes.io/") {
                Some(role) => Some(role),
                None if key == "kubernetes.io/role" => value.as_str(),
                None => None,
            },
        )
        .filter(|role| !role.is_empty())
        .collect();
    roles.sort_unstable();
    roles.dedup();
    if roles.is_empty() {
        "<none>".to_owned()
    } else {
        roles.join(",")
    }
}

/// Name, phase, age.
pub(super) fn namespace(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        name(object),
        Value::from(text(object, "/status/phase")),
        age(object, now),
    ]
}

/// Name, status, message, error.
pub(super) fn component_status(object: &Value, _: Timestamp) -> Vec<Value> {
    let healthy = list(object, "/conditions")
        .iter()
        .find(|c| text(c, "/type") == "Healthy");
    let (status, message, error) = healthy.map_or(("Unknown", "", ""), |c| {
        let status = match text(c, "/status") {
            "True" => "Healthy",
            "False" => "Unhealthy",
            _ => "Unknown",
        };
        (status, text(c, "/message"), text(c, "/error"))
    });
    vec![
        name(object),
        Value::from(status),
        Value::from(message),
        Value::from(error),
    ]
}

/// Last seen, type, reason, object, subobject, source, message, first seen, count, name. The two versions of events name
/// some fields differently.
pub(super) fn event(object: &Value, now: Timestamp) -> Vec<Value> {
    let either =
        |core: &'static str, newer: &'static str| text_or(object, core, text(object, newer));
    let first = either("/firstTimestamp", "/deprecatedFirstTimestamp");
    let first = if first.is_empty() {
        text(object, "/eventTime")
    } else {
        first
    };
    let mut last = either("/lastTimestamp", "/deprecatedLastTimestamp");
    let mut count = number(object, "/count").max(number(object, "/deprecatedCount"));
    if object.get("series").is_some_and(Value::is_object) {
        last = text(object, "/series/lastObservedTime");
        count = number(object, "/series/count");
    } else if count == 0 {
        count = 1;
    }
    let last = if last.is_empty() { first } else { last };
    let about = if object.get("involvedObject").is_some() {
        "/involvedObject"
    } else {
        "/regarding"
    };
    let target = text(object, &format!("{about}/kind")).to_lowercase();
    let about_name = text(object, &format!("{about}/name"));
    let target = if about_name.is_empty() {
        target
    } else {
        format!("{target}/{about_name}")
    };
    let component = either("/source/component", "/deprecatedSource/component");
    let reporting = text_or(
        object,
        "/reportingComponent",
        text(object, "/reportingController"),
    );
    let component = if component.is_empty() {
        reporting
    } else {
        component
    }
    .to_owned();
    let host = either("/source/host", "/deprecatedSource/host");
    let host = if host.is_empty() {
        text(object, "/reportingInstance")
    } else {
        host
    };
    let source = if host.is_empty() {
        component
    } else {
        format!("{component}, {host}")
    };
    vec![
        Value::from(since(last, now)),
        Value::from(text(object, "/type")),
        Value::from(text(object, "/reason")),
        Value::from(target),
        Value::from(text(object, &format!("{about}/fieldPath"))),
        Value::from(source),
        Value::from(either("/message", "/note").trim()),
        Value::from(since(first, now)),
        Value::from(count),
        name(object),
    ]
}

/// Name, holder, age.
pub(super) fn lease(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        name(object),
        Value::from(text(object, "/spec/holderIdentity")),
        age(object, now),
    ]
}

/// Name, service, available, age.
pub(super) fn api_service(object: &Value, now: Timestamp) -> Vec<Value> {
    let service = object
        .pointer("/spec/service")
        .filter(|s| s.is_object())
        .map_or_else(
            || "Local".to_owned(),
            |s| format!("{}/{}", text(s, "/namespace"), text(s, "/name")),
        );
    let available = condition(object, "Available").map_or_else(
        || "Unknown".to_owned(),
        |c| match text(c, "/status") {
            "True" => "True".to_owned(),
            status => format!("{status} ({})", text(c, "/reason")),
        },
    );
    vec![
        name(object),
        Value::from(service),
        Value::from(available),
        age(object, now),
    ]
}

/// Name, handler, age.
pub(super) fn runtime_class(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        name(object),
        Value::from(text(object, "/handler")),
        age(object, now),
    ]
}

/// Name, priority level, precedence, distinguisher, age, missing priority level.
pub(super) fn flow_schema(object: &Value, now: Timestamp) -> Vec<Value> {
    let dangling = condition(object, "Dangling").map_or("?", |c| text(c, "/status"));
    vec![
        name(object),
        Value::from(text(object, "/spec/priorityLevelConfiguration/name")),
        Value::from(number(object, "/spec/matchingPrecedence")),
        Value::from(text_or(object, "/spec/distinguisherMethod/type", "<none>")),
        age(object, now),
        Value::from(dangling),
    ]
}

/// Name, type, shares, queues, hand size, queue length, age.
pub(super) fn priority_level(object: &Value, now: Timestamp) -> Vec<Value> {
    let number = |pointer: &str| {
        object
            .pointer(pointer)
            .filter(|v| v.is_i64())
            .cloned()
            .unwrap_or_else(|| "<none>".into())
    };
    let kind = text(object, "/spec/type");
    let shares = if kind == "Exempt" {
        "exempt"
    } else {
        "limited"
    };
    let queuing = "/spec/limited/limitResponse/queuing";
    vec![
        name(object),
        Value::from(kind),
        number(&format!("/spec/{shares}/nominalConcurrencyShares")),
        number(&format!("{queuing}/queues")),
        number(&format!("{queuing}/handSize")),
        number(&format!("{queuing}/queueLengthLimit")),
        age(object, now),
    ]
}
