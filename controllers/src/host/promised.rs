//! What decisions have promised of the members' room and the members' own figures do not show yet: for each object and
//! cluster, the pods that are to be there and are not, times what one of them asks for. Totals are kept for each
//! cluster as promises come and go, so that a decision reads one number. Only what is outstanding is held. No I/O, and
//! the clock is the caller's.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use navarch_crds::names::ClusterName;
use navarch_scheduler::resources::Amounts;
use tokio::time::Instant;

use crate::copies::pods::Pods;
use crate::fleet::changed::ChangedFigures;
use crate::runtime::key::Key;
use crate::runtime::locked;

/// An exact sum of amounts: what was added can be taken away again, whatever it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    milli_cpu: i128,
    memory: i128,
    ephemeral_storage: i128,
    scalars: BTreeMap<String, i128>,
}

impl Sum {
    /// Adds `amounts` so many times; a negative number takes away.
    pub(crate) fn add(&mut self, amounts: &Amounts, times: i64) {
        // 64 bits times 32 never reach the end of 128, nor do the sums of all that memory could hold.
        let times = i128::from(times);
        let product = |amount: i64| i128::from(amount).saturating_mul(times);
        let sum = |place: &mut i128, amount| *place = place.saturating_add(product(amount));
        sum(&mut self.milli_cpu, amounts.milli_cpu);
        sum(&mut self.memory, amounts.memory);
        sum(&mut self.ephemeral_storage, amounts.ephemeral_storage);
        for (name, amount) in amounts.scalars.iter().filter(|(_, amount)| **amount != 0) {
            let place = self.scalars.entry(name.clone()).or_default();
            sum(place, *amount);
            if *place == 0 {
                self.scalars.remove(name);
            }
        }
    }

    /// Takes the sum off what is available. Of resources that a cluster does not name nothing is taken: it has none.
    pub(crate) fn take_from(&self, available: &mut Amounts) {
        let take = |place: &mut i64, sum: i128| {
            let left = i128::from(*place).saturating_sub(sum);
            *place = i64::try_from(left).unwrap_or(if left < 0 { i64::MIN } else { i64::MAX });
        };
        take(&mut available.milli_cpu, self.milli_cpu);
        take(&mut available.memory, self.memory);
        take(&mut available.ephemeral_storage, self.ephemeral_storage);
        for (name, sum) in &self.scalars {
            if let Some(place) = available.scalars.get_mut(name) {
                take(place, *sum);
            }
        }
    }
}

/// Whether a member's answer is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nothing was sent, or nobody could be asked.
    Awaited,
    /// The copy is there as decided, or was refused: from now on pods either come or do not.
    Given,
}

/// Whether the figures of a member count the pods that its workloads report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counting {
    /// They follow.
    Live,
    /// They stand still: what is reported may be missing in them.
    Behind,
}

/// What an object was promised in a cluster.
#[derive(Clone, Debug)]
struct Share {
    request: Arc<Amounts>,
    pods: Pods,
    answer: Answer,
    /// When the outstanding pods were first missed; anew when some of them came.
    missed_since: Option<Instant>,
    /// They did not come in time: they are not counted until more are wanted.
    given_up: bool,
}

impl Share {
    fn outstanding(&self) -> i64 {
        if self.given_up {
            0
        } else {
            self.pods.wanted.saturating_sub(self.pods.present).max(0)
        }
    }
}

#[derive(Debug, Default)]
struct Total {
    sum: Sum,
    /// Something was given back since somebody last asked.
    eased: bool,
}

#[derive(Debug, Default)]
struct Ledger {
    shares: HashMap<Key, BTreeMap<ClusterName, Share>>,
    totals: BTreeMap<ClusterName, Total>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Promised {
    ledger: Mutex<Ledger>,
    changed: Arc<ChangedFigures>,
}

impl Ledger {
    fn share(&self, key: &Key, cluster: &ClusterName) -> Option<&Share> {
        self.shares.get(key)?.get(cluster)
    }

