//! What is remembered of the copy of one object in one member: fixed size, never the object.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use navarch_crds::keys::annotation as key;
use navarch_crds::v1alpha1::{FederatedTypeConfigSpec, PropagationStatusType};
use serde_json::Value;

use crate::copies::applied::{Applied, Replicas};
use crate::copies::drift;
use crate::copies::observe::{Observed, observe};
use crate::copies::predecessor;
use crate::runtime::compact::{Compact, annotation, text};

/// One copy.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) type_config: Arc<str>,
    pub(crate) uid: Arc<str>,
    pub(crate) version: u64,
    pub(crate) applied: Option<Applied>,
    /// Digest of our entry of the managed fields; 0: there is none.
    pub(crate) fields: u64,
    /// How it was found when it was last compared. `None`: what is wanted was not known when the copy was seen.
    pub(crate) verdict: Option<Verdict>,
    pub(crate) owners: Owners,
    /// Who decides about the replicas.
    pub(crate) replicas: Replicas,
    /// It was there before us.
    pub(crate) adopted: bool,
    pub(crate) terminating: bool,
    /// The listing in which the copy was last seen.
    pub(crate) epoch: u32,
    pub(crate) observed: Observed,
}

/// What a comparison of a copy with a desired object said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Of the desired object.
    pub(crate) hash: Arc<str>,
    /// It is that object and every field of it is ours; a copy of KubeAdmiral: it is that object as it stands.
    pub(crate) intact: bool,
}

/// Our entry of the managed fields of a member object.
pub(crate) fn own_fields(object: &Value) -> Option<&Value> {
    drift::applied_fields(object.pointer("/metadata/managedFields")?)
}

/// Whose the fields of a copy are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owners {
    /// Nothing has to be done about it.
    Settled,
    /// Some have to become ours before the copy is first written.
    Inherited,
}

/// The managed fields of a copy with those of KubeAdmiral in our name, if there are any.
pub(crate) fn inherited_fields(spec: &FederatedTypeConfigSpec, object: &Value) -> Option<Value> {
    predecessor::take_fields(object, &spec.path_definition.replicas_spec)
}

/// Whether it was there before the federation.
pub(crate) fn is_adopted(object: &Value) -> bool {
    annotation(object, key::ADOPTED) == Some("true")
}

/// Whether somebody else owns the replicas of a copy, as far as the type has any.
fn replicas(spec: &FederatedTypeConfigSpec, object: &Value) -> Replicas {
    let path = spec.path_definition.replicas_spec.as_str();
    let managed = object
        .pointer("/metadata/managedFields")
        .unwrap_or(&Value::Null);
    let steps: Vec<&str> = path.split('.').collect();
    if !path.is_empty() && drift::owned_by_others(managed, &steps) {
        Replicas::OwnedElsewhere
    } else {
        Replicas::Sent
    }
}

impl Record {
    pub(crate) fn new(
        type_config: &Arc<str>,
        spec: &FederatedTypeConfigSpec,
        object: &Value,
        epoch: u32,
    ) -> Self {
        let fields = own_fields(object).map_or(0, |fields| {
            let mut hasher = DefaultHasher::new();
            fields.hash(&mut hasher);
            hasher.finish().max(1)
        });
        Self {
            type_config: Arc::clone(type_config),
            uid: text(object, "/metadata/uid").unwrap_or_default().into(),
            version: text(object, "/metadata/resourceVersion")
                .and_then(|version| version.parse().ok())
                .unwrap_or(0),
            applied: Applied::read(object),
            verdict: None,
            owners: match inherited_fields(spec, object) {
                Some(_) => Owners::Inherited,
                None => Owners::Settled,
            },
            fields,
            replicas: replicas(spec, object),
            adopted: is_adopted(object),
            terminating: object.pointer("/metadata/deletionTimestamp").is_some(),
            epoch,
            observed: observe(spec, object),
        }
    }

