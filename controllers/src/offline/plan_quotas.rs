//! What a change would mean for global quotas: whose limit would be exceeded, who would wait and who would come in. Those
//! who ask for something are let in one after the other, in the order that the controllers keep. Pure.

use super::documents::Key;
use super::quotas::{Asked, Books, QuotaAnswer};
use super::results::ObjectName;
use crate::host::quotas::PATIENCE;
use jiff::Timestamp;
use navarch_crds::quota::Strategy;
use navarch_scheduler::quota::resource::amount_text;
use navarch_scheduler::quota::{Line, Over};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What would be of the quotas.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct QuotaPlan {
    /// Quotas of which anything would be another way, by name.
    pub quotas: Vec<QuotaChange>,
    /// Objects that would wait, or go on to wait.
    pub waits: Vec<Waits>,
    /// Objects that wait now, and would come in.
    pub fits: Vec<ObjectName>,
}

/// A quota of which something would be another way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct QuotaChange {
    /// Its name.
    pub name: String,
    /// It is there now.
    pub before: bool,
    /// What would be wrong with it: nothing under it would grow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Where more would be used than its limit. Nothing is stopped; nothing grows.
    pub over: Vec<String>,
    /// Its figures, those that stay as they are included.
    pub resources: Vec<Figure>,
}

/// One resource of a quota, now and then. Empty where nothing bounds it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figure {
    /// The resource.
    pub name: String,
    /// What is used now.
    pub used: String,
    /// What would be used.
    pub used_then: String,
    /// The limit now.
    pub limit: String,
    /// The limit then.
    pub limit_then: String,
    /// What is free now.
    pub free: String,
    /// What would be free.
    pub free_then: String,
}

/// An object that would wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waits {
    /// Which.
    pub object: ObjectName,
    /// For what.
    pub message: String,
    /// It waits without the change, too.
    pub already: bool,
}

/// What quotas said of some objects.
pub(super) type Said = Vec<(ObjectName, QuotaAnswer)>;

/// Compares the quotas now and then. Books and answers of one side belong together.
pub(super) fn plan(
    mut present: Option<Books>,
    now_said: &Said,
    mut future: Option<Books>,
    then_said: &Said,
    now: Timestamp,
) -> QuotaPlan {
    let mut waiting = BTreeSet::new();
    if let Some(books) = &mut present {
        let refused = let_in(books, now_said, now);
        let waits = now_said.iter().filter(|(_, answer)| {
            let key = answer.asked.as_ref().map(|asked| &asked.key);
            !answer.fits || key.is_some_and(|key| refused.contains_key(key))
        });
        waiting.extend(waits.map(|(object, _)| object.shown()));
    }
    let mut plan = QuotaPlan::default();
    let refused = match &mut future {
        Some(books) => let_in(books, then_said, now),
        None => BTreeMap::new(),
    };
    for (object, answer) in then_said {
        let key = answer.asked.as_ref().map(|asked| &asked.key);
        let why = key.and_then(|key| refused.get(key)).cloned();
        let part = || answer.message.clone().filter(|_| !answer.fits);
        match why.or_else(part) {
            Some(message) => plan.waits.push(Waits {
                object: object.clone(),
                message,
                already: waiting.contains(&object.shown()),
            }),
            None if waiting.contains(&object.shown()) => plan.fits.push(object.clone()),
            None => {}
        }
    }
    plan.quotas = changes(present.as_ref(), future.as_ref());
    plan
}

