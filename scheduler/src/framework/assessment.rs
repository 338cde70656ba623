//! What filters, scores and choices say of all clusters: the part of a decision that objects of one shape share
//! ([`super::kept`]). Made anew, or from an earlier one: then only clusters are asked about that are not the ones
//! of then.

use std::sync::Arc;

use jiff::Timestamp;

use super::profile::Profile;
use super::traits::{Candidate, ClusterContext, Normalise, SelectContext};
use crate::outline::{LastServed, Outlines};
use crate::placement::{Rejected, Scored, meet};
use crate::snapshot::{Cluster, Snapshot};
use crate::unit::Unit;
use crate::verdict::{Broken, PluginError, Verdict};

/// Best score of a plugin after normalising.
const BEST: i64 = 100;
/// In place of a position: nothing was said of the cluster before.
const NEW: usize = usize::MAX;

/// What was said of all clusters.
#[derive(Clone, Debug, Default)]
pub struct Assessment {
    /// All clusters, by name.
    clusters: Arc<Vec<Arc<Cluster>>>,
    /// Refused clusters, by name.
    pub rejected: Vec<Rejected>,
    /// Clusters that fit, by name.
    pub scored: Vec<Scored>,
    /// Score plugins in order, each with one score per entry of `scored`.
    pub score_plugins: Vec<(Arc<str>, Vec<i64>)>,
    /// The chosen ones: places in `scored` in the order of preference, with what the choice made of their scores.
    pub(crate) chosen: Vec<(usize, i64)>,
    /// Scores before they were normalised, which follows from the scores of others.
    raw: Vec<Vec<i64>>,
    /// The places of those of which something else might be said if the object were there, in order.
    hanging: Vec<usize>,
}

/// Who asks about which clusters.
#[derive(Clone, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) unit: &'a Unit,
    pub(crate) profile: &'a Profile,
    pub(crate) now: Timestamp,
    /// All clusters, by name.
    pub(crate) clusters: &'a Arc<Vec<Arc<Cluster>>>,
    /// As many.
    pub(crate) outlines: &'a Outlines,
    last_served: LastServed,
}

impl<'a> Asked<'a> {
    pub(crate) fn new(
        unit: &'a Unit,
        profile: &'a Profile,
        now: Timestamp,
        snapshot: &'a Snapshot,
    ) -> Self {
        let (clusters, outlines) = snapshot.side_by_side();
        Self {
            unit,
            profile,
            now,
            clusters,
            outlines,
            last_served: LastServed::default(),
        }
    }

