//! What plugins read of every cluster, side by side, so that a decision need not fetch thousands of clusters from all
//! over the memory. It says nothing that the clusters do not say; what is not in it is read there.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::ptr;
use std::sync::Arc;

use navarch_crds::names::ClusterName;

use crate::resources::Amounts;
use crate::selector::Labels;
use crate::snapshot::{ApiResource, Cluster, Served, Taint, TaintList};

/// So many different lists of taints are told apart. Clusters with further ones have their own.
const LISTS_MAX: usize = 32;
/// So many keys and values of labels are told apart; with a further one it begins anew.
const TEXTS_MAX: usize = 4096;

/// Keys and values, by key.
type LabelList = Arc<[(Arc<str>, Arc<str>)]>;

/// What is said of one cluster and seldom changes.
#[derive(Clone, Debug)]
struct Described {
    name: ClusterName,
    name_hash: u32,
    ready: bool,
    terminating: bool,
    /// `None`: no taint.
    taints: Option<TaintList>,
    labels: LabelList,
    served: Arc<Served>,
}

/// What one cluster has.
#[derive(Clone, Copy, Debug)]
struct Room {
    milli_cpu: Supply,
    memory: Supply,
}

/// Amounts of one resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Supply {
    /// What there is.
    pub allocatable: i64,
    /// What is free; may be negative.
    pub available: i64,
}

impl Supply {
    fn of(cluster: &Cluster, amount: impl Fn(&Amounts) -> i64) -> Self {
        Self {
            allocatable: amount(cluster.allocatable()),
            available: amount(cluster.available()),
        }
    }
}

impl From<&Cluster> for Room {
    fn from(cluster: &Cluster) -> Self {
        Self {
            milli_cpu: Supply::of(cluster, |amounts| amounts.milli_cpu),
            memory: Supply::of(cluster, |amounts| amounts.memory),
        }
    }
}

/// One cluster.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outline<'a> {
    described: &'a Described,
    room: &'a Room,
}

/// All clusters, in their order. Figures change all the time, and then nothing else is touched.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outlines {
    described: Arc<Descriptions>,
    rooms: Vec<Room>,
}

#[derive(Clone, Debug, Default)]
struct Descriptions {
    all: Vec<Described>,
    /// Most clusters have one of a few lists of taints.
    lists: Vec<TaintList>,
    /// Zones, regions and the like are the same texts on many clusters.
    texts: BTreeSet<Arc<str>>,
}

impl Outlines {
    pub(crate) fn of(clusters: &[Arc<Cluster>]) -> Self {
        let mut described = Descriptions::default();
        for cluster in clusters {
            let one = described.describe(cluster);
            described.all.push(one);
        }
        Self {
            described: Arc::new(described),
            rooms: clusters.iter().map(|one| Room::from(&**one)).collect(),
        }
    }

    pub(crate) fn get(&self, place: usize) -> Option<Outline<'_>> {
        Some(Outline {
            described: self.described.all.get(place)?,
            room: self.rooms.get(place)?,
        })
    }

    pub(crate) fn insert(&mut self, place: usize, cluster: &Cluster) {
        let described = Arc::make_mut(&mut self.described);
        let one = described.describe(cluster);
        described.all.insert(place, one);
        self.rooms.insert(place, Room::from(cluster));
    }

    /// The figures of a cluster are other ones.
    pub(crate) fn refigure(&mut self, place: usize, cluster: &Cluster) {
        if let Some(room) = self.rooms.get_mut(place) {
            *room = Room::from(cluster);
        }
    }

    /// Anything about a cluster is otherwise.
    pub(crate) fn replace(&mut self, place: usize, cluster: &Cluster) {
        let described = Arc::make_mut(&mut self.described);
        let one = described.describe(cluster);
        if let Some(known) = described.all.get_mut(place) {
            *known = one;
        }
        self.refigure(place, cluster);
    }

    pub(crate) fn remove(&mut self, place: usize) {
        Arc::make_mut(&mut self.described).all.remove(place);
        self.rooms.remove(place);
    }
}

