//! Filter and score `TaintToleration`: taints that the policy does not tolerate. A cluster that runs
//! the object already is only left because of `NoExecute`.

use crate::framework::signature::Signature;
use crate::framework::traits::{ClusterContext, Filter, Normalise, Plugin, Score};
use crate::toleration::{NO_EXECUTE, NO_SCHEDULE, PREFER_NO_SCHEDULE, tolerated};
use crate::unit::Unit;
use crate::verdict::{PluginError, Reason, Verdict, Wake};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct TaintToleration;

impl Plugin for TaintToleration {
    fn wakes(&self) -> &'static [Wake] {
        &[Wake::ClusterTaints]
    }

    fn signature(&self, unit: &Unit) -> Option<Signature> {
        Some(Signature::of(&unit.tolerations))
    }
}

impl Filter for TaintToleration {
    fn filter(&self, context: &ClusterContext<'_>) -> Verdict {
        let tolerations = &context.unit.tolerations;
        let untolerated = context.taints().iter().find(|taint| {
            let drives_out = taint.effect == NO_EXECUTE;
            (drives_out || taint.effect == NO_SCHEDULE)
                && !tolerated(tolerations, taint)
                && (drives_out || !context.is_scheduled())
        });
        match untolerated {
            None => Verdict::Fits,
            Some(taint) => Verdict::NotNow(
                Reason::UntoleratedTaint(taint.clone()),
                &[Wake::ClusterTaints],
            ),
        }
    }
}

impl Score for TaintToleration {
    fn score(&self, context: &ClusterContext<'_>) -> Result<i64, PluginError> {
        let unwanted = context.taints().iter().filter(|taint| {
            taint.effect == PREFER_NO_SCHEDULE
                && !context.unit.tolerations.iter().any(|toleration| {
                    (toleration.effect.is_empty() || toleration.effect == PREFER_NO_SCHEDULE)
                        && toleration.tolerates(taint)
                })
        });
        Ok(i64::try_from(unwanted.count()).unwrap_or(i64::MAX))
    }

    fn normalise(&self) -> Normalise {
        Normalise::Downward
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::fixtures::{check_filter, cluster, scores, toleration, unit};

    #[test]
    fn untolerated_taints_keep_objects_away() {
        let tainted = |effect: &str| cluster("c").taint("k", "v", effect).build();
        let tolerant = unit().tolerate(toleration("k", "Equal", "v", "")).build();
        let placed = unit().current("c", None).build();
        for (name, cluster, unit, fits) in [
            ("no taint", cluster("c").build(), unit().build(), true),
            ("NoSchedule", tainted(NO_SCHEDULE), unit().build(), false),
            ("NoExecute", tainted(NO_EXECUTE), unit().build(), false),
            (
                "PreferNoSchedule only scores",
                tainted(PREFER_NO_SCHEDULE),
                unit().build(),
                true,
            ),
            ("tolerated", tainted(NO_SCHEDULE), tolerant.clone(), true),
            ("tolerated NoExecute", tainted(NO_EXECUTE), tolerant, true),
            (
                "NoSchedule where it runs",
                tainted(NO_SCHEDULE),
                placed.clone(),
                true,
            ),
            (
                "NoExecute where it runs",
                tainted(NO_EXECUTE),
                placed,
                false,
            ),
        ] {
            check_filter(name, &TaintToleration, &unit, &cluster, fits);
        }
    }

    #[test]
    fn fewer_unwanted_taints_score_higher() {
        let clusters = [
            cluster("none").build(),
            cluster("one").taint("a", "", PREFER_NO_SCHEDULE).build(),
            cluster("two")
                .taint("a", "", PREFER_NO_SCHEDULE)
                .taint("b", "", PREFER_NO_SCHEDULE)
                .build(),
        ];
        let wrong_effect = unit()
            .tolerate(toleration("", "Exists", "", NO_EXECUTE))
            .build();
        let tolerates_b = unit().tolerate(toleration("b", "Exists", "", "")).build();
        for (name, unit, expected) in [
            ("nothing tolerated", unit().build(), [100, 50, 0]),
            ("another effect does not count", wrong_effect, [100, 50, 0]),
            ("one tolerated", tolerates_b, [100, 0, 0]),
        ] {
            assert_eq!(
                scores(&TaintToleration, &unit, &clusters),
                expected,
                "{name}"
            );
        }
    }
}
