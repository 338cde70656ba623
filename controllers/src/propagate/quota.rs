//! What quotas make of a pass: what the object would be charged, whether that is admitted, and what may be written if it
//! is not. No requests. What runs is never taken back here: who does not fit stays as it is.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use navarch_crds::keys::navarch;
use navarch_crds::names::ClusterName;
use navarch_crds::quota::{Charge, ClusterCharge, OnExceeded};
use navarch_scheduler::placement::Placement;
use navarch_scheduler::quota::need as needs;
use navarch_scheduler::unit::{self, Unit};
use serde_json::Value;

use super::consult::Waiting;
use super::decide::Refusal;
use super::fold::Fold;
use super::template::Template;
use crate::copies::charge::{self, amounts, covers, grows, join};
use crate::copies::render::render_with;
use crate::federated::Federated;
use crate::host::charges::{charged, need};
use crate::host::context::Context;
use crate::host::quotas::{Charged, Denied, Refused};
use crate::host::scheduled::QUOTA_RESERVED;
use crate::host::stores::TypeConfig;
use crate::runtime::key::Key;

/// The object that a pass is about, as quotas see it.
pub(super) struct Case<'a> {
    ctx: &'a Context,
    key: &'a Key,
    config: &'a TypeConfig,
    last: Option<&'a Federated>,
    /// Clusters that are known to hold no copy any more.
    absent: &'a BTreeSet<ClusterName>,
    object: Charged,
    /// What stands on the object as its charge.
    written: Option<Charge>,
    /// What counts as charged now: what is written, else what is placed.
    counted: Charge,
}

/// What was taken off a question, because no more fits.
#[derive(Default)]
pub(super) struct Bounded {
    pub(super) problem: Option<Refusal>,
    /// What is missing, by resource.
    pub(super) rest: BTreeMap<String, i64>,
    /// What caps leave of each cluster.
    caps: BTreeMap<ClusterName, i64>,
    /// How many replicas the object asks for, and what each of them uses.
    desired: i64,
    each: BTreeMap<String, i64>,
}

impl Bounded {
    fn missing(&mut self, replicas: i64) {
        let each = self.each.iter();
        let rest = each.map(|(resource, each)| (resource.clone(), each.saturating_mul(replicas)));
        self.rest = rest.collect();
    }

    /// Looks at the answer: `true` if caps left no room for all of it.
    pub(super) fn is_cut(&mut self, placement: &Placement) -> bool {
        let replicas = placement.values().flatten();
        let planned = replicas.fold(0_i64, |sum, one| sum.saturating_add(*one));
        let full = |(cluster, cap): (&ClusterName, &i64)| {
            placement
                .get(cluster)
                .copied()
                .flatten()
                .unwrap_or_default()
                >= *cap
        };
        if self.problem.is_some() || planned >= self.desired || !self.caps.iter().any(full) {
            return false;
        }
        self.missing(self.desired.saturating_sub(planned));
        let why = format!(
            "{planned} of {} replicas fit into what quotas leave of single clusters",
            self.desired
        );
        self.problem = Some(Refusal::new("QuotaExceeded", why));
        true
    }
}

/// What may be written.
pub(super) struct Ruling {
    pub(super) fold: Fold,
    /// The charge is another than before: the write has to go through the ledger.
    pub(super) recharges: bool,
    /// Not all of it was admitted.
    pub(super) refused: Option<Refused>,
    /// What quotas would say that only warn.
    pub(super) warning: Option<String>,
}

impl Ruling {
    /// Quotas have nothing to say.
    pub(super) fn unlimited(fold: Fold) -> Self {
        Self {
            fold,
            recharges: false,
            refused: None,
            warning: None,
        }
    }
}

impl<'a> Case<'a> {
    /// `None`: no quota is charged for the object.
    pub(super) fn of(
        ctx: &'a Context,
        key: &'a Key,
        config: &'a TypeConfig,
        wanted: &Template,
        last: Option<&'a Federated>,
        absent: &'a BTreeSet<ClusterName>,
    ) -> Option<Self> {
        if !ctx.quotas.in_use() {
            return None;
        }
        let object = charged(config, &wanted.object);
        ctx.quotas.is_charged(key, &object).then(|| {
            let written = last.and_then(charge::of);
            let placed = || last.map(|last| need(ctx, config, last).0);
            let counted = written.clone().or_else(placed).unwrap_or_default();
            Self {
                ctx,
                key,
                config,
                last,
                absent,
                object,
                written,
                counted,
            }
        })
    }

