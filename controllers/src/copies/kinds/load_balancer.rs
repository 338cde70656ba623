//! Services and Ingresses: every address under which any member serves them.

use super::Figures as Kept;
use crate::copies::aggregate::Inputs;
use crate::pointer;
use serde_json::{Value, json};

/// What is kept of a copy: addresses, and nothing else of them, sorted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures(Vec<(String, String)>);

/// Most addresses that are kept of one copy.
const MOST: usize = 16;

pub(super) fn observe(object: &Value) -> Kept {
    let points = pointer::list(object, &["status", "loadBalancer", "ingress"]);
    let mut addresses: Vec<(String, String)> = points
        .iter()
        .take(MOST)
        .map(|point| {
            let text = |field: &str| pointer::text(point, &[field]).to_owned();
            (text("ip"), text("hostname"))
        })
        .collect();
    addresses.sort();
    Kept::LoadBalancer(Figures(addresses))
}

pub(super) fn aggregate(inputs: Inputs<'_>) -> Option<Value> {
    let kind = pointer::text(inputs.source, &["kind"]);
    let service_type = pointer::text(inputs.source, &["spec", "type"]);
    if kind == "Service" && service_type != "LoadBalancer" {
        return None;
    }
    let mut addresses: Vec<&(String, String)> = inputs
        .seen()
        .flat_map(|(_, observed)| match &observed.figures {
            Kept::LoadBalancer(Figures(addresses)) => addresses.as_slice(),
            _ => &[],
        })
        .collect();
    addresses.sort();
    addresses.dedup();
    let points: Vec<Value> = addresses
        .into_iter()
        .map(|(ip, hostname)| {
            let mut point = json!({});
            for (field, text) in [("ip", ip), ("hostname", hostname)] {
                if !text.is_empty() {
                    pointer::map_mut(&mut point, &[]).insert(field.into(), text.clone().into());
                }
            }
            if kind == "Service" && !ip.is_empty() {
                // The API server fills it in: without it the status would differ for ever.
                pointer::map_mut(&mut point, &[]).insert("ipMode".into(), "VIP".into());
            }
            point
        })
        .collect();
    let mut status = inputs.old_status();
    let balancer = if points.is_empty() {
        json!({})
    } else {
        json!({"ingress": points})
    };
    status.insert("loadBalancer".to_owned(), balancer);
    Some(status.into())
}
