//! Whether a pod may run on a node at all: cordons, taints, node selectors and required node affinity.

use crate::object;
use crate::simulate::field;
use serde_json::Value;

/// Why a node does not take a pod.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// In the words of kube-scheduler.
    pub(crate) reasons: Vec<String>,
    /// Whether the removal of other pods would not help.
    pub(crate) hopeless: bool,
}

impl Refusal {
    /// One that no other pod's removal changes.
    pub(crate) fn hopeless(reason: String) -> Self {
        Self {
            reasons: vec![reason],
            hopeless: true,
        }
    }
}

/// The first reason against the node, in the order of kube-scheduler's filters.
pub(crate) fn refusal(pod: &Value, node: &Value) -> Option<String> {
    let tolerations = field::list(pod, "/spec/tolerations");
    let cordoned = field::flag(node, "/spec/unschedulable");
    if cordoned
        && !tolerates(
            tolerations,
            "node.kubernetes.io/unschedulable",
            "",
            "NoSchedule",
        )
    {
        return Some("node(s) were unschedulable".to_owned());
    }
    if let Some(taint) = untolerated(tolerations, node, &["NoSchedule", "NoExecute"]) {
        let key = field::text(taint, "/key");
        let value = field::text(taint, "/value");
        return Some(format!("node(s) had untolerated taint {{{key}: {value}}}"));
    }
    if !selects_node(pod, node) {
        return Some("node(s) didn't match Pod's node affinity/selector".to_owned());
    }
    None
}

/// The first taint with one of these effects that is not tolerated.
pub(crate) fn untolerated<'a>(
    tolerations: &[Value],
    node: &'a Value,
    effects: &[&str],
) -> Option<&'a Value> {
    let taints = field::list(node, "/spec/taints").iter();
    let mut relevant = taints.filter(|t| effects.contains(&field::text(t, "/effect")));
    relevant.find(|taint| {
        let text = |path| field::text(taint, path);
        !tolerates(tolerations, text("/key"), text("/value"), text("/effect"))
    })
}

fn tolerates(tolerations: &[Value], key: &str, value: &str, effect: &str) -> bool {
    tolerations.iter().any(|toleration| {
        let text = |path| field::text(toleration, path);
        let own = text("/effect");
        if !own.is_empty() && own != effect {
            return false;
        }
        match text("/operator") {
            "Exists" => text("/key").is_empty() || text("/key") == key,
            _ => text("/key") == key && text("/value") == value,
        }
    })
}

/// Whether node selector and required node affinity of a pod (or pod template) match.
pub(crate) fn selects_node(pod: &Value, node: &Value) -> bool {
    let selector = pod.pointer("/spec/nodeSelector").and_then(Value::as_object);
    let mut wanted = selector.into_iter().flatten();
    if !wanted.all(|(key, value)| object::label(node, key) == value.as_str()) {
        return false;
    }
    let path = "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
    match pod.pointer(path).and_then(Value::as_array) {
        None => true,
        Some(terms) => terms.iter().any(|term| term_matches(term, node)),
    }
}

/// A term without any requirement matches nothing.
fn term_matches(term: &Value, node: &Value) -> bool {
    let expressions = field::list(term, "/matchExpressions");
    let fields = field::list(term, "/matchFields");
    if expressions.is_empty() && fields.is_empty() {
        return false;
    }
    let name = object::name(node);
    let by_label = |e: &Value| requirement(e, object::label(node, field::text(e, "/key")));
    let by_field = |e: &Value| {
        let known = field::text(e, "/key") == "metadata.name";
        requirement(e, known.then_some(name))
    };
    expressions.iter().all(by_label) && fields.iter().all(by_field)
}

fn requirement(expression: &Value, value: Option<&str>) -> bool {
    let listed = || {
        let values = field::list(expression, "/values").iter();
        let mut values = values.filter_map(Value::as_str);
        value.is_some_and(|value| values.any(|v| v == value))
    };
    let compared = |wanted: std::cmp::Ordering| {
        let bound = field::list(expression, "/values").first();
        let bound: Option<i64> = bound.and_then(Value::as_str).and_then(|v| v.parse().ok());
        let own: Option<i64> = value.and_then(|v| v.parse().ok());
        matches!((own, bound), (Some(own), Some(bound)) if own.cmp(&bound) == wanted)
    };
    match field::text(expression, "/operator") {
        "In" => listed(),
        "NotIn" => !listed(),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => compared(std::cmp::Ordering::Greater),
        "Lt" => compared(std::cmp::Ordering::Less),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn affinity(terms: &Value) -> Value {
        json!({"spec": {"affinity": {"nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}}})
    }

    fn table() -> Vec<(&'static str, Value, Value, Option<&'static str>)> {
        let node = json!({
            "metadata": {"name": "n"},
            "spec": {"taints": [{"key": "team", "value": "blue", "effect": "NoSchedule"}]},
        });
        let free = json!({"metadata": {"name": "n", "labels": {"disk": "ssd", "cores": "8"}}});
        let cordoned = json!({"metadata": {"name": "n"}, "spec": {"unschedulable": true}});
        let plain = json!({"spec": {}});
        let tolerating = |t: Value| json!({"spec": {"tolerations": [t]}});
        let selecting = json!({"spec": {"nodeSelector": {"disk": "hdd"}}});
        let affine = |key: &str, operator: &str, values: &[&str]| {
            let e = json!({"key": key, "operator": operator, "values": values});
            affinity(&json!([{"matchExpressions": [e]}]))
        };
        let by_key = tolerating(json!({"key": "team", "operator": "Exists"}));
        let by_value = tolerating(json!({"key": "team", "value": "blue"}));
        let by_all = tolerating(json!({"operator": "Exists"}));
        let tainted = Some("node(s) had untolerated taint {team: blue}");
        let unschedulable = Some("node(s) were unschedulable");
        let unmatched = Some("node(s) didn't match Pod's node affinity/selector");
        vec![
            ("a taint", plain.clone(), node.clone(), tainted),
            ("tolerated by key", by_key, node.clone(), None),
            ("tolerated by value", by_value, node.clone(), None),
            ("everything tolerated", by_all, node, None),
            ("a cordon", plain, cordoned, unschedulable),
            ("a selector", selecting, free.clone(), unmatched),
            ("in", affine("disk", "In", &["ssd"]), free.clone(), None),
            ("greater", affine("cores", "Gt", &["4"]), free.clone(), None),
            (
                "less",
                affine("cores", "Lt", &["4"]),
                free.clone(),
                unmatched,
            ),
            (
                "absent",
                affine("disk", "DoesNotExist", &[]),
                free.clone(),
                unmatched,
            ),
            ("an empty term", affinity(&json!([{}])), free, unmatched),
        ]
    }

    #[test]
    fn nodes_are_refused_for_what_kube_scheduler_says() {
        for (name, pod, node, wanted) in table() {
            assert_eq!(refusal(&pod, &node).as_deref(), wanted, "{name}");
        }
    }
}
