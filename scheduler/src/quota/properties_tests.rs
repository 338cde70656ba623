//! Properties of the account, held against one that follows the definitions word by word.

use std::collections::BTreeMap;
use std::sync::Arc;

use navarch_crds::names::ClusterName;
use navarch_crds::quota::{Charge, ClusterCharge, Mode};
use navarch_crds::select::Labels;
use proptest::prelude::*;

use super::account::{Account, Freed};
use super::model_tests::{CLUSTERS, Model, Specs, amounts, charge, nodes, specs};
use super::room::Counted;
use super::tree::{Leaves, Tree};

#[derive(Clone, Debug)]
enum Step {
    Charge(u8, Charge),
    Reserve(u8, Charge),
    Settle(u8),
    Unreserve(u8),
    Forget(u8),
    OtherTree,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = 0..12_u8;
    let step = prop_oneof![
        2 => (key.clone(), charge()).prop_map(|(key, charge)| Step::Charge(key, charge)),
        8 => (key.clone(), charge()).prop_map(|(key, charge)| Step::Reserve(key, charge)),
        3 => key.clone().prop_map(Step::Settle),
        1 => key.clone().prop_map(Step::Unreserve),
        1 => key.prop_map(Step::Forget),
        1 => Just(Step::OtherTree),
    ];
    prop::collection::vec(step, 0..40)
}

/// The account and what it is held against.
struct Pair {
    model: Model,
    other: Specs,
    account: Account<u8>,
}

impl Pair {
    fn new(first: Specs, other: Specs) -> Self {
        let account = Account::new(Arc::new(Tree::build(&first)), &no_labels());
        let model = Model {
            specs: first,
            objects: BTreeMap::new(),
        };
        Self {
            model,
            other,
            account,
        }
    }

    fn at(&self, names: &[String]) -> Leaves {
        at(self.account.tree(), names)
    }

    fn step(&mut self, step: &Step) -> Result<Freed, TestCaseError> {
        let mut freed = Freed::default();
        match step {
            Step::Charge(key, charge) => {
                let leaves = self.model.leaves_of(*key);
                freed = self.account.charge(key, &self.at(&leaves), Some(charge));
                let object = self.model.objects.entry(*key).or_default();
                (object.leaves, object.charge) = (leaves, charge.clone());
            }
            Step::Reserve(key, wanted) => {
                let leaves = self.model.leaves_of(*key);
                let at = self.at(&leaves);
                let before = self.model.bounds();
                let fits = self.account.would_fit(key, &at, wanted);
                let reserved = self
                    .account
                    .reserve(key, &at, wanted)
                    .map(|now| freed = now);
                prop_assert_eq!(&fits, &reserved);
                if reserved.is_ok() {
                    let object = self.model.objects.entry(*key).or_default();
                    (object.leaves, object.reserved) = (leaves, Some(wanted.clone()));
                    for (place, (used, limit)) in self.model.bounds() {
                        let (was, _) = before[&place];
                        prop_assert!(
                            used <= limit || used <= was,
                            "{place:?}: {was} → {used} of {limit}"
                        );
                    }
                }
            }
            Step::Settle(key) => {
                let leaves = self.model.leaves_of(*key);
                if let Some(object) = self.model.objects.get_mut(key)
                    && let Some(reserved) = object.reserved.take()
                {
                    object.charge = reserved;
                    let charge = object.charge.clone();
                    freed = self.account.charge(key, &self.at(&leaves), Some(&charge));
                    freed.extend(self.account.unreserve(key));
                }
            }
            Step::Unreserve(key) => {
                if let Some(object) = self.model.objects.get_mut(key) {
                    object.reserved = None;
                }
                freed = self.account.unreserve(key);
            }
            Step::Forget(key) => {
                self.model.objects.remove(key);
                freed = self.account.forget(key);
            }
            Step::OtherTree => {
                std::mem::swap(&mut self.model.specs, &mut self.other);
                let tree = Arc::new(Tree::build(&self.model.specs));
                let model = &self.model;
                freed = self
                    .account
                    .set_tree(Arc::clone(&tree), |key| at(&tree, &model.leaves_of(*key)));
                let leaves: BTreeMap<u8, _> = model
                    .objects
                    .keys()
                    .map(|key| (*key, model.leaves_of(*key)))
                    .collect();
                for (key, object) in &mut self.model.objects {
                    object.leaves = leaves[key].clone();
                }
            }
        }
        Ok(freed)
    }

