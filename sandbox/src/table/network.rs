//! Rows of services and what leads to them.

use super::text::{age, at_most, labels, list, name, selector, text, text_or};
use jiff::Timestamp;
use serde_json::Value;

fn texts(values: &[Value]) -> Vec<&str> {
    values.iter().filter_map(Value::as_str).collect()
}

/// Name, type, cluster IP, external IP, ports, age, selector.
pub(super) fn service(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        name(object),
        Value::from(text(object, "/spec/type")),
        Value::from(text_or(object, "/spec/clusterIP", "<none>")),
        Value::from(external_address(object)),
        Value::from(service_ports(object)),
        age(object, now),
        Value::from(labels(object.pointer("/spec/selector"))),
    ]
}

fn external_address(object: &Value) -> String {
    let mut addresses: Vec<&str> = Vec::new();
    let kind = text(object, "/spec/type");
    if kind == "ExternalName" {
        return text(object, "/spec/externalName").to_owned();
    }
    if kind == "LoadBalancer" {
        addresses = load_balancer(object);
    }
    addresses.extend(texts(list(object, "/spec/externalIPs")));
    match (addresses.is_empty(), kind) {
        (true, "LoadBalancer") => "<pending>".to_owned(),
        (true, _) => "<none>".to_owned(),
        (false, _) => addresses.join(","),
    }
}

fn load_balancer(object: &Value) -> Vec<&str> {
    let ingress = list(object, "/status/loadBalancer/ingress").iter();
    let mut found: Vec<&str> = ingress
        .map(|i| text_or(i, "/ip", text(i, "/hostname")))
        .filter(|a| !a.is_empty())
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn service_ports(object: &Value) -> String {
    let ports: Vec<String> = list(object, "/spec/ports")
        .iter()
        .map(|p| {
            let node = super::text::number(p, "/nodePort");
            let node = if node == 0 {
                String::new()
            } else {
                format!(":{node}")
            };
            format!(
                "{}{node}/{}",
                super::text::number(p, "/port"),
                text(p, "/protocol")
            )
        })
        .collect();
    if ports.is_empty() {
        "<none>".to_owned()
    } else {
        ports.join(",")
    }
}

fn join_host_port(host: &str, port: i64) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// Name, addresses, age.
pub(super) fn endpoints(object: &Value, now: Timestamp) -> Vec<Value> {
    let mut all = Vec::new();
    for subset in list(object, "/subsets") {
        let addresses = list(subset, "/addresses");
        let ports = list(subset, "/ports");
        if ports.is_empty() {
            all.extend(addresses.iter().map(|a| text(a, "/ip").to_owned()));
        }
        for port in ports {
            let port = super::text::number(port, "/port");
            all.extend(
                addresses
                    .iter()
                    .map(|a| join_host_port(text(a, "/ip"), port)),
            );
        }
    }
    vec![
        name(object),
        Value::from(at_most(3, &all, ",", "<none>")),
        age(object, now),
    ]
}

/// Name, address type, ports, addresses, age.
pub(super) fn endpoint_slice(object: &Value, now: Timestamp) -> Vec<Value> {
    let ports: Vec<String> = list(object, "/ports")
        .iter()
        .map(|p| match p.get("port").and_then(Value::as_i64) {
            Some(port) => port.to_string(),
            None => text_or(p, "/name", "*").to_owned(),
        })
        .collect();
    let addresses: Vec<String> = list(object, "/endpoints")
        .iter()
        .flat_map(|e| texts(list(e, "/addresses")))
        .map(str::to_owned)
        .collect();
    vec![
        name(object),
        Value::from(text(object, "/addressType")),
        Value::from(at_most(3, &ports, ",", "<unset>")),
        Value::from(at_most(3, &addresses, ",", "<unset>")),
        age(object, now),
    ]
}

/// Name, class, hosts, address, ports, age.
pub(super) fn ingress(object: &Value, now: Timestamp) -> Vec<Value> {
    let hosts: Vec<String> = list(object, "/spec/rules")
        .iter()
        .map(|r| text(r, "/host").to_owned())
        .filter(|h| !h.is_empty())
        .collect();
    let annotated = object.pointer("/metadata/annotations/kubernetes.io~1ingress.class");
    let annotated = annotated.and_then(Value::as_str).unwrap_or("<none>");
    let tls = !list(object, "/spec/tls").is_empty();
    vec![
        name(object),
        Value::from(text_or(object, "/spec/ingressClassName", annotated)),
        Value::from(at_most(3, &hosts, ",", "*")),
        Value::from(load_balancer(object).join(",")),
        Value::from(if tls { "80, 443" } else { "80" }),
        age(object, now),
    ]
}

/// Name, controller, parameters, age.
pub(super) fn ingress_class(object: &Value, now: Timestamp) -> Vec<Value> {
    let parameters = object.pointer("/spec/parameters").map_or_else(
        || "<none>".to_owned(),
        |p| {
            let group = text(p, "/apiGroup");
            let dot = if group.is_empty() { "" } else { "." };
            format!("{}{dot}{group}/{}", text(p, "/kind"), text(p, "/name"))
        },
    );
    let controller = Value::from(text(object, "/spec/controller"));
    vec![
        name(object),
        controller,
        Value::from(parameters),
        age(object, now),
    ]
}

/// Name, pod selector, age.
pub(super) fn network_policy(object: &Value, now: Timestamp) -> Vec<Value> {
    let pods = selector(object.pointer("/spec/podSelector"));
    vec![name(object), Value::from(pods), age(object, now)]
}

/// Name, parent.
pub(super) fn ip_address(object: &Value, _: Timestamp) -> Vec<Value> {
    let parent = ["/resource", "/group", "/namespace", "/name"]
        .into_iter()
        .map(|p| text(object, &format!("/spec/parentRef{p}")))
        .filter(|t| !t.is_empty())
        .collect::<Vec<_>>()
        .join("/");
    vec![name(object), Value::from(parent)]
}

/// Name, CIDRs, age.
pub(super) fn service_cidr(object: &Value, now: Timestamp) -> Vec<Value> {
    let cidrs = texts(list(object, "/spec/cidrs")).join(",");
    vec![name(object), Value::from(cidrs), age(object, now)]
}
