//! Endpoints and EndpointSlices of Services with a selector (k8s.io/kubernetes `pkg/controller/endpoint` and
//! `endpointslice`). IPv4 only, at most 100 addresses a slice.

use super::engine::{Again, Controller, Seen};
use super::field;
use super::kinds::{self, Kind};
use super::pods;
use super::world::{CONTROLLERS, World, gone_is_fine};
use crate::cluster::LabelSelector;
use crate::object::{self, Object};
use crate::status::Status;
use crate::store::Key;
use serde_json::{Map, Value, json};

const SERVICE_NAME: &str = "kubernetes.io/service-name";
const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
const CONTROLLER: &str = "endpointslice-controller.k8s.io";
const PER_SLICE: usize = 100;

#[derive(Debug)]
pub(crate) struct ServiceEndpoints;

impl Controller for ServiceEndpoints {
    fn observe(&mut self, seen: &Seen<'_>, world: &World, wake: &mut Vec<Key>) {
        match seen.kind {
            Kind::Service => wake.push(seen.key.clone()),
            Kind::EndpointSlice | Kind::Endpoints if seen.new.is_none() => {
                for slice in seen.states() {
                    let service = object::label(slice, SERVICE_NAME).unwrap_or(object::name(slice));
                    wake.push(Key::new(&seen.key.namespace, service));
                }
            }
            Kind::Pod if differs(seen) => {
                for pod in seen.states() {
                    for (key, value) in object::labels(pod).into_iter().flatten() {
                        let term = kinds::selecting(&seen.key.namespace, key, value);
                        let services = world.cache(Kind::Service).under(&term);
                        wake.extend(services.map(|(k, _)| k.clone()));
                    }
                }
            }
            _ => {}
        }
    }

    fn reconcile(&mut self, key: &Key, world: &mut World) -> Result<Again, Status> {
        let Some(service) = world.get(Kind::Service, key) else {
            if let Some(endpoints) = world.get(Kind::Endpoints, key) {
                world.delete(Kind::Endpoints, &endpoints)?;
            }
            return Ok(None);
        };
        let selector = service.pointer("/spec/selector").and_then(Value::as_object);
        let Some(selector) = selector.filter(|s| !s.is_empty()) else {
            return Ok(None);
        };
        if field::text(&service, "/spec/type") == "ExternalName"
            || object::deletion_timestamp(&service).is_some()
        {
            return Ok(None);
        }
        let pods = selected(&service, selector, world);
        write_slices(&service, &pods, world)?;
        write_endpoints(&service, &pods, world)?;
        Ok(None)
    }
}

/// Whether a pod's change is one endpoints tell of.
fn differs(seen: &Seen<'_>) -> bool {
    let told = |pod: &Object| {
        let labels = pod.pointer("/metadata/labels").cloned();
        let address = field::text(pod, "/status/podIP").to_owned();
        let state = (
            pods::is_ready(pod),
            pods::is_terminating(pod),
            pods::is_finished(pod),
        );
        (labels, address, state)
    };
    match (seen.old, seen.new) {
        (Some(old), Some(new)) => told(old) != told(new),
        _ => true,
    }
}

/// Pods with an address that the Service selects.
fn selected(service: &Object, selector: &Map<String, Value>, world: &World) -> Vec<Object> {
    let namespace = object::namespace(service).unwrap_or_default();
    let matching = LabelSelector::from_object(&json!({"matchLabels": selector}));
    let first = selector.iter().next();
    let term = first.map(|(k, v)| kinds::labelled(namespace, k, v));
    let candidates = world
        .cache(Kind::Pod)
        .under(term.as_deref().unwrap_or_default());
    candidates
        .map(|(_, pod)| pod)
        .filter(|pod| matching.matches(pod) && !pods::is_finished(pod))
        .filter(|pod| !field::text(pod, "/status/podIP").is_empty())
        .cloned()
        .collect()
}

/// The number of a target port on a pod: a number, or the name of one of its ports.
fn target(port: &Value, pod: Option<&Object>) -> Option<i64> {
    match port.get("targetPort") {
        Some(Value::String(name)) => {
            let containers = field::list(pod?, "/spec/containers").iter();
            let mut ports = containers.flat_map(|c| field::list(c, "/ports"));
            let found = ports.find(|p| field::text(p, "/name") == name);
            found.and_then(|p| field::number(p, "/containerPort"))
        }
        Some(number) if number.as_i64().is_some_and(|n| n > 0) => number.as_i64(),
        _ => field::number(port, "/port"),
    }
}

/// The ports of an endpoint object. `slice`: in the order and with the fields of a slice.
fn ports(service: &Object, pod: Option<&Object>, slice: bool) -> Vec<Value> {
    let mut ports = Vec::new();
    for port in field::list(service, "/spec/ports") {
        let Some(number) = target(port, pod) else {
            continue;
        };
        let mut made = json!({"port": number, "protocol": field::text(port, "/protocol")});
        let name = field::text(port, "/name");
        let map = object::map_mut(&mut made);
        if slice || !name.is_empty() {
            map.insert("name".to_owned(), name.into());
        }
        if let Some(protocol) = port.get("appProtocol") {
            map.insert("appProtocol".to_owned(), protocol.clone());
        }
        ports.push(made);
    }
    ports
}

fn is_headless(service: &Object) -> bool {
    field::text(service, "/spec/clusterIP") == "None"
}

fn labels(service: &Object) -> Map<String, Value> {
    let mut labels = object::labels(service).cloned().unwrap_or_default();
    if is_headless(service) {
        labels.insert("service.kubernetes.io/headless".to_owned(), "".into());
    }
    labels
}