    /// At every node there is as much as the definitions say.
    fn check_available(&self) -> Result<(), TestCaseError> {
        let tree = self.account.tree();
        for node in tree.nodes() {
            for (place, resource) in tree.resources().iter().enumerate() {
                let told = self.account.available(node, place, Counted::Enforced);
                let defined = self.model.available(tree.name(node), resource.as_str());
                prop_assert_eq!(told.map(|bound| bound.free), defined);
            }
        }
        Ok(())
    }

    /// What the leaves of a tree lend is idle, and no more than what they borrow.
    fn check_lent(&self) -> Result<(), TestCaseError> {
        let mut sums: BTreeMap<_, (i64, i64)> = BTreeMap::new();
        let tree = self.account.tree();
        for node in tree.nodes() {
            for of in self.account.figures(node).resources {
                prop_assert!(of.lent <= (of.guaranteed - of.used).max(0));
                if tree.is_leaf(node) {
                    let sum = sums.entry((tree.root(node), of.resource)).or_default();
                    *sum = (sum.0 + of.lent, sum.1 + of.borrowed);
                }
            }
        }
        for (place, (lent, borrowed)) in sums {
            prop_assert!(lent <= borrowed, "{place:?}: {lent} of {borrowed}");
        }
        Ok(())
    }

    /// All sums are those of an account that was made just now.
    fn check_sums(&self) -> Result<(), TestCaseError> {
        let mut anew = Account::new(Arc::clone(self.account.tree()), &no_labels());
        for (key, object) in self.model.objects.iter().rev() {
            let leaves = self.at(&object.leaves);
            anew.charge(key, &leaves, Some(&object.charge));
            if let Some(reserved) = &object.reserved {
                anew.take(key, &leaves, reserved);
            }
        }
        for node in anew.tree().nodes() {
            prop_assert_eq!(self.account.figures(node), anew.figures(node));
            prop_assert_eq!(
                &self.account.nodes[node.place()].sums,
                &anew.nodes[node.place()].sums
            );
            let name = anew.tree().name(node);
            for (place, resource) in anew.tree().resources().iter().enumerate() {
                let sum = anew.nodes[node.place()].sums[place];
                prop_assert_eq!(sum.used, self.model.used(name, None, resource.as_str()));
            }
        }
        Ok(())
    }
}

fn at(tree: &Tree, names: &[String]) -> Leaves {
    let mut nodes: Vec<_> = names.iter().map(|name| tree.node(name).unwrap()).collect();
    nodes.sort_unstable();
    if nodes.is_empty() {
        Leaves::None
    } else {
        Leaves::At(nodes.into())
    }
}

