//! What lies behind the lock of the quotas: the tree and whom it charges, and whose turn it is when something comes free.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::SignedDuration;
use navarch_crds::names::ClusterName;
use navarch_crds::quota::Charge;
use navarch_scheduler::quota::{Account, Freed, Leaves, Line, Subject, Tree};

use super::priorities::Priorities;
use super::{Charged, Definition, Labels};
use crate::runtime::key::Key;

/// Who has been passed for so long lets nobody pass any more.
pub(crate) const PATIENCE: SignedDuration = SignedDuration::from_mins(5);

#[derive(Debug)]
pub(super) struct State {
    pub(super) definitions: BTreeMap<String, Definition>,
    pub(super) namespaces: BTreeMap<String, Labels>,
    pub(super) clusters: BTreeMap<ClusterName, Labels>,
    pub(super) priorities: Priorities,
    /// The tree is older than the definitions, or objects were attributed before namespaces were known.
    pub(super) stale: bool,
    /// Objects have not been looked at since that changed.
    pub(super) news: bool,
    pub(super) account: Account<Key>,
    pub(super) line: Line<Key>,
    /// Each object, and what it is charged.
    pub(super) objects: HashMap<Key, (Charged, Charge)>,
    /// Objects of which more is charged than placed: when a member is seen to run less, it is given back.
    pub(super) releasing: BTreeSet<Key>,
    /// As what objects were admitted that are not settled yet.
    pub(super) admitted: BTreeMap<Key, Charged>,
    pub(super) turns: Turns,
}

/// Whose turn it is. What comes free is offered to those who wait, one after the other in their order; who comes
/// meanwhile lets them go first.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// Where something came free that not everybody has been offered yet.
    pub(super) freed: Option<Freed>,
    /// Who has been offered it in vain.
    pub(super) tried: HashSet<Key>,
    /// Who is trying.
    pub(super) called: Option<Key>,
    /// Who came meanwhile.
    pub(super) came: Vec<Key>,
    /// Keys to be looked at.
    pub(super) woken: Vec<Key>,
    /// What those who wait asked for last, and as what; without it, nobody knows whether they fit.
    pub(super) asked: HashMap<Key, (Charged, Charge)>,
}

impl State {
    pub(super) fn new() -> Self {
        let tree = Arc::new(Tree::default());
        Self {
            definitions: BTreeMap::new(),
            namespaces: BTreeMap::new(),
            clusters: BTreeMap::new(),
            priorities: Priorities::default(),
            stale: false,
            news: false,
            account: Account::new(Arc::clone(&tree), &BTreeMap::new()),
            line: Line::new(tree, PATIENCE),
            objects: HashMap::new(),
            releasing: BTreeSet::new(),
            admitted: BTreeMap::new(),
            turns: Turns::default(),
        }
    }

    pub(super) fn leaves(&self, key: &Key) -> Leaves {
        let object = self.objects.get(key);
        object.map_or(Leaves::None, |(object, _)| self.leaves_of(key, object))
    }

    pub(super) fn leaves_of(&self, key: &Key, object: &Charged) -> Leaves {
        leaves_in(self.account.tree(), &self.namespaces, key, object)
    }

    /// Something was given back: those who wait are offered it.
    pub(super) fn wake(&mut self, freed: Freed) {
        if freed.is_empty() {
            return;
        }
        self.turns.tried.clear();
        match &mut self.turns.freed {
            Some(before) => before.extend(freed),
            none => *none = Some(freed),
        }
        self.call();
    }

    /// Gives the next one a turn.
    fn call(&mut self) {
        if self.turns.called.is_some() {
            return;
        }
        if let Some(freed) = &self.turns.freed {
            let (account, turns) = (&self.account, &self.turns);
            let mut waiting = self.line.woken(freed, |node| account.share(node));
            let next = waiting.find(|key| {
                let fits = |(object, asked): &(Charged, Charge)| {
                    let leaves = self.leaves_of(key, object);
                    account.would_fit(key, &leaves, asked).is_ok()
                };
                !turns.tried.contains(*key) && turns.asked.get(*key).is_none_or(fits)
            });
            if let Some(next) = next.cloned() {
                self.turns.called = Some(next.clone());
                self.turns.woken.push(next);
                return;
            }
        }
        self.turns.freed = None;
        self.turns.tried.clear();
        let came = std::mem::take(&mut self.turns.came);
        self.turns.woken.extend(came);
    }

    /// A look at an object has ended; if it had a turn, the next one has it.
    pub(super) fn end_turn(&mut self, key: &Key) {
        if self.turns.called.as_ref() == Some(key) {
            self.turns.called = None;
            self.turns.tried.insert(key.clone());
            self.call();
        }
    }

    /// It does not wait any more.
    pub(super) fn leave_line(&mut self, key: &Key) {
        self.line.leave(key);
        self.turns.asked.remove(key);
    }

    /// Builds the tree anew if anything that it rests on has changed.
    pub(super) fn settle(&mut self) {
        if !std::mem::take(&mut self.stale) {
            return;
        }
        let specs = self.definitions.iter();
        let specs = specs.map(|(name, definition)| (name.clone(), definition.spec.clone()));
        let tree = Arc::new(Tree::build(&specs.collect()));
        let attributed = |(key, (object, _)): (&Key, &(Charged, Charge))| {
            let leaves = leaves_in(&tree, &self.namespaces, key, object);
            (key.clone(), leaves)
        };
        let found: HashMap<Key, Leaves> = self.objects.iter().map(attributed).collect();
        let attribute = |key: &Key| found.get(key).cloned().unwrap_or(Leaves::None);
        let freed = self.account.set_tree(Arc::clone(&tree), attribute);
        for (key, object) in &self.admitted {
            let leaves = leaves_in(&tree, &self.namespaces, key, object);
            self.account.readmit(key, &leaves);
        }
        self.line.set_tree(tree, attribute);
        self.wake(freed);
    }
}

/// Whom a tree charges for an object.
fn leaves_in(
    tree: &Tree,
    namespaces: &BTreeMap<String, Labels>,
    key: &Key,
    object: &Charged,
) -> Leaves {
    let none = Labels::new();
    let namespace = key.namespace().unwrap_or_default();
    tree.leaves_of(&Subject {
        namespace,
        namespace_labels: namespaces.get(namespace).unwrap_or(&none),
        group: &object.group,
        kind: &object.kind,
        labels: &object.labels,
        priority_class: &object.priority_class,
    })
}
