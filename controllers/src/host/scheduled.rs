//! What passes have to say about scheduling and about quotas until it stands in the status of the federated object
//! (conditions `Scheduled` and `QuotaReserved`). Nothing is kept of an object whose condition says it already.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use navarch_crds::v1alpha1::GenericFederatedObjectCondition;
use serde::Deserialize as _;
use serde_json::Value;

use crate::runtime::key::Key;
use crate::runtime::locked;

/// A condition that passes have words for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Topic {
    /// The type of the condition.
    pub(crate) condition: &'static str,
    /// The reason of a condition that is true without a word more.
    pub(crate) well: &'static str,
    /// Problems that make it false; of several the first is told.
    failed: &'static [&'static str],
    /// Problems that the user should know of, if it is true.
    noted: &'static [&'static str],
}

/// Whether the object is placed as it and its policy ask.
pub(crate) const SCHEDULED: Topic = Topic {
    condition: "Scheduled",
    well: "Placed",
    failed: &[
        "NothingFits",
        "PolicyInvalid",
        "PolicyNotFound",
        "ProfileInvalid",
        "ProfileNotFound",
        "SchedulingFailed",
    ],
    noted: &["ParseMigrationConfiguration", "AnnotationIgnored"],
};

/// Whether all of it is charged to its quotas.
pub(crate) const QUOTA_RESERVED: Topic = Topic {
    condition: "QuotaReserved",
    well: "Reserved",
    failed: &[
        "QuotaExceeded",
        "QuotaInactive",
        "QuotaAmbiguous",
        "QuotaNotReady",
    ],
    noted: &[],
};

/// What a pass says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// All is as it should be: the placement is as object and policy ask, the charge is that of the placement.
    Well,
    /// It is, with something that the user should know.
    Noted {
        reason: &'static str,
        message: String,
    },
    /// It is not: nothing fits, or nothing could be decided.
    Failed {
        reason: &'static str,
        message: String,
    },
}

impl Word {
    /// The word of a pass with these problems: messages by reason.
    pub(crate) fn of(topic: Topic, problems: &BTreeMap<&'static str, String>) -> Self {
        let first = |reasons: &[&'static str]| {
            let mut reasons = reasons.iter();
            reasons.find_map(|reason| Some((*reason, problems.get(reason)?.clone())))
        };
        if let Some((reason, message)) = first(topic.failed) {
            return Self::Failed { reason, message };
        }
        let noted = first(topic.noted);
        noted.map_or(Self::Well, |(reason, message)| Self::Noted {
            reason,
            message,
        })
    }

    /// Status, reason and message of the condition.
    pub(crate) fn condition(&self, topic: Topic) -> (&'static str, &str, &str) {
        match self {
            Self::Well => ("True", topic.well, ""),
            Self::Noted { reason, message } => ("True", reason, message),
            Self::Failed { reason, message } => ("False", reason, message),
        }
    }

    /// The condition says this already. A message that is missing where there has been a write was cut off
    /// by a resource definition without that field (KubeAdmiral's own): writing it again would not help.
    pub(crate) fn is_said_by(
        &self,
        topic: Topic,
        stored: Option<&GenericFederatedObjectCondition>,
    ) -> bool {
        let (status, reason, message) = self.condition(topic);
        match (stored, self) {
            // That all is well is written with the rest of the status, not for itself.
            (None, Self::Well) => true,
            (None, _) => false,
            // What was noted holds as long as the decision that it was noted at.
            (Some(stored), Self::Well) => stored.status == status,
            (Some(stored), _) => {
                stored.status == status
                    && stored.reason == reason
                    && (stored.message == message || stored.message.is_empty())
            }
        }
    }
}

/// The condition of a federated object as it is stored.
pub(crate) fn stored(
    topic: Topic,
    federated: Option<&Value>,
) -> Option<GenericFederatedObjectCondition> {
    let conditions = federated?.pointer("/status/conditions")?.as_array()?;
    let found = conditions
        .iter()
        .find(|condition| condition.get("type").and_then(Value::as_str) == Some(topic.condition))?;
    GenericFederatedObjectCondition::deserialize(found).ok()
}

