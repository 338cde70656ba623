//! Whose a waiting pod is. The workload's label selector finds its pods, as it does for every kind; the pod's owner
//! confirms it, because selectors of two workloads may overlap, and a pod that counts for both makes both grow without
//! end (kubewharf/kubeadmiral#96).

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use navarch_crds::select::labels_match;
use navarch_crds::v1alpha1::FederatedTypeConfigSpec;
use serde_json::Value;

use crate::fleet::waiting::{Origin, Owner};
use crate::pointer;

/// Where a type config that does not say has its selector.
const USUAL_PATH: &str = "spec.selector";
/// On the pods of a Deployment, and at the end of the name of their ReplicaSet.
const TEMPLATE_HASH: &str = "pod-template-hash";

/// A workload, as far as its pods are recognised by it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Workload {
    group: String,
    kind: String,
    name: String,
    /// `None`: only the copy in the member tells.
    selector: Option<LabelSelector>,
}

impl Workload {
    /// Of a template. Copies have the selector of their template; it cannot be changed later.
    pub(crate) fn new(type_config: &FederatedTypeConfigSpec, template: &Value) -> Self {
        let source = &type_config.source_type;
        let path = match type_config.path_definition.label_selector.as_str() {
            "" => USUAL_PATH,
            path => path,
        };
        Self {
            group: source.group.clone(),
            kind: source.kind.clone(),
            name: pointer::text(template, &["metadata", "name"]).to_owned(),
            selector: pointer::at_dots(template, path).and_then(read),
        }
    }

    /// Whether a pod of this origin is one of its replicas. `written`: the selector that the member wrote into the
    /// copy.
    pub(crate) fn owns(&self, origin: &Origin, written: Option<&str>) -> bool {
        let owner = origin.owner.as_ref();
        if owner.is_some_and(|owner| self.is(owner)) {
            return true;
        }
        if !self.selects(origin, written) {
            return false;
        }
        match owner {
            Some(owner) if self.group == "apps" && self.kind == "Deployment" => {
                let hash = origin.labels.get(TEMPLATE_HASH);
                owner.kind == "ReplicaSet"
                    && hash.is_some_and(|hash| owner.name == format!("{}-{hash}", self.name))
            }
            // The other workloads of Kubernetes own their pods themselves.
            _ if matches!(self.group.as_str(), "" | "apps" | "batch") => false,
            // What stands between a custom resource and its pods has its name from it.
            Some(owner) => {
                let rest = owner.name.strip_prefix(&self.name);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
            }
            None => true,
        }
    }

    /// Pods of which origin were made from the same template.
    pub(crate) fn template_of(origin: &Origin) -> Option<&str> {
        origin.labels.get(TEMPLATE_HASH).map(String::as_str)
    }

    fn is(&self, owner: &Owner) -> bool {
        owner.group == self.group && owner.kind == self.kind && owner.name == self.name
    }

    fn selects(&self, origin: &Origin, written: Option<&str>) -> bool {
        let parsed;
        let selector = match (&self.selector, written) {
            (Some(selector), _) => selector,
            (None, Some(text)) => {
                let Some(read) = parse(text) else {
                    return false;
                };
                parsed = read;
                &parsed
            }
            (None, None) => return false,
        };
        !is_empty(selector) && labels_match(Some(selector), &origin.labels).unwrap_or(false)
    }
}

/// It would select every pod there is.
fn is_empty(selector: &LabelSelector) -> bool {
    let labels = selector.match_labels.as_ref();
    let expressions = selector.match_expressions.as_ref();
    labels.is_none_or(|labels| labels.is_empty()) && expressions.is_none_or(Vec::is_empty)
}

/// A selector as a workload has it: of both parts, a plain map, or a text.
fn read(value: &Value) -> Option<LabelSelector> {
    if let Some(text) = value.as_str() {
        return parse(text);
    }
    let map = value.as_object()?;
    if map.contains_key("matchLabels") || map.contains_key("matchExpressions") {
        return serde_json::from_value(value.clone()).ok();
    }
    Some(LabelSelector {
        match_labels: serde_json::from_value(value.clone()).ok()?,
        ..LabelSelector::default()
    })
}

/// A selector as a text, as `status.selector` of the subresource `scale` and query parameters have it
/// (`k8s.io/apimachinery/pkg/labels`).
fn parse(text: &str) -> Option<LabelSelector> {
    let requirements = split(text).into_iter().map(requirement);
    Some(LabelSelector {
        match_expressions: Some(requirements.collect::<Option<_>>()?),
        ..LabelSelector::default()
    })
}

/// At the commas that stand in no brackets.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    let parts = text.split(|letter: char| {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        letter == ',' && depth == 0
    });
    let parts = parts.map(str::trim);
    parts.filter(|part| !part.is_empty()).collect()
}