    /// Whether the object has less than it asks for.
    pub(super) fn is_short(&self) -> bool {
        let conditions = self.last.and_then(|last| last.status.as_ref());
        let mut conditions = conditions.into_iter().flat_map(|status| &status.conditions);
        self.ctx.quotas.waits(self.key)
            || conditions.any(|said| {
                said.condition_type == QUOTA_RESERVED.condition && said.status == "False"
            })
    }

    /// Bounds a question by what is free: clusters by their caps; where a part is welcome, the whole by what may be had.
    pub(super) fn bound(&self, unit: &mut Unit, template: &Value) -> Bounded {
        let mut bounded = Bounded::default();
        let kind = unit::resource(self.config.spec());
        let path = &self.config.spec().path_definition.replicas_spec;
        let (Ok(copy), Some(desired)) = (
            needs::of_copy(&kind, template, path, 1),
            unit.desired_replicas,
        ) else {
            return bounded;
        };
        bounded.desired = desired;
        bounded.each.clone_from(&copy.each);
        let quotas = &self.ctx.quotas;
        if quotas.caps_clusters() {
            for cluster in self.ctx.clusters.snapshot().clusters() {
                let cluster = cluster.name();
                let most = quotas.headroom(self.key, &self.object, &copy, cluster);
                if most < i64::MAX {
                    let limits = &mut unit.custom_migration.limited_capacity;
                    let limit = limits.entry(cluster.to_string()).or_insert(most);
                    *limit = (*limit).min(most);
                    bounded.caps.insert(cluster.clone(), most);
                }
            }
        }
        if !self.takes_part() {
            return bounded;
        }
        let most = quotas
            .headroom_total(self.key, &self.object, &copy.each)
            .max(0);
        if most < desired {
            unit.desired_replicas = Some(most);
            let why = format!("{most} of {desired} replicas fit into the quota; the others wait");
            bounded.problem = Some(Refusal::new("QuotaExceeded", why));
            bounded.missing(desired.saturating_sub(most));
        }
        bounded
    }

    /// Whether a part of what it asks for is welcome.
    pub(super) fn takes_part(&self) -> bool {
        self.ctx.quotas.on_exceeded(self.key, &self.object) == OnExceeded::Partial
    }

    /// Takes a place in line for what is missing.
    pub(super) fn wait_for(&self, rest: &BTreeMap<String, i64>) {
        let (quotas, now) = (&self.ctx.quotas, Timestamp::now());
        quotas.wait(self.key, &self.object, rest, now);
    }

    /// Rules on what was decided. `kept`: the same without its new placement, for one that is not admitted.
    /// `rest`: what the decision leaves out already, because no more fits.
    pub(super) fn rule(
        &self,
        full: &Fold,
        kept: impl FnOnce() -> Option<Fold>,
        rest: &BTreeMap<String, i64>,
    ) -> Result<Ruling, Waiting> {
        let refused = match self.try_whole(full) {
            Ok(ruling) => {
                if !rest.is_empty() {
                    self.wait_for(rest);
                }
                return Ok(ruling);
            }
            Err(Denied::Later) => return Err(Waiting),
            Err(Denied::Refused(refused)) => refused,
        };
        let part = kept().and_then(|kept| self.try_part(&kept));
        // Also who waits gives back what it was seen not to use any more.
        let part = part.or_else(|| self.try_part(&Fold::Unchanged));
        let mut ruling = part.unwrap_or_else(|| Ruling::unlimited(Fold::Unchanged));
        ruling.refused = Some(refused);
        Ok(ruling)
    }

    fn try_whole(&self, fold: &Fold) -> Result<Ruling, Denied> {
        let Some((next, wanted)) = self.wanted(fold) else {
            return Ok(Ruling::unlimited(fold.clone()));
        };
        if grows(&self.counted, &wanted) {
            let asked = difference(&self.counted, &wanted);
            let (quotas, now) = (&self.ctx.quotas, Timestamp::now());
            quotas.admit(self.key, &self.object, &wanted, &asked, now)?;
        } else {
            self.ctx.quotas.leave_line(self.key);
        }
        Ok(self.granted(next, &wanted))
    }

    fn try_part(&self, fold: &Fold) -> Option<Ruling> {
        let (next, wanted) = self.wanted(fold)?;
        if grows(&self.counted, &wanted) {
            let quotas = &self.ctx.quotas;
            quotas.admit_part(self.key, &self.object, &wanted).ok()?;
        }
        Some(self.granted(next, &wanted))
    }

