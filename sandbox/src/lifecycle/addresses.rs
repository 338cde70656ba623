//! Cluster IPs and node ports of Services, given out when a Service is written, so that the answer has them.

use crate::cluster::ListOptions;
use crate::cluster::admission::{Admission, Operation, Review};
use crate::object::{self, Gvr};
use crate::status::{Cause, Status};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// Address of the API server's own Service.
pub(super) const FIRST: &str = "10.96.0.1";
/// Node ports are given out from here (kube-apiserver `--service-node-port-range`).
const NODE_PORTS: std::ops::RangeInclusive<u16> = 30_000..=32_767;

/// Gives out addresses and ports. Two writes at a time must not get the same one: what is given out is remembered here.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    given: Mutex<Given>,
}

#[derive(Debug, Default)]
struct Given {
    address: u32,
    port: u16,
}

impl Admission for Addresses {
    fn admit(&self, review: &mut Review<'_>) -> Result<(), Status> {
        if !review.is("", "Service") || review.operation == Operation::Delete {
            return Ok(());
        }
        keep_old(review);
        let taken = taken(review)?;
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = review.object["spec"]["type"]
            .as_str()
            .unwrap_or("ClusterIP")
            .to_owned();
        if kind == "ExternalName" {
            let spec = object::field_mut(review.object, "spec");
            for field in [
                "clusterIP",
                "clusterIPs",
                "ipFamilies",
                "ipFamilyPolicy",
                "internalTrafficPolicy",
            ] {
                spec.remove(field);
            }
            return Ok(());
        }
        address(review, &taken, &mut given)?;
        if matches!(kind.as_str(), "NodePort" | "LoadBalancer") {
            node_ports(review, &taken, &mut given);
        }
        Ok(())
    }
}

/// An update that leaves addresses and ports out keeps them, as long as the type still has them.
fn keep_old(review: &mut Review<'_>) {
    let Some(old) = review.old else { return };
    let new_type = review.object["spec"]["type"].clone();
    let (old_spec, spec) = (&old["spec"], object::field_mut(review.object, "spec"));
    if new_type != "ExternalName" && spec.get("clusterIP").is_none_or(Value::is_null) {
        for field in ["clusterIP", "clusterIPs"] {
            if let Some(value) = old_spec.get(field) {
                spec.insert(field.to_owned(), value.clone());
            }
        }
    }
    if new_type != "NodePort" && new_type != "LoadBalancer" {
        return;
    }
    let Some(ports) = spec.get_mut("ports").and_then(Value::as_array_mut) else {
        return;
    };
    for port in ports
        .iter_mut()
        .filter(|port| port.get("nodePort").is_none_or(Value::is_null))
    {
        let same = old_spec["ports"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|old| {
                old["port"] == port["port"]
                    && old["protocol"] == port["protocol"]
                    && old["name"] == port["name"]
            });
        if let Some(node_port) = same.and_then(|old| old.get("nodePort")) {
            object::map_mut(port).insert("nodePort".to_owned(), node_port.clone());
        }
    }
}

#[derive(Default)]
struct Taken {
    addresses: HashSet<String>,
    ports: HashSet<u64>,
}

/// What other Services have.
fn taken(review: &Review<'_>) -> Result<Taken, Status> {
    let services =
        review
            .cluster
            .list(&Gvr::new("", "v1", "services"), "", &ListOptions::default())?;
    let mut taken = Taken::default();
    let this = |other: &Value| {
        object::name(other) == object::name(review.object)
            && object::namespace(other) == object::namespace(review.object)
    };
    for service in services.items.iter().filter(|service| !this(service)) {
        taken.addresses.extend(
            service
                .pointer("/spec/clusterIP")
                .and_then(Value::as_str)
                .map(str::to_owned),
        );
        let ports = service
            .pointer("/spec/ports")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        taken
            .ports
            .extend(ports.filter_map(|port| port["nodePort"].as_u64()));
    }
    Ok(taken)
}

fn address(review: &mut Review<'_>, taken: &Taken, given: &mut Given) -> Result<(), Status> {
    let asked = review.object["spec"]["clusterIP"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    if asked == "None" {
        object::field_mut(review.object, "spec").insert("clusterIPs".to_owned(), json!(["None"]));
        return Ok(());
    }
    let chosen = if asked.is_empty() {
        next_address(taken, given)
    } else if taken.addresses.contains(&asked) {
        let message = format!(
            "Invalid value: [\"{asked}\"]: failed to allocate IP {asked}: provided IP is already allocated"
        );
        let cause = Cause {
            reason: "FieldValueInvalid".into(),
            message,
            field: "spec.clusterIPs".into(),
        };
        return Err(Status::invalid(
            "",
            "Service",
            object::name(review.object),
            &[cause],
        ));
    } else {
        asked
    };
    let spec = object::field_mut(review.object, "spec");
    spec.insert("clusterIPs".to_owned(), json!([chosen]));
    spec.insert("clusterIP".to_owned(), json!(chosen));
    Ok(())
}

/// Counts through 10.96.0.0/16, leaving out the first addresses, which are given by hand.
fn next_address(taken: &Taken, given: &mut Given) -> String {
    loop {
        given.address = given.address % 65_000 + 1;
        let number = given.address + 255;
        let address = format!("10.96.{}.{}", number / 256 % 256, number % 256);
        if !number.is_multiple_of(256) && number % 256 != 255 && !taken.addresses.contains(&address)
        {
            return address;
        }
    }
}

fn node_ports(review: &mut Review<'_>, taken: &Taken, given: &mut Given) {
    let spec = object::field_mut(review.object, "spec");
    if spec.get("allocateLoadBalancerNodePorts") == Some(&json!(false)) {
        return;
    }
    let Some(ports) = spec.get_mut("ports").and_then(Value::as_array_mut) else {
        return;
    };
    for port in ports {
        if port["nodePort"].as_u64().is_some_and(|number| number > 0) {
            continue;
        }
        let span = NODE_PORTS.end() - NODE_PORTS.start() + 1;
        for _ in 0..span {
            given.port = given.port % span + 1;
            let number = NODE_PORTS.start() + given.port - 1;
            if !taken.ports.contains(&u64::from(number)) {
                object::map_mut(port).insert("nodePort".to_owned(), json!(number));
                break;
            }
        }
    }
}