fn no_labels() -> BTreeMap<ClusterName, Labels> {
    BTreeMap::new()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn it_admits_what_the_definitions_admit(first in nodes(), other in nodes(), steps in steps()) {
        let mut pair = Pair::new(specs(&first, true), specs(&other, true));
        for step in &steps {
            if let Step::Reserve(key, wanted) = step {
                let leaves = pair.model.leaves_of(*key);
                let refused = pair.account.would_fit(key, &pair.at(&leaves), wanted);
                prop_assert_eq!(refused.is_ok(), pair.model.fits(*key, &leaves, wanted), "{:?}", refused);
            }
            pair.step(step)?;
            pair.check_available()?;
            pair.check_lent()?;
        }
        for node in pair.account.tree().nodes() {
            prop_assert_eq!(pair.account.tree().problem(node), None);
            let name = pair.account.tree().name(node);
            for (place, resource) in pair.account.tree().resources().iter().enumerate() {
                let share = &pair.account.tree().nodes[node.place()].shares[place];
                prop_assert_eq!(share.subtree, pair.model.subtree(name, resource.as_str()));
                prop_assert_eq!(share.kept, pair.model.kept(name, resource.as_str()));
            }
        }
    }

    #[test]
    fn sums_are_the_fold_of_the_objects_and_no_bound_is_passed(
        first in nodes(), other in nodes(), steps in steps(), right in any::<bool>(),
    ) {
        let mut pair = Pair::new(specs(&first, right), specs(&other, right));
        for step in &steps {
            pair.step(step)?;
        }
        pair.check_sums()?;
    }

    #[test]
    fn whoever_fits_now_and_did_not_before_is_woken(
        first in nodes(), other in nodes(), steps in steps(), right in any::<bool>(), wanted in charge(),
    ) {
        const WAITS: u8 = 50;
        let mut pair = Pair::new(specs(&first, right), specs(&other, right));
        let fits = |pair: &Pair| {
            let leaves = pair.at(&pair.model.leaves_of(WAITS));
            (pair.account.would_fit(&WAITS, &leaves, &wanted).is_ok(), leaves)
        };
        for step in &steps {
            let (before, _) = fits(&pair);
            let freed = pair.step(step)?;
            let (after, leaves) = fits(&pair);
            if after && !before {
                let tree = pair.account.tree();
                let mut way = leaves.nodes().iter().flat_map(|leaf| tree.path(*leaf));
                prop_assert!(leaves.is_none() || way.any(|node| freed.nodes().any(|freed| freed == node)));
            }
        }
    }

    #[test]
    fn what_is_kept_back_is_never_borrowed(nodes in nodes(), wanted in prop::collection::vec((0..12_u8, charge()), 0..40)) {
        let mut specs = specs(&nodes, true);
        for spec in specs.values_mut() {
            spec.mode = Mode::Enforce;
        }
        let mut pair = Pair::new(specs, Specs::new());
        for (key, wanted) in wanted {
            pair.step(&Step::Reserve(key, wanted))?;
        }
        let (model, tree) = (&pair.model, pair.account.tree());
        for name in model.specs.keys() {
            for (place, resource) in tree.resources().iter().enumerate() {
                let resource = resource.as_str();
                let node = tree.node(name).unwrap();
                let available = pair.account.available(node, place, Counted::Enforced);
                let available = available.map_or(i128::MAX, |bound| bound.free);
                prop_assert!(available >= model.kept(name, resource) - model.flow(name, resource));
                // Where nobody borrows, everybody has what he is guaranteed.
                let root = model.path(name).pop().unwrap();
                let borrows = |node: &&String| {
                    model.path(node).contains(&root) && model.used(node, None, resource) > model.guaranteed(node, resource)
                };
                if model.leaves().find(borrows).is_none() && model.children(name).is_empty() {
                    prop_assert!(available >= model.guaranteed(name, resource) - model.used(name, None, resource));
                }
            }
        }
    }

    #[test]
    fn headroom_is_exact(
        first in nodes(), steps in steps(), right in any::<bool>(),
        key in 0..12_u8, cluster in prop::sample::select(&CLUSTERS[..]), copy in charge(),
    ) {
        let mut pair = Pair::new(specs(&first, right), specs(&first, right));
        for step in &steps {
            pair.step(step)?;
        }
        pair.step(&Step::Unreserve(key))?;
        let leaves = pair.at(&pair.model.leaves_of(key));
        let present = pair.model.objects.get(&key).map(|object| object.charge.clone()).unwrap_or_default();
        pair.account.charge(&key, &leaves, Some(&present));
        let mut copy = copy.clusters.into_values().next().unwrap_or_default();
        let cluster = ClusterName::new(cluster).unwrap();
        let wanted = |cluster: &ClusterName, replicas: i64, copy: &ClusterCharge| {
            let mut wanted = present.clone();
            wanted.clusters.insert(cluster.clone(), ClusterCharge { replicas, ..copy.clone() });
            wanted
        };
        let most = pair.account.headroom(&key, &leaves, &copy, &cluster);
        let fits = |replicas| pair.account.would_fit(&key, &leaves, &wanted(&cluster, replicas, &copy)).is_ok();
        prop_assert!(fits(most) || (most == 0 && !copy.fixed.is_empty()));
        prop_assert!(most == i64::MAX || !fits(most + 1));

        copy.fixed.clear();
        let total = pair.account.headroom_total(&key, &leaves, &copy.each);
        let covered: i64 = CLUSTERS.iter().map(|cluster| {
            let uses = present.clusters.get(&ClusterName::new(cluster).unwrap()).cloned().unwrap_or_default();
            let uses = amounts(&Charge { clusters: BTreeMap::from([(ClusterName::new(cluster).unwrap(), uses)]), ..Charge::default() });
            let whole = copy.each.iter().filter(|(_, each)| **each > 0).map(|(name, each)| {
                let there = uses.get(&(Some((*cluster).to_owned()), name.clone())).copied().unwrap_or(0);
                i64::try_from(there).unwrap() / each
            });
            whole.min().unwrap_or(0)
        }).sum();
        let new = ClusterName::new("new").unwrap();
        let fits = |replicas| pair.account.would_fit(&key, &leaves, &wanted(&new, replicas, &copy)).is_ok();
        if total == i64::MAX {
            prop_assert!(fits(1_000_000));
        } else {
            prop_assert!(fits(total - covered));
            prop_assert!(!fits(total - covered + 1));
        }
    }
}