fn requirement(text: &str) -> Option<LabelSelectorRequirement> {
    let made = |key: &str, operator: &str, values: Option<Vec<String>>| {
        let key = key.trim().to_owned();
        let plain = !key.is_empty() && !key.contains([' ', '(', ')', '=', '!', '>', '<']);
        plain.then(|| LabelSelectorRequirement {
            key,
            operator: operator.to_owned(),
            values,
        })
    };
    let one = |value: &str| Some(vec![value.trim().to_owned()]);
    if let Some(key) = text.strip_prefix('!') {
        return made(key, "DoesNotExist", None);
    }
    if let Some((key, value)) = text.split_once("!=") {
        return made(key, "NotIn", one(value));
    }
    if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return made(key, "In", one(value));
    }
    let Some((head, values)) = text.split_once('(') else {
        return made(text, "Exists", None);
    };
    let values = values.strip_suffix(')')?;
    let values = values.split(',').map(|value| value.trim().to_owned());
    let (key, operator) = head.trim().rsplit_once(' ')?;
    match operator {
        "in" => made(key, "In", Some(values.collect())),
        "notin" => made(key, "NotIn", Some(values.collect())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn workload(group: &str, kind: &str, path: &str, selector: &Value) -> Workload {
        let config = json!({ "sourceType": { "group": group, "version": "v1", "kind": kind },
            "pathDefinition": { "labelSelector": path } });
        let template = json!({ "metadata": { "name": "web" }, "spec": { "selector": selector } });
        Workload::new(&serde_json::from_value(config).unwrap(), &template)
    }

    fn origin(labels: &Value, owner: Option<[&str; 3]>) -> Origin {
        Origin {
            labels: serde_json::from_value(labels.clone()).unwrap(),
            owner: owner.map(|[group, kind, name]| Owner {
                group: group.to_owned(),
                kind: kind.to_owned(),
                name: name.to_owned(),
            }),
        }
    }

    type Row<'a> = (&'a str, &'a Workload, &'a Value, Option<[&'a str; 3]>, bool);

    fn check(rows: &[Row<'_>]) {
        for (name, workload, labels, owner, expected) in rows {
            let found = workload.owns(&origin(labels, *owner), None);
            assert_eq!(found, *expected, "{name}");
        }
    }

    #[test]
    fn pods_are_found_by_the_selector_and_confirmed_by_their_owner() {
        let web = json!({ "matchLabels": { "app": "web" } });
        let labels = json!({ "app": "web", "pod-template-hash": "7f" });
        let deployment = workload("apps", "Deployment", "spec.selector", &web);
        let set = workload("apps", "StatefulSet", "", &web);
        let other = json!({ "app": "other", "pod-template-hash": "7f" });
        check(&[
            (
                "its ReplicaSet's",
                &deployment,
                &labels,
                Some(["apps", "ReplicaSet", "web-7f"]),
                true,
            ),
            (
                "selectors overlap",
                &deployment,
                &labels,
                Some(["apps", "ReplicaSet", "shop-7f"]),
                false,
            ),
            (
                "a longer name",
                &deployment,
                &labels,
                Some(["apps", "ReplicaSet", "web-eu-7f"]),
                false,
            ),
            (
                "not selected",
                &deployment,
                &other,
                Some(["apps", "ReplicaSet", "web-7f"]),
                false,
            ),
            (
                "a Job's",
                &deployment,
                &labels,
                Some(["batch", "Job", "web"]),
                false,
            ),
            ("nobody's", &deployment, &labels, None, false),
            (
                "a set's own",
                &set,
                &labels,
                Some(["apps", "StatefulSet", "web"]),
                true,
            ),
            (
                "another set's",
                &set,
                &labels,
                Some(["apps", "StatefulSet", "web-eu"]),
                false,
            ),
        ]);
    }

    #[test]
    fn pods_of_jobs_and_of_other_kinds_are_found_by_what_they_have() {
        let labels = json!({ "app": "web", "pod-template-hash": "7f" });
        let job = workload("batch", "Job", "", &json!(null));
        let fleet = workload("ships.example.com", "Fleet", "", &json!({ "app": "web" }));
        check(&[
            (
                "a job's own",
                &job,
                &json!({}),
                Some(["batch", "Job", "web"]),
                true,
            ),
            (
                "of another group",
                &job,
                &json!({}),
                Some(["volcano", "Job", "web"]),
                false,
            ),
            (
                "a resource's own",
                &fleet,
                &json!({}),
                Some(["ships.example.com", "Fleet", "web"]),
                true,
            ),
            (
                "below what it made",
                &fleet,
                &labels,
                Some(["apps", "ReplicaSet", "web-7f"]),
                true,
            ),
            (
                "below what another made",
                &fleet,
                &labels,
                Some(["apps", "ReplicaSet", "website-7f"]),
                false,
            ),
            ("selected and free", &fleet, &labels, None, true),
        ]);
    }

    #[test]
    fn what_selects_everything_selects_nothing() {
        for selector in [
            json!({}),
            json!({ "matchLabels": {} }),
            json!(""),
            json!(null),
        ] {
            let fleet = workload("ships.example.com", "Fleet", "", &selector);
            assert!(
                !fleet.owns(&origin(&json!({ "a": "b" }), None), None),
                "{selector}"
            );
        }
    }

    #[test]
    fn a_selector_that_the_member_writes_is_read_from_the_copy() {
        let fleet = workload(
            "ships.example.com",
            "Fleet",
            "status.selector",
            &json!(null),
        );
        let origin = origin(&json!({ "app": "web", "tier": "b" }), None);
        for (written, expected) in [
            (None, false),
            (Some("app=web"), true),
            (Some("app==web, tier in (a,b)"), true),
            (Some("tier notin (a, b)"), false),
            (Some("app,!gone,tier!=c"), true),
            (Some("app=shop"), false),
            (Some("tier around (a)"), false),
            (Some("in (a)"), false),
            (Some(""), false),
        ] {
            assert_eq!(fleet.owns(&origin, written), expected, "{written:?}");
        }
    }
}