    /// Replaces the share of an object in a cluster. `true`: the total of the cluster changed.
    fn set(&mut self, key: &Key, cluster: &ClusterName, share: Option<Share>) -> bool {
        let share = share.filter(|share| share.given_up || share.outstanding() > 0);
        let counts = |share: Option<&Share>| {
            share
                .filter(|share| share.outstanding() > 0)
                .map(|share| (Arc::clone(&share.request), share.outstanding()))
        };
        let now = counts(share.as_ref());
        let before = match share {
            Some(share) => self
                .shares
                .entry(key.clone())
                .or_default()
                .insert(cluster.clone(), share),
            None => self.remove(key, cluster),
        };
        let before = counts(before.as_ref());
        if before == now {
            return false;
        }
        let total = self.totals.entry(cluster.clone()).or_default();
        if let Some((request, pods)) = before {
            total.sum.add(&request, pods.saturating_neg());
            total.eased = true;
        }
        if let Some((request, pods)) = now {
            total.sum.add(&request, pods);
        }
        true
    }

    fn remove(&mut self, key: &Key, cluster: &ClusterName) -> Option<Share> {
        let shares = self.shares.get_mut(key)?;
        let share = shares.remove(cluster);
        if shares.is_empty() {
            self.shares.remove(key);
        }
        share
    }
}

impl Promised {
    pub(crate) fn new(changed: Arc<ChangedFigures>) -> Self {
        Self {
            ledger: Mutex::default(),
            changed,
        }
    }

    fn set(&self, ledger: &mut Ledger, key: &Key, cluster: &ClusterName, share: Option<Share>) {
        if ledger.set(key, cluster, share) {
            self.changed.tell(cluster);
        }
    }

    /// A decision about an object: these clusters and no others. `pods` says what is known to be there.
    pub(crate) fn decided(
        &self,
        key: &Key,
        request: &Arc<Amounts>,
        pods: BTreeMap<ClusterName, Pods>,
    ) {
        self.keep(key, |cluster| pods.contains_key(cluster));
        if request.is_zero() {
            return;
        }
        let mut ledger = locked(&self.ledger);
        for (cluster, pods) in pods {
            let share = next(
                ledger.share(key, &cluster),
                request,
                pods,
                Answer::Awaited,
                Counting::Live,
            );
            self.set(&mut ledger, key, &cluster, Some(share));
        }
    }

    /// What a look at an object in a member came to.
    pub(crate) fn looked(
        &self,
        key: &Key,
        cluster: &ClusterName,
        request: &Arc<Amounts>,
        pods: Pods,
        answer: Answer,
        counting: Counting,
    ) {
        let mut ledger = locked(&self.ledger);
        let share = (!request.is_zero())
            .then(|| next(ledger.share(key, cluster), request, pods, answer, counting));
        self.set(&mut ledger, key, cluster, share);
    }

    /// A copy reports its pods, and the figures follow. Nobody is promised anything by it.
    pub(crate) fn seen(&self, key: &Key, cluster: &ClusterName, pods: Pods) {
        let mut ledger = locked(&self.ledger);
        let Some(share) = ledger.share(key, cluster) else {
            return;
        };
        // How many it wants is the copy's to say once it is what was decided: a member may scale it by itself.
        let wanted = match share.answer {
            Answer::Given => pods.wanted,
            Answer::Awaited => share.pods.wanted,
        };
        let pods = Pods { wanted, ..pods };
        let share = next(
            Some(share),
            &share.request,
            pods,
            share.answer,
            Counting::Live,
        );
        self.set(&mut ledger, key, cluster, Some(share));
    }

    /// Whether nothing is promised in a cluster.
    pub(crate) fn is_idle(&self, cluster: &ClusterName) -> bool {
        let ledger = locked(&self.ledger);
        let total = ledger.totals.get(cluster);
        total.is_none_or(|total| total.sum == Sum::default())
    }

    /// Whether anything is noted of an object in a cluster.
    pub(crate) fn holds(&self, key: &Key, cluster: &ClusterName) -> bool {
        locked(&self.ledger).share(key, cluster).is_some()
    }

    /// The pods of an object that were promised room in a cluster and are not known to be there.
    pub(crate) fn outstanding(&self, key: &Key, cluster: &ClusterName) -> i64 {
        let ledger = locked(&self.ledger);
        ledger.share(key, cluster).map_or(0, Share::outstanding)
    }

    /// Nothing is promised to an object in a cluster any more.
    pub(crate) fn drop_share(&self, key: &Key, cluster: &ClusterName) {
        self.set(&mut locked(&self.ledger), key, cluster, None);
    }

