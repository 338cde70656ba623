//! Where decisions wait for answers: at most one a key. Whoever decides leaves the question and comes back when its
//! key is put into the queue again; the outcome then counts only if the question is still the same. Nothing is
//! remembered beyond that. No I/O here, and no lock is held while anything is asked.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use navarch_crds::go;
use navarch_crds::v1alpha1::{SchedulerPluginWebhookConfigurationSpec, SchedulingProfileSpec};
use navarch_scheduler::framework::registry::Registry;
use navarch_scheduler::plugins::webhook::{Answers, Webhook as Plugin};
use navarch_scheduler::profile::{self, Profile, ProfileError};
use navarch_scheduler::unit::{Features, Unit};
use navarch_scheduler::{Broken, Decision};
use tokio_util::sync::CancellationToken;

use super::configuration::{Configuration, ConfigurationError, bearing};
use super::io::{self, Consultation, Webhook};
use crate::runtime::key::Key;
use crate::runtime::locked;
use crate::runtime::queue::{Priority, Queue};
use crate::runtime::shutdown::Tasks;

/// The configured plugins and the decisions that wait for them. Cheap to clone; all clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Webhooks {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    tasks: Tasks,
    wake: Queue<Key>,
    /// The plugins of the scheduler itself: always the same ones, so that what they said can be used again.
    builtin: Registry,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    hooks: BTreeMap<Arc<str>, Arc<Webhook>>,
    /// What each profile came to when it was first used in this run.
    first: HashMap<String, Arc<str>>,
    open: HashMap<Key, Open>,
    numbers: u64,
}

/// What must not have changed for an outcome to count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Basis {
    /// The object and what is asked for it.
    pub(crate) unit: Unit,
    /// The trigger document: policy, clusters, their labels, taints and types.
    pub(crate) document: String,
    /// Profile and configurations.
    pub(crate) rules: Arc<str>,
}

#[derive(Debug)]
struct Open {
    number: u64,
    basis: Basis,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Asking(CancellationToken),
    Done(Box<Result<Decision, Broken>>),
}

/// What became of a question.
#[derive(Debug)]
pub(crate) enum Consulted {
    /// It is being asked; the key comes back.
    Waiting,
    /// It was answered, or could not be.
    Outcome(Result<Decision, Broken>),
}

/// What a profile comes to.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) profile: Profile,
    /// What it needs from outside.
    pub(crate) outside: Option<Outside>,
    /// Changes when decisions by this profile may change; `None` without a profile.
    pub(crate) digest: Option<Arc<str>>,
}

/// Plugins of a profile that have to be asked.
#[derive(Clone, Debug)]
pub(crate) struct Outside {
    pub(crate) answers: Answers,
    pub(crate) hooks: BTreeMap<Arc<str>, Arc<Webhook>>,
}

impl Outside {
    /// Changes with every change of a configuration, also of those parts that no decision can show.
    pub(crate) fn identity(&self, digest: Option<&str>) -> Arc<str> {
        let revisions = self.hooks.iter();
        let revisions: Vec<String> = revisions
            .map(|(name, hook)| format!("{name}:{}", hook.revision))
            .collect();
        format!("{}/{}", digest.unwrap_or_default(), revisions.join(",")).into()
    }
}

impl Webhooks {
    /// No plugins yet; keys whose outcome is known go into `wake`.
    pub(crate) fn new(tasks: Tasks, wake: Queue<Key>) -> Self {
        Self {
            shared: Arc::new(Shared {
                tasks,
                wake,
                builtin: Registry::default(),
                state: Mutex::default(),
            }),
        }
    }

    pub(super) fn tasks(&self) -> &Tasks {
        &self.shared.tasks
    }

    /// Takes a configuration over, and says what is wrong with it. One that is wrong is there all the same, so that
    /// decisions fail with the reason.
    pub(crate) fn put(
        &self,
        name: &str,
        spec: &Result<SchedulerPluginWebhookConfigurationSpec, String>,
    ) -> Result<(), ConfigurationError> {
        let (bearing, configuration) = match spec {
            Ok(spec) => (bearing(spec), Configuration::check(spec)),
            Err(why) => (
                Arc::default(),
                Err(ConfigurationError::Unreadable(why.clone())),
            ),
        };
        let revision = self.next_number();
        let hook = Webhook::new(name, revision, bearing, configuration);
        let problem = hook.problem().cloned();
        locked(&self.shared.state)
            .hooks
            .insert(Arc::clone(&hook.name), Arc::new(hook));
        problem.map_or(Ok(()), Err)
    }