/// Words that are to be written about one topic.
#[derive(Debug)]
pub(crate) struct Words {
    topic: Topic,
    words: Mutex<HashMap<Key, Word>>,
}

impl Words {
    pub(crate) fn new(topic: Topic) -> Self {
        Self {
            topic,
            words: Mutex::default(),
        }
    }

    /// What the words are about.
    pub(crate) fn topic(&self) -> Topic {
        self.topic
    }

    /// Takes the word of a pass; whether there is something to be written.
    pub(crate) fn put(
        &self,
        key: &Key,
        word: Word,
        asked: bool,
        stored: Option<&GenericFederatedObjectCondition>,
    ) -> bool {
        let mut words = locked(&self.words);
        if word == Word::Well && !asked && matches!(words.get(key), Some(Word::Noted { .. })) {
            // It was noted at the last decision, which holds.
            return false;
        }
        // What was noted before the decision of now does not hold any more.
        let cleared = word == Word::Well
            && asked
            && stored.is_some_and(|stored| stored.reason != self.topic.well);
        if word.is_said_by(self.topic, stored) && !cleared {
            words.remove(key);
            return false;
        }
        words.insert(key.clone(), word.clone()) != Some(word)
    }

    /// What is still to be written.
    pub(crate) fn get(&self, key: &Key) -> Option<Word> {
        locked(&self.words).get(key).cloned()
    }

    /// This word was written; one that came meanwhile stays. `None`: the object has gone.
    pub(crate) fn written(&self, key: &Key, word: Option<&Word>) {
        let mut words = locked(&self.words);
        if word.is_none() || words.get(key) == word {
            words.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(status: &str, reason: &str, message: &str) -> GenericFederatedObjectCondition {
        GenericFederatedObjectCondition {
            condition_type: SCHEDULED.condition.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message: message.to_owned(),
            ..GenericFederatedObjectCondition::default()
        }
    }

    #[test]
    fn only_what_differs_is_written() {
        let failed = |message: &str| Word::Failed {
            reason: "NothingFits",
            message: message.to_owned(),
        };
        let noted = || Word::Noted {
            reason: "AnnotationIgnored",
            message: "m".to_owned(),
        };
        for (name, word, stored, said) in [
            ("well, and nothing written", Word::Well, None, true),
            (
                "well again",
                Word::Well,
                Some(stored("False", "NothingFits", "0/1")),
                false,
            ),
            (
                "well as noted",
                Word::Well,
                Some(stored("True", "AnnotationIgnored", "m")),
                true,
            ),
            ("failed first", failed("0/1"), None, false),
            (
                "failed alike",
                failed("0/1"),
                Some(stored("False", "NothingFits", "0/1")),
                true,
            ),
            (
                "failed otherwise",
                failed("0/2"),
                Some(stored("False", "NothingFits", "0/1")),
                false,
            ),
            (
                "the message was cut off",
                failed("0/2"),
                Some(stored("False", "NothingFits", "")),
                true,
            ),
            (
                "noted first",
                noted(),
                Some(stored("True", "Placed", "")),
                false,
            ),
        ] {
            assert_eq!(word.is_said_by(SCHEDULED, stored.as_ref()), said, "{name}");
        }
    }

    #[test]
    fn the_worst_problem_is_the_word() {
        let problems = [
            ("UnknownCluster", "x"),
            ("AnnotationIgnored", "odd"),
            ("NothingFits", "0/0"),
        ];
        let word = |count: usize| {
            let told = problems.into_iter().take(count);
            let told = told.map(|(reason, message)| (reason, message.to_owned()));
            Word::of(SCHEDULED, &told.collect())
        };
        assert_eq!(word(1), Word::Well);
        assert_eq!(
            word(2).condition(SCHEDULED),
            ("True", "AnnotationIgnored", "odd")
        );
        assert_eq!(
            word(3).condition(SCHEDULED),
            ("False", "NothingFits", "0/0")
        );
    }
}
