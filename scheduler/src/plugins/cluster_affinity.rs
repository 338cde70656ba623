//! Filter and score `ClusterAffinity`: the cluster selector, required terms and preferred terms.

use crate::framework::signature::Signature;
use crate::framework::traits::{ClusterContext, Filter, Normalise, Plugin, Score};
use crate::selector::{Labels, any_matches};
use crate::unit::Unit;
use crate::verdict::{PluginError, Reason, Verdict, Wake};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct ClusterAffinity;

const WAKES: &[Wake] = &[Wake::ClusterLabels];

impl Plugin for ClusterAffinity {
    fn wakes(&self) -> &'static [Wake] {
        WAKES
    }

    fn signature(&self, unit: &Unit) -> Option<Signature> {
        Some(Signature::of(&(&unit.selector, &unit.affinity)))
    }
}

impl Filter for ClusterAffinity {
    fn filter(&self, context: &ClusterContext<'_>) -> Verdict {
        let labels = &context.labels();
        let selector = &context.unit.selector;
        if !selector
            .iter()
            .all(|(key, value)| labels.label(key) == Some(value))
        {
            return Verdict::NotNow(Reason::SelectorMismatch, WAKES);
        }
        let Some(terms) = &context.unit.affinity.required else {
            return Verdict::Fits;
        };
        match any_matches(terms, context.name().as_str(), labels) {
            Ok(true) => Verdict::Fits,
            Ok(false) => Verdict::NotNow(Reason::AffinityMismatch, WAKES),
            // KubeAdmiral refuses the cluster; here a mistyped term must not withdraw the object.
            Err(error) => Verdict::Broken(error),
        }
    }
}

impl Score for ClusterAffinity {
    fn score(&self, context: &ClusterContext<'_>) -> Result<i64, PluginError> {
        let mut score = 0_i64;
        for (weight, term) in &context.unit.affinity.preferred {
            if *weight != 0 && term.labels_match(&context.labels())? {
                score = score.saturating_add(*weight);
            }
        }
        Ok(score)
    }

    fn normalise(&self) -> Normalise {
        Normalise::Upward
    }
}

#[cfg(test)]
#[path = "cluster_affinity_tests.rs"]
mod tests;
