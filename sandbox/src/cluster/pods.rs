//! What only pods have: binding to a node, and eviction under disruption budgets.

use super::update::Fields;
use super::{Cluster, DeleteOptions, Deleted, LabelSelector, ListOptions, WriteOptions};
use crate::object::{self, Gvr, Object};
use crate::status::{Cause, Status};
use serde_json::{Value, json};

fn pods() -> Gvr {
    Gvr::new("", "v1", "pods")
}

impl Cluster {
    /// Puts a pod on a node.
    pub fn bind(
        &self,
        namespace: &str,
        name: &str,
        node: &str,
        options: &WriteOptions,
    ) -> Result<Object, Status> {
        let info = self.resource(&pods())?;
        let refuse = |why: String| Status::conflict("", "pods/binding", name, &why);
        // A real server writes no managed fields for a binding: they stay as they are.
        let written = self.change(&info, namespace, name, options, Fields::Applied, |pod| {
            let bound = pod
                .pointer("/spec/nodeName")
                .and_then(Value::as_str)
                .unwrap_or_default();
            if object::deletion_timestamp(pod).is_some() {
                return Err(refuse(format!(
                    "pod {name} is being deleted, cannot be assigned to a host"
                )));
            }
            if !bound.is_empty() {
                return Err(refuse(format!(
                    "pod {name} is already assigned to node \"{bound}\""
                )));
            }
            let mut new = Value::clone(pod);
            object::field_mut(&mut new, "spec").insert("nodeName".into(), node.into());
            let scheduled = json!({
                "type": "PodScheduled", "status": "True",
                "lastProbeTime": null, "lastTransitionTime": object::now(),
            });
            let status = object::field_mut(&mut new, "status");
            let conditions = status.entry("conditions").or_insert_with(|| json!([]));
            if let Some(conditions) = conditions.as_array_mut() {
                conditions.retain(|c| c.get("type") != Some(&json!("PodScheduled")));
                conditions.push(scheduled);
            }
            Ok(new)
        })?;
        Ok(written.object)
    }

    /// Deletes a pod unless a disruption budget forbids it.
    pub fn evict(
        &self,
        namespace: &str,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<Deleted, Status> {
        let pod = self.get(&pods(), namespace, name)?;
        if counts(&pod) {
            self.spend_budget(namespace, &pod, options.dry_run)?;
        }
        self.delete(&pods(), namespace, name, options)
    }

    fn spend_budget(&self, namespace: &str, pod: &Object, dry_run: bool) -> Result<(), Status> {
        let budgets = Gvr::new("policy", "v1", "poddisruptionbudgets");
        let listed = self.list(&budgets, namespace, &ListOptions::default())?;
        let covers = |budget: &&Object| {
            let selector = budget.pointer("/spec/selector");
            selector.is_some_and(|s| LabelSelector::from_object(s).matches(pod))
        };
        for budget in listed.items.iter().filter(covers) {
            let number = |field: &str| {
                budget
                    .pointer(&format!("/status/{field}"))
                    .and_then(Value::as_i64)
                    .unwrap_or(0)
            };
            if number("disruptionsAllowed") < 1 {
                let budget = object::name(budget);
                let message = format!(
                    "The disruption budget {budget} needs {} healthy pods and has {} currently",
                    number("desiredHealthy"),
                    number("currentHealthy")
                );
                let mut status = Status::too_many_requests(
                    "Cannot evict pod as it would violate the pod's disruption budget.",
                );
                let (reason, field) = ("DisruptionBudget".to_owned(), String::new());
                status.add_causes(&[Cause {
                    reason,
                    message,
                    field,
                }]);
                return Err(status);
            }
            if !dry_run {
                self.spend(&budgets, namespace, object::name(budget), object::name(pod))?;
            }
        }
        Ok(())
    }

    fn spend(&self, budgets: &Gvr, namespace: &str, budget: &str, pod: &str) -> Result<(), Status> {
        let options = WriteOptions::by("kube-apiserver").to("status");
        self.mutate(budgets, namespace, budget, &options, |budget| {
            let status = object::field_mut(budget, "status");
            let left = status
                .get("disruptionsAllowed")
                .and_then(Value::as_i64)
                .unwrap_or(0)
                - 1;
            status.insert("disruptionsAllowed".into(), json!(left.max(0)));
            let disrupted = status.entry("disruptedPods").or_insert_with(|| json!({}));
            object::map_mut(disrupted).insert(pod.to_owned(), object::now().into());
            Ok(())
        })?;
        Ok(())
    }
}

/// Whether a pod counts for disruption budgets: it runs or may run, and is not on its way out.
fn counts(pod: &Value) -> bool {
    let phase = pod
        .pointer("/status/phase")
        .and_then(Value::as_str)
        .unwrap_or_default();
    !matches!(phase, "Pending" | "Succeeded" | "Failed")
        && object::deletion_timestamp(pod).is_none()
}
