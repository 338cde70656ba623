//! Who is charged to which leaf. First by namespace, which many objects share and whose answer is worth keeping, then
//! by the object itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use navarch_crds::quota::QuotaSelector;
use navarch_crds::select::{Labels, labels_match};

use super::problem::{Problem, selector};
use super::tree::NodeId;

/// What quotas know of an object.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Its namespace; empty where it is in none.
    pub namespace: &'a str,
    /// The labels of its namespace in the host.
    pub namespace_labels: &'a Labels,
    /// The API group of its kind.
    pub group: &'a str,
    /// Its kind.
    pub kind: &'a str,
    /// Its own labels.
    pub labels: &'a Labels,
    /// The priority class of its pods; empty when there is none.
    pub priority_class: &'a str,
}

/// Leaves that may take the objects of one namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidates(Arc<[NodeId]>);

/// All selectors, found by what they ask of namespaces.
#[derive(Debug, Default)]
pub(super) struct Matching {
    selectors: BTreeMap<NodeId, Selector>,
    by_name: BTreeMap<String, Vec<NodeId>>,
    by_labels: Vec<NodeId>,
    anywhere: Vec<NodeId>,
}

#[derive(Debug)]
struct Selector {
    spec: QuotaSelector,
    /// Kind and group.
    kinds: Vec<(String, String)>,
    /// The labels that it asks of objects can be read.
    of_objects: bool,
}

impl Matching {
    /// Takes in a selector. What of it cannot be read is told and left out: the objects of its namespaces stay
    /// charged, so that none of them grows meanwhile. Only a selector of namespaces that cannot be read takes none,
    /// because it would have to take all.
    pub(super) fn add(&mut self, node: NodeId, spec: &QuotaSelector) -> Result<(), Problem> {
        let mut wrong = Ok(());
        let nobody = Labels::new();
        let mut readable = |field: &str, selected: &Option<_>| {
            let Err(error) = labels_match(selected.as_ref(), &nobody) else {
                return true;
            };
            wrong = Err(selector(field, &error.to_string()));
            false
        };
        let of_objects = readable("selector.objectSelector", &spec.object_selector);
        let of_namespaces = readable("selector.namespaceSelector", &spec.namespace_selector);
        let mut kinds = Vec::new();
        for text in &spec.kinds {
            let (kind, group) = text.split_once('.').unwrap_or((text, ""));
            if kind.is_empty() || text.contains('/') || (text.contains('.') && group.is_empty()) {
                let error = format!(
                    "{text:?} is no kind: write KIND.GROUP, for example Deployment.apps or ConfigMap"
                );
                wrong = Err(selector("selector.kinds", &error));
            } else {
                kinds.push((kind.to_owned(), group.to_owned()));
            }
        }
        for namespace in &spec.namespaces {
            let there = self.by_name.entry(namespace.clone()).or_default();
            there.push(node);
        }
        if spec.namespace_selector.is_some() {
            if of_namespaces {
                self.by_labels.push(node);
            }
        } else if spec.namespaces.is_empty() {
            self.anywhere.push(node);
        }
        let spec = spec.clone();
        self.selectors.insert(
            node,
            Selector {
                spec,
                kinds,
                of_objects,
            },
        );
        wrong
    }

    pub(super) fn in_namespace(&self, namespace: &str, labels: &Labels) -> Candidates {
        let selected = |node: &&NodeId| {
            let selector = self.selectors.get(*node);
            selector.is_some_and(|selector| {
                labels_match(selector.spec.namespace_selector.as_ref(), labels).unwrap_or(false)
            })
        };
        let mut nodes = self.by_name.get(namespace).cloned().unwrap_or_default();
        nodes.extend(self.by_labels.iter().filter(selected));
        nodes.extend(&self.anywhere);
        nodes.sort_unstable();
        nodes.dedup();
        Candidates(nodes.into())
    }

    pub(super) fn in_no_namespace(&self) -> Candidates {
        Candidates(self.anywhere.as_slice().into())
    }

    /// Those that take the object, in the order of nodes.
    pub(super) fn among(&self, candidates: &Candidates, subject: &Subject<'_>) -> Vec<NodeId> {
        let takes = |node: &NodeId| {
            let selector = self.selectors.get(node);
            selector.is_some_and(|selector| selector.takes(subject))
        };
        candidates
            .0
            .iter()
            .copied()
            .filter(|node| takes(node))
            .collect()
    }
}

impl Selector {
    fn takes(&self, subject: &Subject<'_>) -> bool {
        let kinds = || {
            let same =
                |(kind, group): &(String, String)| kind == subject.kind && group == subject.group;
            // Where no kind could be read, all may have been meant.
            self.kinds.is_empty() || self.kinds.iter().any(same)
        };
        let classes = &self.spec.priority_classes;
        let classes = || {
            let same = |class: &String| class == subject.priority_class;
            classes.is_empty() || classes.iter().any(same)
        };
        let labels = || match &self.spec.object_selector {
            selector @ Some(_) if self.of_objects => {
                labels_match(selector.as_ref(), subject.labels).unwrap_or(false)
            }
            _ => true,
        };
        kinds() && classes() && labels()
    }
}
