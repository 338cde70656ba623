//! Plugins whose answers come from outside. A decision asks no one: where an answer is missing, the plugin notes the
//! question and gives a provisional verdict; whoever runs the decision gets the answers and decides again, until
//! nothing is wanted. A result with something wanted is none.
//!
//! Questions of a later point are only noted when nothing is wanted at an earlier one, so that nobody is asked about
//! clusters that an earlier plugin refuses, and all that is wanted at once can be asked in one call.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use navarch_crds::names::ClusterName;

use crate::framework::registry::Registered;
use crate::framework::signature::Signature;
use crate::framework::traits::{
    Candidate, ClusterContext, Filter, Normalise, Plugin, Score, Select, SelectContext,
};
use crate::unit::Unit;
use crate::verdict::{PluginError, Reason, Verdict, Wake};

/// What an outside plugin is asked, the points in their order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ask {
    /// May this cluster run the object?
    Filter(ClusterName),
    /// How much is this cluster preferred?
    Score(ClusterName),
    /// Which of these, with their scores?
    Select(Vec<(ClusterName, i64)>),
}

impl Ask {
    fn point(&self) -> u8 {
        match self {
            Self::Filter(_) => 0,
            Self::Score(_) => 1,
            Self::Select(_) => 2,
        }
    }
}

/// One question to one plugin. The object is the same for all questions of a decision.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Question {
    /// The plugin.
    pub plugin: Arc<str>,
    /// What it is asked.
    pub ask: Ask,
}

/// What it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The cluster may run the object.
    Fits,
    /// The cluster may not, for this reason if it gave one.
    Refused(Option<Arc<str>>),
    /// The score of the cluster.
    Score(i64),
    /// The chosen clusters, in the order of preference.
    Chosen(Vec<String>),
}

/// An answer, or why there is none.
pub type Answered = Result<Answer, PluginError>;

/// The answers known in one decision, shared by its plugins. Cheap to clone; all clones are the same store.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    shared: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    answers: BTreeMap<Question, Answered>,
    wanted: BTreeSet<Question>,
}

impl Answers {
    /// Takes an answer over.
    pub fn put(&self, question: Question, answer: Answered) {
        let mut known = self.known();
        known.wanted.remove(&question);
        known.answers.insert(question, answer);
    }

    /// What was asked for and is not known. As long as this is not empty, a decision made with these answers is none.
    #[must_use]
    pub fn wanted(&self) -> Vec<Question> {
        self.known().wanted.iter().cloned().collect()
    }

    /// The answer; if there is none, the question is noted unless one of an earlier point is open.
    fn get(&self, question: Question) -> Option<Answered> {
        let mut known = self.known();
        if let Some(answer) = known.answers.get(&question) {
            return Some(answer.clone());
        }
        let point = question.ask.point();
        // A choice may rest on the choice of another plugin before it.
        let early = |open: &Question| {
            open.ask.point() < point
                || matches!((&open.ask, &question.ask), (Ask::Select(_), Ask::Select(_)))
        };
        if !known.wanted.iter().any(early) {
            known.wanted.insert(question);
        }
        None
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Every change is one step, so a panic of another holder leaves nothing half done.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A plugin that says what [`Answers`] knows.
#[derive(Clone, Debug)]
pub struct Webhook {
    name: Arc<str>,
    answers: Answers,
}

impl Webhook {
    /// The plugin under its name, for [`crate::framework::registry::Registry::with`]. It serves all points where others
    /// can be asked; one that does not is found out when it is asked.
    #[must_use]
    pub fn registered(name: &str, answers: &Answers) -> Registered {
        let plugin = Self {
            name: name.into(),
            answers: answers.clone(),
        };
        Registered::new(name)
            .filter(plugin.clone())
            .score(plugin.clone())
            .select(plugin)
    }

    fn ask(&self, ask: Ask) -> Option<Answered> {
        self.answers.get(Question {
            plugin: Arc::clone(&self.name),
            ask,
        })
    }
}

/// Nobody here knows what it looks at.
const WAKES: &[Wake] = &[
    Wake::Object,
    Wake::Policy,
    Wake::ClusterSet,
    Wake::ClusterLabels,
    Wake::ClusterTaints,
    Wake::ClusterApiResources,
    Wake::ClusterReady,
    Wake::ClusterResources,
    Wake::Webhook,
];

impl Plugin for Webhook {
    fn wakes(&self) -> &'static [Wake] {
        WAKES
    }

    fn signature(&self, _unit: &Unit) -> Option<Signature> {
        None
    }
}

fn misplaced(answer: &Answer) -> PluginError {
    PluginError(format!("the answer {answer:?} is to another question"))
}

impl Filter for Webhook {
    fn filter(&self, context: &ClusterContext<'_>) -> Verdict {
        let refused = |why: &str| Verdict::NotNow(Reason::Other(why.into()), WAKES);
        match self.ask(Ask::Filter(context.cluster.name().clone())) {
            // Provisional: later plugins are not asked about this cluster before this one has answered.
            None => refused("no answer yet"),
            Some(Ok(Answer::Fits)) => Verdict::Fits,
            Some(Ok(Answer::Refused(Some(why)))) => Verdict::NotNow(Reason::Other(why), WAKES),
            Some(Ok(Answer::Refused(None))) => {
                refused(&format!("refused by the webhook {}", self.name))
            }
            Some(Ok(other)) => Verdict::Broken(misplaced(&other)),
            Some(Err(error)) => Verdict::Broken(error),
        }
    }
}

impl Score for Webhook {
    fn score(&self, context: &ClusterContext<'_>) -> Result<i64, PluginError> {
        match self.ask(Ask::Score(context.cluster.name().clone())) {
            None => Ok(0),
            Some(Ok(Answer::Score(score))) => Ok(score),
            Some(Ok(other)) => Err(misplaced(&other)),
            Some(Err(error)) => Err(error),
        }
    }

    fn normalise(&self) -> Normalise {
        Normalise::Upward
    }
}

impl Select for Webhook {
    fn select<'a>(&self, context: SelectContext<'a>) -> Result<Vec<Candidate<'a>>, PluginError> {
        let asked = context.candidates.iter();
        let asked = asked.map(|one| (one.cluster.name().clone(), one.score));
        match self.ask(Ask::Select(asked.collect())) {
            None => Ok(Vec::new()),
            Some(Ok(Answer::Chosen(names))) => chosen(&context.candidates, &names),
            Some(Ok(other)) => Err(misplaced(&other)),
            Some(Err(error)) => Err(error),
        }
    }
}

/// The candidates of these names, in this order. A name that comes twice counts once: what would follow from
/// counting a cluster twice is no placement that anybody could mean.
fn chosen<'a>(
    candidates: &[Candidate<'a>],
    names: &[String],
) -> Result<Vec<Candidate<'a>>, PluginError> {
    let by_name: BTreeMap<&str, &Candidate<'a>> = candidates
        .iter()
        .map(|one| (one.cluster.name().as_str(), one))
        .collect();
    let mut taken = BTreeSet::new();
    let mut chosen = Vec::with_capacity(names.len());
    for name in names {
        let Some(candidate) = by_name.get(name.as_str()) else {
            return Err(PluginError(format!(
                "it chose cluster {name:?}, which it was not asked about"
            )));
        };
        if taken.insert(name) {
            chosen.push(**candidate);
        }
    }
    Ok(chosen)
}

#[cfg(test)]
#[path = "webhook_tests.rs"]
mod tests;