impl Descriptions {
    fn describe(&mut self, cluster: &Cluster) -> Described {
        let taints = cluster.taint_list();
        Described {
            name: cluster.name().clone(),
            name_hash: cluster.name_hash(),
            ready: cluster.ready(),
            terminating: cluster.terminating(),
            taints: (!taints.is_empty()).then(|| self.list(taints)),
            labels: cluster
                .labels()
                .iter()
                .map(|(key, value)| (self.text(key), self.text(value)))
                .collect(),
            served: Arc::clone(cluster.served()),
        }
    }

    fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return Arc::clone(known);
        }
        if self.texts.len() >= TEXTS_MAX {
            // Much of it may be of clusters that have gone.
            self.texts.clear();
        }
        let text = Arc::from(text);
        self.texts.insert(Arc::clone(&text));
        text
    }

    fn list(&mut self, list: &TaintList) -> TaintList {
        if let Some(known) = self.lists.iter().find(|known| *known == list) {
            return Arc::clone(known);
        }
        if self.lists.len() >= LISTS_MAX {
            self.lists.remove(0);
        }
        self.lists.push(Arc::clone(list));
        Arc::clone(list)
    }
}

/// Labels of a cluster, from wherever they are.
#[derive(Clone, Copy, Debug)]
enum LabelView<'a> {
    Outline(&'a [(Arc<str>, Arc<str>)]),
    Cluster(&'a BTreeMap<String, String>),
}

impl Labels for LabelView<'_> {
    fn label(&self, key: &str) -> Option<&str> {
        match self {
            Self::Cluster(labels) => labels.label(key),
            Self::Outline(labels) => {
                let found = labels.iter().find(|(known, _)| **known == *key)?;
                Some(&found.1)
            }
        }
    }
}

/// Whether a set of resources has one certain resource, as it was said last. The set is told by where it is, so this
/// may not outlive the clusters.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastServed(Cell<Option<(*const Served, bool)>>);

/// A cluster, with its outline where there is one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) outline: Option<Outline<'a>>,
}