/// Lets in who fits, and says why the others do not.
fn let_in(books: &mut Books, said: &Said, now: Timestamp) -> BTreeMap<Key, String> {
    let tree = Arc::clone(books.account.tree());
    let mut line: Line<Key> = Line::new(Arc::clone(&tree), PATIENCE);
    let asking = said.iter().filter_map(|(_, answer)| answer.asked.as_ref());
    let asking: BTreeMap<&Key, &Asked> = asking.map(|asked| (&asked.key, asked)).collect();
    for (key, asked) in &asking {
        let since = asked.since.unwrap_or(now);
        line.wait(key, &asked.leaves, 0, since, &asked.more);
    }
    // Everybody is offered what there is.
    let everywhere = books.account.set_clusters(&books.clusters);
    let mut refused = BTreeMap::new();
    let mut shut = BTreeSet::new();
    loop {
        let account = &books.account;
        let share = |node| account.share(node);
        let Some(key) = line.woken(&everywhere, share).next().cloned() else {
            return refused;
        };
        line.leave(&key);
        let Some(asked) = asking.get(&key) else {
            continue;
        };
        let nodes = asked.leaves.nodes();
        if nodes.iter().any(|node| shut.contains(node)) {
            let message = "others wait for the same room".to_owned();
            refused.insert(key, message);
        } else if let Err(refusal) = books.account.reserve(&key, &asked.leaves, &asked.wanted) {
            refused.insert(key, refusal.to_string());
            let waited = asked.since.map(|since| now.duration_since(since));
            let patient = waited.is_none_or(|waited| waited <= PATIENCE);
            let passes = |node| patient && tree.strategy(node) != Strategy::StrictFifo;
            shut.extend(nodes.iter().copied().filter(|node| !passes(*node)));
        }
    }
}

fn changes(present: Option<&Books>, future: Option<&Books>) -> Vec<QuotaChange> {
    let names = |books: Option<&Books>| -> BTreeSet<String> {
        let tree = books.map(|books| Arc::clone(books.account.tree()));
        let nodes = tree.iter().flat_map(|tree| {
            let names = tree.nodes().map(|node| tree.name(node).to_owned());
            names.collect::<Vec<_>>()
        });
        nodes.collect()
    };
    let mut changes = Vec::new();
    for name in names(present)
        .into_iter()
        .chain(names(future))
        .collect::<BTreeSet<_>>()
    {
        let (before, after) = (sight(present, &name), sight(future, &name));
        if before != after {
            changes.push(shown(name, before, after.unwrap_or_default()));
        }
    }
    changes
}

/// What is seen of one quota: limit, use and what is free of each resource.
#[derive(Default, PartialEq)]
struct Sight {
    problem: Option<String>,
    over: Vec<String>,
    resources: BTreeMap<String, (String, String, String)>,
}

fn sight(books: Option<&Books>, name: &str) -> Option<Sight> {
    let account = &books?.account;
    let node = account.tree().node(name)?;
    let problem = account.tree().problem(node);
    let figures = account.figures(node).resources.into_iter();
    let resources = figures.map(|figure| {
        let told = figure.status();
        (told.name, (told.used, told.limit, told.headroom))
    });
    Some(Sight {
        problem: problem.map(|problem| format!("{}: {}", problem.reason, problem.message)),
        over: account.over_limit(node).iter().map(over).collect(),
        resources: resources.collect(),
    })
}

fn over(over: &Over) -> String {
    let text = |amount| amount_text(over.resource.as_str(), amount);
    let place = over.cluster.as_ref();
    let place = place.map_or_else(String::new, |cluster| format!(" in cluster {cluster}"));
    format!(
        "{} of {}{place} used, the limit is {}",
        text(over.used),
        over.resource,
        text(over.limit)
    )
}

fn shown(name: String, before: Option<Sight>, mut after: Sight) -> QuotaChange {
    let is_there = before.is_some();
    let mut before = before.unwrap_or_default();
    let mut names: BTreeSet<String> = before.resources.keys().cloned().collect();
    names.extend(after.resources.keys().cloned());
    let figure = |name: String| {
        let (used, limit, free) = before.resources.remove(&name).unwrap_or_default();
        let (used_then, limit_then, free_then) = after.resources.remove(&name).unwrap_or_default();
        Figure {
            name,
            used,
            used_then,
            limit,
            limit_then,
            free,
            free_then,
        }
    };
    let resources = names.into_iter().map(figure).collect();
    QuotaChange {
        name,
        before: is_there,
        problem: after.problem,
        over: after.over,
        resources,
    }
}