    /// The object as it would be written, and what it would be charged.
    fn wanted(&self, fold: &Fold) -> Option<(Federated, Charge)> {
        let next = match fold {
            Fold::Create(next) | Fold::Update(next) => next.clone(),
            Fold::Unchanged => self.last?.clone(),
        };
        let (need, unclear) = need(self.ctx, self.config, &next);
        let counted = &self.counted;
        let mut wanted = Charge {
            once: need.once,
            clusters: BTreeMap::new(),
        };
        let clusters = need.clusters.keys().chain(counted.clusters.keys());
        for cluster in clusters.chain(unclear.iter()) {
            let held = counted.clusters.get(cluster);
            let needed = need.clusters.get(cluster);
            let used = match held {
                Some(held) if unclear.contains(cluster) => Some(held.clone()),
                Some(held) if !self.has_let_go(cluster, held, needed, &next) => {
                    Some(join(Some(held), needed))
                }
                Some(_) | None => needed.cloned(),
            };
            if let Some(used) = used.filter(|used| !amounts(used).is_empty()) {
                wanted.clusters.insert(cluster.clone(), used);
            }
        }
        let is_there = !wanted.clusters.is_empty() || !next.copies().is_empty();
        if is_there && wanted.once.is_empty() {
            // As long as copies are there, the object counts, also if they have no pods.
            wanted.once.clone_from(&counted.once);
        }
        Some((next, wanted))
    }

    /// Whether a member was seen to use no more than is needed there after the pass.
    fn has_let_go(
        &self,
        cluster: &ClusterName,
        held: &ClusterCharge,
        needed: Option<&ClusterCharge>,
        next: &Federated,
    ) -> bool {
        if needed.is_some_and(|_| covers(needed, &join(Some(held), needed))) {
            return true;
        }
        if !self.ctx.clusters.exists(cluster) {
            // It has left the federation, and what it runs is not ours any more.
            return true;
        }
        let Some(member) = self.ctx.fleet.get(cluster) else {
            return false;
        };
        if !member.is_ready() || !member.is_listed(&self.config.name) {
            return false;
        }
        if needed.is_none() {
            return self.absent.contains(cluster);
        }
        let Some(record) = member.record(self.key) else {
            // It may be on its way.
            return false;
        };
        let Some(last) = self.last else {
            return false;
        };
        // Of what is written only now, nothing has been seen.
        if last.spec != next.spec || !self.is_placed(cluster) {
            return false;
        }
        let desired = render_with(last, self.config.spec(), cluster, record.replicas);
        desired.is_ok_and(|desired| record.is_in_sync(desired.hash.as_str()))
            && record.observed.runs_no_more_than_wanted()
    }

    fn is_placed(&self, cluster: &ClusterName) -> bool {
        let placed = self.last.map(|last| last.spec.placed_clusters());
        placed.is_some_and(|placed| placed.contains(cluster.as_str()))
    }

    fn granted(&self, mut next: Federated, wanted: &Charge) -> Ruling {
        if self.written.as_ref() != Some(wanted) {
            let annotations = next.metadata.annotations.get_or_insert_default();
            annotations.insert(navarch::CHARGE.to_owned(), charge::text(wanted));
        }
        let fold = match self.last {
            None => Fold::Create(next),
            Some(last) if *last == next => Fold::Unchanged,
            Some(_) => Fold::Update(next),
        };
        Ruling {
            fold,
            recharges: self.written.clone().unwrap_or_default() != *wanted,
            refused: None,
            warning: self.ctx.quotas.warning(self.key, wanted),
        }
    }
}

/// By how much a charge is more than another, over all clusters.
pub(crate) fn difference(from: &Charge, to: &Charge) -> BTreeMap<String, i64> {
    let sum = |charge: &Charge| {
        let mut sum = charge.once.clone();
        for used in charge.clusters.values() {
            for (resource, amount) in amounts(used) {
                let place = sum.entry(resource).or_default();
                *place = place.saturating_add(amount);
            }
        }
        sum
    };
    let before = sum(from);
    let mut more = sum(to);
    for (resource, amount) in &mut more {
        let had = before.get(resource).copied().unwrap_or_default();
        *amount = amount.saturating_sub(had);
    }
    more.retain(|_, amount| *amount > 0);
    more
}

/// An object that no quota is charged for any more loses what is written of its charge.
pub(super) fn uncharged(fold: Fold, last: Option<&Federated>) -> Fold {
    let Some(last) = last.filter(|last| charge::of(last).is_some()) else {
        return fold;
    };
    let mut next = match fold {
        Fold::Create(next) => return Fold::Create(next),
        Fold::Update(next) => next,
        Fold::Unchanged => last.clone(),
    };
    let annotations = next.metadata.annotations.get_or_insert_default();
    annotations.remove(navarch::CHARGE);
    Fold::Update(next)
}