    fn context<'s>(
        &'s self,
        place: usize,
        cluster: &'s Cluster,
        scheduled: bool,
    ) -> ClusterContext<'s> {
        let context = ClusterContext::new(self.unit, cluster, self.now, scheduled);
        context.with_outline(self.outlines.get(place), &self.last_served)
    }

    /// Asks. `placed` are places in the list of clusters, in order: where the object counts as placed. What `before`
    /// says of a cluster that has not changed is taken from there, unless the object is placed on it.
    pub(crate) fn assess(
        &self,
        before: Option<&Assessment>,
        placed: &[usize],
    ) -> Result<Assessment, Broken> {
        let mut made = Assessment {
            clusters: Arc::clone(self.clusters),
            ..Assessment::default()
        };
        let origins = self.filter(before, placed, &mut made)?;
        self.score(before, placed, &origins, &mut made)?;
        made.chosen = self.select(&made.scored)?;
        Ok(made)
    }

    /// Answers, for each cluster that fits, its place in what was said before.
    fn filter(
        &self,
        before: Option<&Assessment>,
        placed: &[usize],
        made: &mut Assessment,
    ) -> Result<Vec<usize>, Broken> {
        let mut origins = Vec::with_capacity(self.clusters.len());
        made.scored.reserve(self.clusters.len());
        let mut said = before.map(Said::new);
        let mut placed = placed.iter().copied().peekable();
        for (place, cluster) in self.clusters.iter().enumerate() {
            let scheduled = placed.next_if_eq(&place).is_some();
            let known = said.as_mut().and_then(|said| said.of(cluster));
            let (refused, hangs, origin) = match known.filter(|_| !scheduled) {
                Some(Known::Rejected(rejected, hangs)) => {
                    let rejected = Rejected {
                        place,
                        ..rejected.clone()
                    };
                    (Some(rejected), hangs, NEW)
                }
                Some(Known::Fits(origin, hangs)) => (None, hangs, origin),
                None => {
                    let context = self.context(place, cluster, scheduled);
                    let refused = self.refusal(&context, place)?;
                    (refused, context.hangs_on_placement(), NEW)
                }
            };
            made.hanging.extend(hangs.then_some(place));
            if let Some(refused) = refused {
                made.rejected.push(refused);
            } else {
                origins.push(origin);
                made.scored.push(Scored { place, total: 0 });
            }
        }
        Ok(origins)
    }

    /// The first refusal.
    fn refusal(
        &self,
        context: &ClusterContext<'_>,
        place: usize,
    ) -> Result<Option<Rejected>, Broken> {
        for named in self.profile.filters.iter() {
            let (reason, wakes) = match named.plugin.filter(context) {
                Verdict::Fits => continue,
                Verdict::Never(reason) => (reason, [].as_slice()),
                Verdict::NotNow(reason, wakes) => (reason, wakes),
                Verdict::Broken(error) => {
                    return Err(broken(&named.name, Some(context.cluster), error));
                }
            };
            return Ok(Some(Rejected {
                place,
                plugin: Arc::clone(&named.name),
                reason,
                wakes,
            }));
        }
        Ok(None)
    }

    fn score(
        &self,
        before: Option<&Assessment>,
        placed: &[usize],
        origins: &[usize],
        made: &mut Assessment,
    ) -> Result<(), Broken> {
        let mut hanging = Vec::new();
        for (index, named) in self.profile.scores.iter().enumerate() {
            let earlier = before.and_then(|before| before.raw.get(index));
            let mut raw = Vec::with_capacity(origins.len());
            for (origin, scored) in origins.iter().zip(&made.scored) {
                let place = scored.place;
                if let Some(score) = earlier.and_then(|scores| scores.get(*origin)) {
                    raw.push(*score);
                    continue;
                }
                let Some(cluster) = self.clusters.get(place) else {
                    continue;
                };
                let scheduled = !placed.is_empty() && placed.binary_search(&place).is_ok();
                let context = self.context(place, cluster, scheduled);
                let score = named.plugin.score(&context);
                raw.push(score.map_err(|error| broken(&named.name, Some(cluster), error))?);
                hanging.extend(context.hangs_on_placement().then_some(place));
            }
            let scores = normalised(&raw, named.plugin.normalise());
            for (scored, score) in made.scored.iter_mut().zip(&scores) {
                scored.total = scored.total.saturating_add(*score);
            }
            made.score_plugins.push((Arc::clone(&named.name), scores));
            made.raw.push(raw);
        }
        if !hanging.is_empty() {
            made.hanging.extend(hanging);
            made.hanging.sort_unstable();
            made.hanging.dedup();
        }
        Ok(())
    }

    fn select(&self, scored: &[Scored]) -> Result<Vec<(usize, i64)>, Broken> {
        if scored.is_empty() {
            return Ok(Vec::new());
        }
        let candidates = scored.iter().enumerate().filter_map(|(position, one)| {
            Some(Candidate {
                cluster: self.clusters.get(one.place)?,
                position,
                score: one.total,
                outline: self.outlines.get(one.place),
            })
        });
        let mut candidates: Vec<Candidate<'_>> = candidates.collect();
        for named in self.profile.selects.iter() {
            let context = SelectContext {
                unit: self.unit,
                candidates,
                now: self.now,
            };
            candidates = named
                .plugin
                .select(context)
                .map_err(|error| broken(&named.name, None, error))?;
        }
        Ok(candidates
            .iter()
            .map(|one| (one.position, one.score))
            .collect())
    }
}

/// Reads an earlier assessment along with the clusters of now.
struct Said<'a> {
    before: &'a Assessment,
    /// The next places in the lists of then.
    cluster: usize,
    rejected: usize,
    scored: usize,
    hanging: usize,
}

/// What was said of a cluster, and whether it might be otherwise if the object were there.
enum Known<'a> {
    Rejected(&'a Rejected, bool),
    /// It fits, and is at this place among those.
    Fits(usize, bool),
}

impl<'a> Said<'a> {
    fn new(before: &'a Assessment) -> Self {
        Self {
            before,
            cluster: 0,
            rejected: 0,
            scored: 0,
            hanging: 0,
        }
    }

