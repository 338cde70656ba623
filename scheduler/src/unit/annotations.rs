//! Annotations on an object that take the place of what its policy says. Reading only; whoever calls
//! decides what to do with what could not be read.

use std::collections::{BTreeMap, BTreeSet};

use navarch_crds::keys::annotation;
use navarch_crds::v1alpha1::{self, ClusterSelectorTerm, DesiredPlacement};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Ignored;
use crate::policy::{Affinity, Mode, NamedClusters, toleration};
use crate::selector::Term;
use crate::toleration::Toleration;

/// What the annotations say; `None` is nothing, or nothing that can be read.
#[derive(Debug, Default)]
pub(super) struct Own {
    pub(super) mode: Option<Mode>,
    pub(super) sticky: Option<bool>,
    pub(super) selector: Option<BTreeMap<String, String>>,
    pub(super) affinity: Option<Affinity>,
    pub(super) tolerations: Option<Vec<Toleration>>,
    pub(super) max_clusters: Option<i64>,
    pub(super) names: Option<BTreeSet<String>>,
    pub(super) min: Option<BTreeMap<String, i64>>,
    pub(super) max: Option<BTreeMap<String, i64>>,
    pub(super) weights: Option<BTreeMap<String, i64>>,
    pub(super) priorities: Option<BTreeMap<String, i64>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawAffinity {
    cluster_affinity: Option<RawClusterAffinity>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawClusterAffinity {
    required_during_scheduling_ignored_during_execution: Option<RawSelector>,
    preferred_during_scheduling_ignored_during_execution: Option<Vec<RawPreference>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawSelector {
    cluster_selector_terms: Option<Vec<ClusterSelectorTerm>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawPreference {
    weight: i32,
    preference: ClusterSelectorTerm,
}

/// Only the name, so that names hold where the rest of an entry cannot be read.
#[derive(Default, Deserialize)]
#[serde(default)]
struct RawName {
    cluster: String,
}

pub(super) fn read(annotations: &BTreeMap<String, String>, ignored: &mut Vec<Ignored>) -> Own {
    let mut reader = Reader {
        annotations,
        ignored,
    };
    let mut own = Own {
        mode: reader.choice(
            annotation::SCHEDULING_MODE,
            [("Duplicate", Mode::Duplicate), ("Divide", Mode::Divide)],
        ),
        sticky: reader.choice(
            annotation::STICKY_CLUSTER,
            [("true", true), ("false", false)],
        ),
        selector: reader.json(annotation::CLUSTER_SELECTOR),
        affinity: reader.json(annotation::AFFINITY).map(affinity),
        tolerations: reader
            .json(annotation::TOLERATIONS)
            .map(|raw: Vec<v1alpha1::Toleration>| raw.iter().map(toleration).collect()),
        max_clusters: reader.max_clusters(),
        ..Own::default()
    };
    reader.placements(&mut own);
    own
}

struct Reader<'a> {
    annotations: &'a BTreeMap<String, String>,
    ignored: &'a mut Vec<Ignored>,
}

impl Reader<'_> {
    fn ignore(&mut self, annotation: &'static str, message: impl Into<String>) {
        self.ignored.push(Ignored {
            annotation,
            message: message.into(),
        });
    }

    fn choice<T>(&mut self, annotation: &'static str, choices: [(&str, T); 2]) -> Option<T> {
        let value = self.annotations.get(annotation)?;
        let known = choices
            .each_ref()
            .map(|(text, _)| format!("{text:?}"))
            .join(" or ");
        let found = choices.into_iter().find(|(text, _)| text == value);
        if found.is_none() {
            self.ignore(annotation, format!("it has to be {known}"));
        }
        found.map(|(_, choice)| choice)
    }

    /// JSON; `null` is empty, as Go reads it.
    fn json<T: DeserializeOwned + Default>(&mut self, annotation: &'static str) -> Option<T> {
        let text = self.annotations.get(annotation)?;
        match serde_json::from_str::<Option<T>>(text) {
            Ok(value) => Some(value.unwrap_or_default()),
            Err(error) => {
                self.ignore(annotation, error.to_string());
                None
            }
        }
    }

    fn max_clusters(&mut self) -> Option<i64> {
        let text = self.annotations.get(annotation::MAX_CLUSTERS)?;
        let most = text.parse::<i64>().ok().filter(|most| *most >= 0);
        if most.is_none() {
            self.ignore(
                annotation::MAX_CLUSTERS,
                "it has to be a whole number, 0 or more",
            );
        }
        most
    }

    /// Names and the four wishes are read each on its own: where one of them cannot be used, the
    /// policy's holds for that one only.
    fn placements(&mut self, own: &mut Own) {
        let key = annotation::PLACEMENTS;
        let Some(text) = self.annotations.get(key) else {
            return;
        };
        if let Ok(names) = serde_json::from_str::<Option<Vec<RawName>>>(text) {
            own.names = Some(
                names
                    .into_iter()
                    .flatten()
                    .map(|entry: RawName| entry.cluster)
                    .collect(),
            );
        }
        let Some(entries) = self.json::<Vec<DesiredPlacement>>(key) else {
            return;
        };
        let named = NamedClusters::read(&entries);
        for (what, facet, place) in [
            ("minReplicas", named.min, &mut own.min),
            ("maxReplicas", named.max, &mut own.max),
            ("weight", named.weights, &mut own.weights),
            ("priority", named.priorities, &mut own.priorities),
        ] {
            match facet.iter().find(|(_, value)| **value < 0) {
                None => *place = Some(facet),
                Some((cluster, value)) => {
                    let message = format!("{what} of cluster {cluster:?} is {value}, below 0");
                    self.ignored.push(Ignored {
                        annotation: key,
                        message,
                    });
                }
            }
        }
    }
}

fn affinity(raw: RawAffinity) -> Affinity {
    let Some(raw) = raw.cluster_affinity else {
        return Affinity::default();
    };
    let required = raw
        .required_during_scheduling_ignored_during_execution
        .map(|selector| {
            let terms = selector.cluster_selector_terms.unwrap_or_default();
            terms.iter().map(Term::new).collect()
        });
    let preferred = raw
        .preferred_during_scheduling_ignored_during_execution
        .unwrap_or_default();
    let preferred = preferred
        .iter()
        .map(|entry| (i64::from(entry.weight), Term::new(&entry.preference)))
        .collect();
    Affinity {
        required,
        preferred,
    }
}