    /// A configuration is gone.
    pub(crate) fn remove(&self, name: &str) {
        locked(&self.shared.state).hooks.remove(name);
    }

    fn next_number(&self) -> u64 {
        let mut state = locked(&self.shared.state);
        state.numbers += 1;
        state.numbers
    }

    /// The profile enables this plugin, and it is none of the scheduler's own.
    pub(crate) fn is_asked_by(&self, webhook: &str, spec: &SchedulingProfileSpec) -> bool {
        profile::outside(&self.shared.builtin, spec).contains(webhook)
    }

    /// What a profile comes to with the plugins that are configured.
    pub(crate) fn rules(
        &self,
        spec: Option<&SchedulingProfileSpec>,
        features: Features,
    ) -> Result<Rules, ProfileError> {
        let Some(spec) = spec else {
            let profile = Profile::merge_with(&self.shared.builtin, None, features)?;
            return Ok(Rules {
                profile,
                outside: None,
                digest: None,
            });
        };
        let hooks: BTreeMap<Arc<str>, Arc<Webhook>> = {
            let state = locked(&self.shared.state);
            let named = profile::outside(&self.shared.builtin, spec).into_iter();
            named
                .filter_map(|name| state.hooks.get_key_value(name))
                .map(|(name, hook)| (Arc::clone(name), Arc::clone(hook)))
                .collect()
        };
        let answers = Answers::default();
        let plugins = hooks.keys().map(|name| Plugin::registered(name, &answers));
        // No name is taken: only those are outside that no other plugin has.
        let builtin = &self.shared.builtin;
        let registry = builtin.clone().and(plugins);
        let registry = registry.unwrap_or_else(|_taken| builtin.clone());
        let profile = Profile::merge_with(&registry, Some(spec), features)?;
        let bearings: Vec<(&str, &str)> = hooks
            .iter()
            .map(|(name, hook)| (&**name, &*hook.bearing))
            .collect();
        let digest = go::hash::of_json(&(spec, bearings)).unwrap_or_default();
        Ok(Rules {
            profile,
            outside: (!hooks.is_empty()).then_some(Outside { answers, hooks }),
            digest: Some(digest.into()),
        })
    }

    /// What the profile of this name came to when it was first used in this run.
    pub(crate) fn first_digest(&self, profile: &str, now: &Arc<str>) -> Arc<str> {
        let mut state = locked(&self.shared.state);
        let first = state.first.entry(profile.to_owned());
        Arc::clone(first.or_insert_with(|| Arc::clone(now)))
    }

    /// Takes the outcome if the question was asked and is the same; otherwise asks it. A question that changed is
    /// left to be answered first, so that changes that come faster than answers cannot keep an object waiting for
    /// ever; but one that was put by other rules is given up at once.
    pub(crate) fn consult(
        &self,
        key: &Key,
        basis: Basis,
        consultation: impl FnOnce() -> Consultation,
    ) -> Consulted {
        let mut state = locked(&self.shared.state);
        if let Some(open) = state.open.remove(key) {
            match open.stage {
                Stage::Done(outcome) if open.basis == basis => {
                    return Consulted::Outcome(*outcome);
                }
                Stage::Asking(_) if open.basis.rules == basis.rules => {
                    state.open.insert(key.clone(), open);
                    return Consulted::Waiting;
                }
                Stage::Asking(stop) => stop.cancel(),
                Stage::Done(_) => {}
            }
        }
        state.numbers += 1;
        let number = state.numbers;
        let stop = self.shared.tasks.shutdown().child_token();
        let stage = Stage::Asking(stop.clone());
        let open = Open {
            number,
            basis,
            stage,
        };
        state.open.insert(key.clone(), open);
        drop(state);
        io::start(self, key, number, consultation(), stop);
        Consulted::Waiting
    }

    /// Nobody will come back for this key.
    pub(crate) fn forget(&self, key: &Key) {
        if let Some(open) = locked(&self.shared.state).open.remove(key)
            && let Stage::Asking(stop) = open.stage
        {
            stop.cancel();
        }
    }

    /// Takes an outcome over, unless its question was given up.
    pub(super) fn finish(&self, key: &Key, number: u64, outcome: Result<Decision, Broken>) {
        let mut state = locked(&self.shared.state);
        let Some(open) = state.open.get_mut(key) else {
            return;
        };
        if open.number != number {
            return;
        }
        open.stage = Stage::Done(Box::new(outcome));
        drop(state);
        self.shared.wake.push(key.clone(), Priority::Live);
    }
}