fn published(service: &Object, pod: &Object) -> bool {
    pods::is_ready(pod) || field::flag(service, "/spec/publishNotReadyAddresses")
}

fn endpoint(service: &Object, pod: &Object) -> Value {
    let ready = published(service, pod);
    let terminating = pods::is_terminating(pod);
    let always = field::flag(service, "/spec/publishNotReadyAddresses");
    let mut endpoint = json!({
        "addresses": [field::text(pod, "/status/podIP")],
        "conditions": {
            "ready": ready && (!terminating || always),
            "serving": pods::is_ready(pod),
            "terminating": terminating,
        },
        "targetRef": reference(pod),
    });
    let map = object::map_mut(&mut endpoint);
    let node = field::text(pod, "/spec/nodeName");
    if !node.is_empty() {
        map.insert("nodeName".to_owned(), node.into());
    }
    if is_headless(service) && field::text(pod, "/spec/subdomain") == object::name(service) {
        let host = field::text(pod, "/spec/hostname");
        if !host.is_empty() {
            map.insert("hostname".to_owned(), host.into());
        }
    }
    endpoint
}

fn reference(pod: &Object) -> Value {
    json!({
        "kind": "Pod",
        "namespace": object::namespace(pod),
        "name": object::name(pod),
        "uid": object::uid(pod),
    })
}

fn write_slices(service: &Object, pods: &[Object], world: &World) -> Result<(), Status> {
    let namespace = object::namespace(service).unwrap_or_default();
    let name = object::name(service);
    let term = kinds::labelled(namespace, SERVICE_NAME, &name.into());
    let slices = world.cache(Kind::EndpointSlice).under(&term);
    let own: Vec<Object> = slices
        .map(|(_, slice)| slice.clone())
        .filter(|s| object::label(s, MANAGED_BY) == Some(CONTROLLER))
        .collect();
    let mut labels = labels(service);
    labels.insert(MANAGED_BY.to_owned(), CONTROLLER.into());
    labels.insert(SERVICE_NAME.to_owned(), name.into());
    let endpoints: Vec<Value> = pods.iter().map(|p| endpoint(service, p)).collect();
    let ports = if pods.is_empty() && !own.is_empty() {
        Vec::new()
    } else {
        ports(service, pods.first(), true)
    };
    let mut chunks: Vec<Vec<Value>> = endpoints.chunks(PER_SLICE).map(<[Value]>::to_vec).collect();
    if chunks.is_empty() {
        // A Service without pods has one empty slice.
        chunks.push(Vec::new());
    }
    let mut known = own.into_iter();
    for chunk in chunks {
        let put = |slice: &mut Value| {
            let metadata = object::metadata_mut(slice);
            metadata.insert("labels".to_owned(), labels.clone().into());
            let map = object::map_mut(slice);
            map.insert("endpoints".to_owned(), chunk.clone().into());
            map.insert("ports".to_owned(), ports.clone().into());
        };
        if let Some(slice) = known.next() {
            let changed = world.edit(Kind::EndpointSlice, &slice, put);
            gone_is_fine(changed.map(|_| ()))?;
            continue;
        }
        let mut slice = json!({
            "metadata": {
                "generateName": format!("{name}-"),
                "ownerReferences": [field::owner_reference(service)],
            },
            "addressType": "IPv4",
        });
        put(&mut slice);
        world.create(Kind::EndpointSlice, namespace, slice, CONTROLLERS)?;
    }
    for surplus in known {
        world.delete(Kind::EndpointSlice, &surplus)?;
    }
    Ok(())
}

fn write_endpoints(service: &Object, pods: &[Object], world: &World) -> Result<(), Status> {
    let namespace = object::namespace(service).unwrap_or_default();
    let name = object::name(service);
    let (mut ready, mut unready) = (Vec::new(), Vec::new());
    for pod in pods.iter().filter(|p| !pods::is_terminating(p)) {
        let address = json!({
            "ip": field::text(pod, "/status/podIP"),
            "nodeName": field::text(pod, "/spec/nodeName"),
            "targetRef": reference(pod),
        });
        if published(service, pod) {
            ready.push(address);
        } else {
            unready.push(address);
        }
    }
    let mut subsets = Vec::new();
    if !ready.is_empty() || !unready.is_empty() {
        let mut subset = Map::new();
        for (field, list) in [("addresses", ready), ("notReadyAddresses", unready)] {
            if !list.is_empty() {
                subset.insert(field.to_owned(), list.into());
            }
        }
        let ports = ports(service, pods.first(), false);
        if !ports.is_empty() {
            subset.insert("ports".to_owned(), ports.into());
        }
        subsets.push(Value::Object(subset));
    }
    let mut labels = labels(service);
    let by = "endpoints.kubernetes.io/managed-by";
    labels.insert(by.to_owned(), "endpoint-controller".into());
    let put = |endpoints: &mut Value| {
        let metadata = object::metadata_mut(endpoints);
        metadata.insert("labels".to_owned(), labels.clone().into());
        let map = object::map_mut(endpoints);
        if subsets.is_empty() {
            map.remove("subsets");
        } else {
            map.insert("subsets".to_owned(), subsets.clone().into());
        }
    };
    if let Some(known) = world.get(Kind::Endpoints, &Key::new(namespace, name)) {
        return gone_is_fine(world.edit(Kind::Endpoints, &known, put).map(|_| ()));
    }
    let mut endpoints = json!({"metadata": {"name": name}});
    put(&mut endpoints);
    match world.create(Kind::Endpoints, namespace, endpoints, CONTROLLERS) {
        Err(status) if status.reason == "AlreadyExists" => Ok(()),
        other => other.map(|_| ()),
    }
}