    /// What was said of this very cluster. To be asked in the order of names.
    fn of(&mut self, cluster: &Arc<Cluster>) -> Option<Known<'a>> {
        let place = self.find(cluster)?;
        let Assessment {
            rejected,
            scored,
            hanging,
            ..
        } = self.before;
        leap(&mut self.rejected, rejected, |one| one.place < place);
        leap(&mut self.scored, scored, |one| one.place < place);
        leap(&mut self.hanging, hanging, |at| *at < place);
        let hangs = hanging.get(self.hanging) == Some(&place);
        match rejected.get(self.rejected) {
            Some(one) if one.place == place => Some(Known::Rejected(one, hangs)),
            _ => {
                let fits = scored.get(self.scored)?;
                (fits.place == place).then_some(Known::Fits(self.scored, hangs))
            }
        }
    }

    /// Its place in the list of then, if it was there as it is.
    fn find(&mut self, cluster: &Arc<Cluster>) -> Option<usize> {
        while let Some(known) = self.before.clusters.get(self.cluster) {
            let place = self.cluster;
            if Arc::ptr_eq(known, cluster) {
                self.cluster = place.saturating_add(1);
                return Some(place);
            }
            if known.name() > cluster.name() {
                return None;
            }
            self.cluster = place.saturating_add(1);
        }
        None
    }
}

/// Goes on in a list as long as its entries lie behind.
fn leap<T>(at: &mut usize, list: &[T], behind: impl Fn(&T) -> bool) {
    while list.get(*at).is_some_and(&behind) {
        *at = at.saturating_add(1);
    }
}

impl Assessment {
    pub(crate) fn cluster(&self, place: usize) -> Option<&Arc<Cluster>> {
        self.clusters.get(place)
    }

    /// The cluster at this place among those that fit.
    pub(crate) fn at(&self, position: usize) -> Option<&Arc<Cluster>> {
        self.cluster(self.scored.get(position)?.place)
    }

    /// Where the object is placed and something else might be said of it for that, in order.
    pub(crate) fn hanging_on(&self, unit: &Unit) -> Vec<usize> {
        if unit.current.is_empty() || self.hanging.is_empty() {
            return Vec::new();
        }
        // Few placements are looked up, many are met on the way.
        if unit.current.len().saturating_mul(8) < self.hanging.len() {
            let places = places(unit, &self.clusters).into_iter();
            return places
                .filter(|place| self.hanging.binary_search(place).is_ok())
                .collect();
        }
        let there = |place: &usize| {
            let cluster = self.cluster(*place);
            cluster.is_some_and(|cluster| unit.current.contains_key(cluster.name()))
        };
        self.hanging.iter().copied().filter(there).collect()
    }

    /// The chosen clusters as candidates, in the order of preference.
    pub(crate) fn candidates<'a>(&'a self, outlines: &'a Outlines) -> Vec<Candidate<'a>> {
        let chosen = self.chosen.iter();
        chosen
            .filter_map(|(position, score)| {
                let place = self.scored.get(*position)?.place;
                Some(Candidate {
                    cluster: self.cluster(place)?,
                    position: *position,
                    score: *score,
                    outline: outlines.get(place),
                })
            })
            .collect()
    }
}

/// Where the object is placed, as places in the list of clusters, in order.
pub(crate) fn places(unit: &Unit, clusters: &[Arc<Cluster>]) -> Vec<usize> {
    let names = unit.current.keys().map(|name| (name.as_str(), ()));
    let name = |place: usize| clusters.get(place).map_or("", |one| one.name().as_str());
    let mut places = Vec::new();
    meet(names, clusters.len(), name, |place, ()| places.push(place));
    places
}

pub(crate) fn normalised(raw: &[i64], how: Normalise) -> Vec<i64> {
    let downward = match how {
        Normalise::Keep => return raw.to_vec(),
        Normalise::Upward => false,
        Normalise::Downward => true,
    };
    let highest = raw.iter().copied().max().unwrap_or(0).max(0);
    let scaled = raw.iter().map(|score| {
        let scaled = match highest {
            0 if downward => 0,
            0 => *score,
            _ => score.saturating_mul(BEST).checked_div(highest).unwrap_or(0),
        };
        if downward {
            BEST.saturating_sub(scaled)
        } else {
            scaled
        }
    });
    scaled.collect()
}

pub(crate) fn broken(plugin: &str, cluster: Option<&Cluster>, error: PluginError) -> Broken {
    Broken {
        plugin: plugin.to_owned(),
        cluster: cluster.map(|cluster| cluster.name().as_str().to_owned()),
        error,
    }
}

#[cfg(test)]
pub(crate) fn scores_for_test(
    plugin: &impl super::traits::Score,
    unit: &Unit,
    clusters: &[Cluster],
) -> Vec<i64> {
    let how = plugin.normalise();
    let scores: Vec<i64> = clusters
        .iter()
        .map(|cluster| {
            let context = ClusterContext::new(unit, cluster, Timestamp::UNIX_EPOCH, false);
            plugin.score(&context).unwrap()
        })
        .collect();
    normalised(&scores, how)
}
