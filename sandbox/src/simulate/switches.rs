//! What tests switch while a simulation runs: how pods behave, which nodes are down.

use super::options::Behaviour;
use crate::cluster::LabelSelector;
use crate::object;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};
use tokio::sync::Notify;

/// Which pods behave how.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Only in this namespace.
    pub namespace: Option<String>,
    /// Only pods with these labels.
    pub labels: LabelSelector,
    /// Only pods with an image that contains this.
    pub image: Option<String>,
    /// What they do.
    pub behaviour: Behaviour,
}

impl Rule {
    /// All pods.
    pub fn new(behaviour: Behaviour) -> Self {
        Self {
            namespace: None,
            labels: LabelSelector::default(),
            image: None,
            behaviour,
        }
    }

    fn covers(&self, pod: &Value) -> bool {
        let namespace = object::namespace(pod);
        let here = self
            .namespace
            .as_deref()
            .is_none_or(|n| Some(n) == namespace);
        let containers = pod.pointer("/spec/containers").and_then(Value::as_array);
        let image = |wanted: &String| {
            containers.into_iter().flatten().any(|c| {
                c.get("image")
                    .and_then(Value::as_str)
                    .is_some_and(|i| i.contains(wanted.as_str()))
            })
        };
        here && self.labels.matches(pod) && self.image.as_ref().is_none_or(image)
    }
}

/// Shared by the handle and the simulation.
#[derive(Debug, Default)]
pub(crate) struct Switches {
    rules: RwLock<Vec<Rule>>,
    down: RwLock<BTreeSet<String>>,
    /// Told when something was switched.
    pub(crate) switched: Notify,
}

impl Switches {
    pub(crate) fn add(&self, rule: Rule) {
        self.rules
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(rule);
        self.switched.notify_one();
    }

    pub(crate) fn clear(&self) {
        self.rules
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        self.switched.notify_one();
    }

    pub(crate) fn set_node(&self, node: &str, running: bool) {
        let mut down = self.down.write().unwrap_or_else(PoisonError::into_inner);
        if running {
            down.remove(node);
        } else {
            down.insert(node.to_owned());
        }
        self.switched.notify_one();
    }

    /// Whether the node was taken down.
    pub(crate) fn is_down(&self, node: &str) -> bool {
        self.down
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(node)
    }

    /// How the pod behaves: by the last rule that covers it, else by its annotation.
    pub(crate) fn behaviour(&self, pod: &Value) -> Behaviour {
        let rules = self.rules.read().unwrap_or_else(PoisonError::into_inner);
        let ruled = rules.iter().rev().find(|r| r.covers(pod));
        let own = || object::annotation(pod, super::BEHAVIOUR).and_then(Behaviour::parse);
        ruled
            .map(|r| r.behaviour)
            .or_else(own)
            .unwrap_or(Behaviour::Normal)
    }
}
