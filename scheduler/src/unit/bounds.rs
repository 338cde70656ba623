//! What annotations of an object may do to what its policy says, where the control plane sets bounds
//! to it. Whoever may write an object is often not the one who wrote the policy.

use std::collections::{BTreeMap, BTreeSet};

use navarch_crds::keys::annotation;

use super::Ignored;
use super::annotations::Own;
use crate::policy::{Affinity, CheckedPolicy, Mode};
use crate::selector::Term;
use crate::toleration::{Operator, Toleration};

/// What annotations of an object may do to what its policy says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ObjectOverrides {
    /// They take its place, as in KubeAdmiral.
    #[default]
    Allow,
    /// They count where the placement can only become smaller by them: fewer clusters, tighter limits,
    /// fewer tolerations.
    Narrow,
    /// They do not count.
    Deny,
}

/// Takes away what the setting does not let through and notes why. What says the same as the policy
/// is never refused.
pub(super) fn apply(
    setting: ObjectOverrides,
    own: &mut Own,
    policy: &CheckedPolicy,
    ignored: &mut Vec<Ignored>,
) {
    let narrows = match setting {
        ObjectOverrides::Allow => return,
        ObjectOverrides::Narrow => true,
        ObjectOverrides::Deny => false,
    };
    let mut judge = Judge { narrows, ignored };
    judge.keep(annotation::SCHEDULING_MODE, &mut own.mode, |mode| {
        same(*mode == policy.mode).or_else(|| mode_widens(*mode))
    });
    judge.keep(annotation::STICKY_CLUSTER, &mut own.sticky, |sticky| {
        same(*sticky == policy.rescheduling.sticky)
            .or_else(|| wider("when an object moves is up to the policy"))
    });
    judge.keep(
        annotation::CLUSTER_SELECTOR,
        &mut own.selector,
        |selector| {
            same(*selector == policy.selector)
                .or_else(|| selector_widens(selector, &policy.selector))
        },
    );
    judge.keep(annotation::AFFINITY, &mut own.affinity, |affinity| {
        same(*affinity == policy.affinity).or_else(|| affinity_widens(affinity, &policy.affinity))
    });
    judge.keep(annotation::TOLERATIONS, &mut own.tolerations, |own| {
        same(*own == policy.tolerations).or_else(|| tolerations_widen(own, &policy.tolerations))
    });
    judge.keep(annotation::MAX_CLUSTERS, &mut own.max_clusters, |most| {
        same(Some(*most) == policy.max_clusters).or_else(|| most_widens(*most, policy.max_clusters))
    });
    judge.placements(own, policy);
}

/// What is to be said of an annotation: nothing is no objection.
enum Judgement {
    Same,
    Narrower,
    Wider(String),
}

impl Judgement {
    fn or_else(self, next: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Same => Self::Same,
            Self::Narrower | Self::Wider(_) => next(),
        }
    }
}

fn same(equal: bool) -> Judgement {
    if equal {
        Judgement::Same
    } else {
        Judgement::Narrower
    }
}

fn wider(why: impl Into<String>) -> Judgement {
    Judgement::Wider(why.into())
}

struct Judge<'a> {
    narrows: bool,
    ignored: &'a mut Vec<Ignored>,
}

impl Judge<'_> {
    /// Whether an annotation may stay.
    fn accepts(&mut self, annotation: &'static str, judgement: Judgement) -> bool {
        let message = match judgement {
            Judgement::Same => return true,
            Judgement::Narrower if self.narrows => return true,
            Judgement::Wider(why) if self.narrows => {
                format!("refused, because objects may only narrow their policy here: {why}")
            }
            Judgement::Narrower | Judgement::Wider(_) => {
                "refused, because objects may not override their policy here".to_owned()
            }
        };
        self.ignored.push(Ignored {
            annotation,
            message,
        });
        false
    }

    fn keep<T>(
        &mut self,
        annotation: &'static str,
        value: &mut Option<T>,
        judge: impl FnOnce(&T) -> Judgement,
    ) {
        if let Some(wish) = value
            && !self.accepts(annotation, judge(wish))
        {
            *value = None;
        }
    }

    /// Names and wishes stand in one annotation and are accepted or refused together. What is accepted
    /// is put on top of the policy's wishes: a limit that the object does not repeat still holds.
    fn placements(&mut self, own: &mut Own, policy: &CheckedPolicy) {
        let facets = [&own.min, &own.max, &own.weights, &own.priorities];
        if own.names.is_none() && facets.iter().all(|facet| facet.is_none()) {
            return;
        }
        if !self.accepts(annotation::PLACEMENTS, placements_widen(own, policy)) {
            own.names = None;
            own.min = None;
            own.max = None;
        } else if self.narrows {
            let wanted = own.min.take().unwrap_or_default();
            let mut min = policy.clusters.min.clone();
            min.extend(wanted.into_iter().filter(|(_, least)| *least > 0));
            own.min = Some(min);
            let mut max = policy.clusters.max.clone();
            max.extend(own.max.take().unwrap_or_default());
            own.max = Some(max);
        } else {
            return;
        }
        // What was accepted repeats them, or says nothing of them.
        own.weights = None;
        own.priorities = None;
    }
}