    /// The copy is what `hash` stands for, and nobody has taken a field of it away from us.
    pub(crate) fn is_in_sync(&self, hash: &str) -> bool {
        let applied = self.applied.as_ref();
        let verdict = self.verdict.as_ref();
        !self.terminating
            && applied.is_none_or(|applied| applied.hash.as_str() == hash)
            && verdict.is_some_and(|verdict| verdict.intact && &*verdict.hash == hash)
    }

    /// The copy was not compared with what `hash` stands for and may well be it: it says so itself, or another
    /// manager (`inherited`) does.
    pub(crate) fn is_undecided(&self, hash: &str, inherited: bool) -> bool {
        let says = match &self.applied {
            Some(applied) => applied.hash.as_str() == hash,
            None => inherited,
        };
        let compared = self.verdict.as_ref();
        !self.terminating && says && compared.is_none_or(|verdict| &*verdict.hash != hash)
    }
}

/// How the last look at a key in a member ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) state: State,
    /// Of the federated object that was acted on.
    pub(crate) uid: Arc<str>,
    /// Its generation.
    pub(crate) generation: i64,
    /// Why, for people; empty when all is well.
    pub(crate) message: Arc<str>,
}

impl Outcome {
    /// Whether the member was seen to hold no copy of this very state of a federated object. An
    /// earlier state may have been placed again since, and its copy be on the way.
    pub(crate) fn proves_absence(&self, federated: &Compact) -> bool {
        self.state == State::Absent
            && self.uid == federated.uid
            && self.generation == federated.generation
    }
}

/// The state of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// A copy is wanted or being removed.
    Known(PropagationStatusType),
    /// It is certain that the member holds no copy of ours.
    Absent,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn absence_is_only_proven_for_the_state_that_was_looked_at() {
        let federated = |generation: i64| {
            Compact::new(json!({ "metadata": { "uid": "u", "generation": generation } }))
        };
        let absent = Outcome {
            state: State::Absent,
            uid: "u".into(),
            generation: 3,
            message: "".into(),
        };
        assert!(absent.proves_absence(&federated(3)));
        // Placed again in between: a copy may be on the way.
        assert!(!absent.proves_absence(&federated(5)));
    }
    /// A copy that says it was made of a hash, and what a comparison with another hash said.
    fn copy(applied: &str, compared: Option<(&str, bool)>) -> Record {
        let mut object = json!({"metadata": {"uid": "c", "annotations": {}}});
        if !applied.is_empty() {
            let text = format!("{applied} u 1");
            object["metadata"]["annotations"]["navarch.dev/applied"] = json!(text);
        }
        let spec = navarch_crds::type_configs::defaults().remove(0).spec;
        let mut record = Record::new(&"kind".into(), &spec, &object, 1);
        record.verdict = compared.map(|(hash, intact)| Verdict {
            hash: hash.into(),
            intact,
        });
        record
    }

    #[test]
    fn a_copy_that_nobody_compared_is_read_before_it_is_written() {
        let (same, other) = (Some(("h", true)), Some(("h", false)));
        let before = Some(("old", false));
        // In sync with `h`, and undecided about it; `noted`: another manager noted what it had written.
        for (name, record, noted, expected) in [
            ("as wanted", copy("h", same), false, (true, false)),
            ("drifted", copy("h", other), false, (false, false)),
            ("not compared", copy("h", None), false, (false, true)),
            ("an older state", copy("h", before), false, (false, true)),
            ("to be changed", copy("old", None), false, (false, false)),
            ("another's", copy("", None), false, (false, false)),
            ("another's, noted", copy("", None), true, (false, true)),
            ("another's, the same", copy("", same), true, (true, false)),
            ("another's, changed", copy("", other), true, (false, false)),
        ] {
            let found = (record.is_in_sync("h"), record.is_undecided("h", noted));
            assert_eq!(found, expected, "{name}");
        }
        let mut leaving = copy("h", None);
        leaving.terminating = true;
        assert!(!leaving.is_undecided("h", false), "it goes anyway");
    }
}