impl<'a> View<'a> {
    pub(crate) fn name(self) -> &'a ClusterName {
        match self.outline {
            Some(outline) => &outline.described.name,
            None => self.cluster.name(),
        }
    }

    pub(crate) fn name_hash(self) -> u32 {
        match self.outline {
            Some(outline) => outline.described.name_hash,
            None => self.cluster.name_hash(),
        }
    }

    pub(crate) fn ready(self) -> bool {
        match self.outline {
            Some(outline) => outline.described.ready,
            None => self.cluster.ready(),
        }
    }

    pub(crate) fn terminating(self) -> bool {
        match self.outline {
            Some(outline) => outline.described.terminating,
            None => self.cluster.terminating(),
        }
    }

    pub(crate) fn taints(self) -> &'a [Arc<Taint>] {
        match self.outline {
            Some(outline) => outline.described.taints.as_deref().unwrap_or_default(),
            None => self.cluster.taints(),
        }
    }

    pub(crate) fn labels(self) -> impl Labels + use<'a> {
        match self.outline {
            Some(outline) => LabelView::Outline(&outline.described.labels),
            None => LabelView::Cluster(self.cluster.labels()),
        }
    }

    pub(crate) fn serves(self, resource: &ApiResource) -> bool {
        match self.outline {
            Some(outline) => outline.described.served.contains(resource),
            None => self.cluster.serves(resource),
        }
    }

    /// As [`Self::serves`], for one and the same resource at all clusters: `last` knows the answer for clusters that
    /// share what they serve with the one before.
    pub(crate) fn serves_as_asked(self, resource: &ApiResource, last: &LastServed) -> bool {
        let Some(outline) = self.outline else {
            return self.cluster.serves(resource);
        };
        let served = &outline.described.served;
        if let Some((known, answer)) = last.0.get()
            && ptr::eq(known, Arc::as_ptr(served))
        {
            return answer;
        }
        let answer = served.contains(resource);
        last.0.set(Some((Arc::as_ptr(served), answer)));
        answer
    }

    pub(crate) fn supply(self, resource: &str) -> Supply {
        match (resource, self.outline) {
            ("cpu", Some(outline)) => outline.room.milli_cpu,
            ("memory", Some(outline)) => outline.room.memory,
            _ => Supply::of(self.cluster, |amounts| amounts.get(resource)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::fixtures::cluster;
    use crate::resources::GPU;

    #[test]
    fn an_outline_says_what_the_cluster_says() {
        let clusters = [
            cluster("a")
                .label("zone", "z1")
                .label("tier", "")
                .resource("cpu", 9, 8)
                .resource("memory", 7, 6)
                .resource(GPU, 5, 4),
            cluster("b").unready().taint("k", "v", "NoSchedule"),
            cluster("c")
                .terminating()
                .no_api()
                .taint("k", "v", "NoSchedule"),
        ]
        .map(|builder| Arc::new(builder.build()));
        let mut outlines = Outlines::of(&clusters);
        outlines.remove(1);
        outlines.insert(1, &clusters[0]);
        outlines.replace(1, &clusters[1]);
        let served = ApiResource {
            group: "apps".into(),
            version: "v1".into(),
            kind: "Deployment".into(),
        };
        for (place, cluster) in clusters.iter().enumerate() {
            let outline = outlines.get(place).unwrap();
            let [with, without] = [Some(outline), None].map(|outline| View { cluster, outline });
            assert_eq!(with.name(), without.name());
            assert_eq!(with.name_hash(), without.name_hash());
            for key in ["zone", "tier", "absent"] {
                let (with, without) = (with.labels(), without.labels());
                assert_eq!(with.label(key), without.label(key), "{key}");
            }
            assert_eq!(with.ready(), without.ready());
            assert_eq!(with.terminating(), without.terminating());
            assert_eq!(with.taints(), without.taints());
            for resource in [&served, &ApiResource::default()] {
                let last = LastServed::default();
                for view in [with, with, without] {
                    let answer = cluster.serves(resource);
                    assert_eq!(view.serves(resource), answer);
                    assert_eq!(view.serves_as_asked(resource, &last), answer);
                }
            }
            for resource in ["cpu", "memory", GPU, "pods"] {
                assert_eq!(with.supply(resource), without.supply(resource));
            }
        }
        // One list for both.
        let list = |place: usize| {
            let outline = outlines.get(place).unwrap();
            outline.described.taints.clone().unwrap()
        };
        assert!(Arc::ptr_eq(&list(1), &list(2)));
    }

    #[test]
    fn other_figures_leave_what_is_shared() {
        let clusters = [Arc::new(cluster("a").resource("cpu", 9, 8).build())];
        let before = Outlines::of(&clusters);
        let mut after = before.clone();
        after.refigure(0, &cluster("a").resource("cpu", 9, 7).build());
        assert!(Arc::ptr_eq(&before.described, &after.described));
        let free = |outlines: &Outlines| outlines.rooms[0].milli_cpu.available;
        assert_eq!((free(&before), free(&after)), (8, 7));
    }

    #[test]
    fn what_is_shared_is_bounded() {
        let mut described = Descriptions::default();
        let list = |at: usize| {
            let cluster = cluster("c")
                .taint(&at.to_string(), "", "NoSchedule")
                .build();
            Arc::clone(cluster.taint_list())
        };
        for at in 0..LISTS_MAX + 9 {
            assert_eq!(described.list(&list(at)), list(at));
        }
        for at in 0..TEXTS_MAX + 9 {
            assert_eq!(*described.text(&at.to_string()), *at.to_string());
        }
        assert_eq!(
            (described.lists.len(), described.texts.len()),
            (LISTS_MAX, 9)
        );
    }
}