fn mode_widens(mode: Mode) -> Judgement {
    match mode {
        // Copies of a part instead of copies of the whole.
        Mode::Divide => Judgement::Narrower,
        Mode::Duplicate => wider("every cluster would run the whole object instead of a share"),
    }
}

fn selector_widens(own: &BTreeMap<String, String>, policy: &BTreeMap<String, String>) -> Judgement {
    let missing = policy
        .iter()
        .find(|(key, value)| own.get(*key) != Some(value));
    match missing {
        None => Judgement::Narrower,
        Some((key, value)) => wider(format!("the policy asks for the label {key}={value}")),
    }
}

fn affinity_widens(own: &Affinity, policy: &Affinity) -> Judgement {
    if own.preferred != policy.preferred {
        return wider("preferences move the object to where the policy would not have put it");
    }
    let Some(allowed) = &policy.required else {
        return Judgement::Narrower;
    };
    let within = |term: &Term| allowed.iter().any(|one| term.implies(one));
    match &own.required {
        Some(terms) if terms.iter().all(within) => Judgement::Narrower,
        Some(_) => wider("one of its terms does not repeat what a term of the policy asks"),
        None => wider("the policy requires an affinity"),
    }
}

fn tolerations_widen(own: &[Toleration], policy: &[Toleration]) -> Judgement {
    let within = |toleration: &Toleration| policy.iter().any(|one| covers(one, toleration));
    match own.iter().find(|toleration| !within(toleration)) {
        None => Judgement::Narrower,
        Some(further) => {
            let key = Some(further.key.as_str()).filter(|key| !key.is_empty());
            let key = key.unwrap_or("any key");
            wider(format!("the policy does not tolerate {key}"))
        }
    }
}

/// Whatever taint the second one tolerates, the first one tolerates too.
fn covers(one: &Toleration, other: &Toleration) -> bool {
    let part = |one: &str, other: &str| one.is_empty() || one == other;
    let value = match (one.operator, other.operator) {
        (_, Operator::Unknown) | (Operator::Exists, _) => true,
        (Operator::Equal, Operator::Equal) => one.value == other.value,
        (Operator::Equal, Operator::Exists) | (Operator::Unknown, _) => false,
    };
    part(&one.key, &other.key) && part(&one.effect, &other.effect) && value
}

fn most_widens(own: i64, policy: Option<i64>) -> Judgement {
    match policy {
        Some(most) if own > most => wider(format!("the policy allows {most} clusters at most")),
        _ => Judgement::Narrower,
    }
}

fn placements_widen(own: &Own, policy: &CheckedPolicy) -> Judgement {
    let named = &policy.clusters;
    let none = BTreeSet::new();
    let names = own.names.as_ref().unwrap_or(&none);
    let unchanged = |facet: &Option<BTreeMap<String, i64>>, policy: &BTreeMap<String, i64>| {
        facet.as_ref().is_none_or(|facet| facet == policy)
    };
    if *names == named.names
        && unchanged(&own.min, &named.min)
        && unchanged(&own.max, &named.max)
        && unchanged(&own.weights, &named.weights)
        && unchanged(&own.priorities, &named.priorities)
    {
        return Judgement::Same;
    }
    if !named.names.is_empty() {
        if names.is_empty() {
            return wider("the policy names the clusters");
        }
        if let Some(further) = names.difference(&named.names).next() {
            return wider(format!("the policy does not name cluster {further}"));
        }
    }
    let empty = BTreeMap::new();
    let wish = |facet: &Option<BTreeMap<String, i64>>| facet.clone().unwrap_or_default();
    let least = |cluster: &str| named.min.get(cluster).copied().unwrap_or(0);
    if let Some((cluster, least)) = wish(&own.min)
        .iter()
        .find(|(cluster, own)| **own > least(cluster))
    {
        return wider(format!(
            "{least} replicas at least in {cluster} are more than the policy grants"
        ));
    }
    let most = |cluster: &str| named.max.get(cluster).copied().unwrap_or(i64::MAX);
    if let Some((cluster, most)) = wish(&own.max)
        .iter()
        .find(|(cluster, own)| **own > most(cluster))
    {
        return wider(format!(
            "{most} replicas at most in {cluster} are more than the policy allows"
        ));
    }
    for (what, own, policy) in [
        (
            "weight",
            own.weights.as_ref().unwrap_or(&empty),
            &named.weights,
        ),
        (
            "priority",
            own.priorities.as_ref().unwrap_or(&empty),
            &named.priorities,
        ),
    ] {
        if let Some((cluster, _)) = own
            .iter()
            .find(|(cluster, wish)| policy.get(*cluster) != Some(wish))
        {
            return wider(format!(
                "the {what} of {cluster} moves replicas to where the policy would not have put them"
            ));
        }
    }
    Judgement::Narrower
}

#[cfg(test)]
#[path = "bounds_tests.rs"]
mod tests;