    /// Nothing is promised outside these clusters any more.
    pub(crate) fn keep(&self, key: &Key, placed: impl Fn(&ClusterName) -> bool) {
        let mut ledger = locked(&self.ledger);
        let Some(shares) = ledger.shares.get(key) else {
            return;
        };
        let others = shares.keys().filter(|cluster| !placed(cluster));
        for cluster in others.cloned().collect::<Vec<_>>() {
            self.set(&mut ledger, key, &cluster, None);
        }
    }

    /// The object has gone or goes.
    pub(crate) fn forget(&self, key: &Key) {
        self.keep(key, |_| false);
    }

    /// The cluster has left the federation.
    pub(crate) fn forget_cluster(&self, cluster: &ClusterName) {
        for key in self.keys_in(cluster) {
            self.set(&mut locked(&self.ledger), &key, cluster, None);
        }
        locked(&self.ledger).totals.remove(cluster);
    }

    /// The objects with something outstanding in a cluster.
    pub(crate) fn keys_in(&self, cluster: &ClusterName) -> Vec<Key> {
        let ledger = locked(&self.ledger);
        let keys = ledger
            .shares
            .iter()
            .filter(|(_, shares)| shares.contains_key(cluster));
        let mut keys: Vec<Key> = keys.map(|(key, _)| key.clone()).collect();
        keys.sort();
        keys
    }

    /// What is promised in a cluster, to everybody but `except`.
    pub(crate) fn total(&self, cluster: &ClusterName, except: Option<&Key>) -> Sum {
        let ledger = locked(&self.ledger);
        let total = ledger.totals.get(cluster);
        let mut sum = total.map(|total| total.sum.clone()).unwrap_or_default();
        if let Some(own) = except.and_then(|key| ledger.share(key, cluster)) {
            sum.add(&own.request, own.outstanding().saturating_neg());
        }
        sum
    }

    /// Gives up what did not come within `patience` although the member has answered. `working`: the member answers
    /// and its figures follow; while they do not, nothing is missed.
    pub(crate) fn expire(
        &self,
        cluster: &ClusterName,
        now: Instant,
        patience: Duration,
        working: bool,
    ) {
        for key in self.keys_in(cluster) {
            let mut ledger = locked(&self.ledger);
            let Some(mut share) = ledger.share(&key, cluster).cloned() else {
                continue;
            };
            if working && share.answer == Answer::Given {
                let since = *share.missed_since.get_or_insert(now);
                share.given_up |= now.saturating_duration_since(since) >= patience;
            } else {
                share.missed_since = None;
            }
            self.set(&mut ledger, &key, cluster, Some(share));
        }
    }

    /// Whether anything promised in a cluster was given back since this was last asked.
    pub(crate) fn take_eased(&self, cluster: &ClusterName) -> bool {
        let mut ledger = locked(&self.ledger);
        let total = ledger.totals.get_mut(cluster);
        let eased = total.is_some_and(|total| std::mem::take(&mut total.eased));
        if ledger
            .totals
            .get(cluster)
            .is_some_and(|total| total.sum == Sum::default())
        {
            ledger.totals.remove(cluster);
        }
        eased
    }
}

/// A share after something new was learnt.
fn next(
    before: Option<&Share>,
    request: &Arc<Amounts>,
    mut pods: Pods,
    answer: Answer,
    counting: Counting,
) -> Share {
    if let Some(before) = before
        && counting == Counting::Behind
    {
        pods.present = pods.present.min(before.pods.present);
    }
    let mut share = Share {
        request: Arc::clone(request),
        pods,
        answer,
        missed_since: None,
        given_up: false,
    };
    let Some(before) = before.filter(|before| before.request == *request) else {
        return share;
    };
    // More is wanted than was given up: that is a new promise. Of what was given up, what comes is seen in the figures.
    share.given_up =
        before.given_up && pods.wanted <= before.pods.wanted && pods.present < pods.wanted;
    if share.given_up {
        share.pods.wanted = before.pods.wanted;
    } else if share.outstanding() == before.outstanding() {
        share.missed_since = before.missed_since;
    }
    share
}

#[cfg(test)]
#[path = "promised_tests.rs"]
mod tests;
