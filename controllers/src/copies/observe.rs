//! What is kept of a member object: generations and the figures of its kind, never the object.

use super::kinds::{self, Figures};
use super::scale::{Scale, scale};
use crate::pointer;
use navarch_crds::keys::annotation;
use navarch_crds::v1alpha1::FederatedTypeConfigSpec;
use serde_json::Value;

/// A copy as it was last seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// `metadata.generation`.
    pub generation: i64,
    /// `status.observedGeneration`; `None` where the kind has none or nobody wrote it yet.
    pub observed_generation: Option<i64>,
    /// Generation of the template that the copy was made from.
    pub source_generation: Option<i64>,
    /// What its kind reports.
    pub figures: Figures,
    /// Its replicas, if those that find no room may move.
    pub scale: Option<Box<Scale>>,
}

impl Observed {
    /// The member's controllers have seen the copy as it is.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.observed_generation
            .is_none_or(|seen| seen >= self.generation)
    }

    /// The copy runs what it is to run and nothing beside it: no pods too many, none of an older template.
    #[must_use]
    pub fn runs_no_more_than_wanted(&self) -> bool {
        let pods = self.pods();
        self.is_current()
            && pods.is_none_or(|pods| pods.running <= pods.wanted)
            && !self.figures.has_old_pods()
    }
}

/// Reads a member object.
#[must_use]
pub fn observe(type_config: &FederatedTypeConfigSpec, object: &Value) -> Observed {
    let source_generation = pointer::text(
        object,
        &["metadata", "annotations", annotation::SOURCE_GENERATION],
    );
    Observed {
        generation: pointer::number(object, &["metadata", "generation"]).unwrap_or_default(),
        observed_generation: pointer::number(object, &["status", "observedGeneration"]),
        source_generation: source_generation.parse().ok(),
        figures: kinds::observe(type_config, object),
        scale: scale(type_config, object).map(Box::new),
    }
}
