//! One cluster as a story sees it: reading, waiting, and the hands that write.

use std::cell::RefCell;
use std::fmt::Write as _;

use futures::stream::{self, TryStreamExt as _};
use kube::Client;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams, PostParams};
use serde_json::Value;

use super::client::documents;
use super::hands::Hands;
use super::kinds::{EVENT, Kind, NAMESPACE, OUTSIDE_NAMESPACES, Target};
use super::read::text;
use super::waiting::{Look, until};
use crate::failure::{Failure, Outcome, shown};

/// Requests that a program of many objects has on the way.
const AT_ONCE: usize = 8;

/// A cluster, and the namespace of the story in it.
pub(crate) struct Place {
    pub(crate) name: String,
    pub(crate) namespace: String,
    client: Client,
    hands: Box<dyn Hands>,
    /// What the story made outside namespaces.
    outside: RefCell<Vec<Target>>,
}

impl Place {
    pub(crate) fn new(name: &str, namespace: &str, client: Client, hands: Box<dyn Hands>) -> Self {
        Self {
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            client,
            hands,
            outside: RefCell::new(Vec::new()),
        }
    }

    /// Writes as a user does.
    pub(crate) fn hands(&self) -> &dyn Hands {
        &*self.hands
    }

    /// Applies manifests.
    pub(crate) async fn apply(&self, manifests: &str) -> Outcome {
        // Noted before it is made: a story may fail in between. What cannot be read is the API server's to refuse.
        for object in documents(manifests).unwrap_or_default() {
            let kind = OUTSIDE_NAMESPACES
                .iter()
                .find(|kind| kind.kind == text(&object, "/kind"));
            if let Some(kind) = kind {
                let target = Target::new(*kind, "", text(&object, "/metadata/name"));
                self.outside.borrow_mut().push(target);
            }
        }
        self.hands.apply(manifests).await
    }

    /// Creates many objects of a kind in the story's namespace, as a program does that has no time for `apply`.
    pub(crate) async fn create_all(&self, kind: Kind, manifests: &str) -> Outcome {
        let failed = |message: String| Failure::Request {
            action: format!("creating {} in {}", kind.plural, self.name),
            message,
        };
        let api = kind.api(&self.client, Some(&self.namespace));
        let objects = documents(manifests)?.into_iter();
        let objects: Vec<DynamicObject> = objects
            .map(serde_json::from_value)
            .collect::<Result<_, _>>()
            .map_err(|error| failed(error.to_string()))?;
        let parameters = PostParams::default();
        stream::iter(objects.iter().map(Ok))
            .try_for_each_concurrent(AT_ONCE, async |object| {
                let made = api.create(&parameters, object).await;
                made.map(drop).map_err(|error| failed(error.to_string()))
            })
            .await
    }

    /// Changes a part of the status of an object, as what runs in a cluster does.
    pub(crate) async fn patch_status(&self, target: &Target, change: &Value) -> Outcome {
        let api = target.kind.api(&self.client, target.namespace.as_deref());
        let patch = Patch::Merge(change);
        let patched = api
            .patch_status(&target.name, &PatchParams::default(), &patch)
            .await;
        patched.map(drop).map_err(|error| Failure::Request {
            action: format!("changing the status of {target} in {}", self.name),
            message: error.to_string(),
        })
    }

    /// Removes the story's namespace and what it made outside, and waits until all of it is gone.
    pub(crate) async fn clear(&self) -> Outcome {
        let made = self.outside.borrow().clone();
        for kind in OUTSIDE_NAMESPACES {
            let mut targets: Vec<_> = made.iter().filter(|made| made.kind == *kind).collect();
            targets.dedup();
            let namespace = Target::new(NAMESPACE, "", &self.namespace);
            if *kind == NAMESPACE {
                targets = vec![&namespace];
            }
            for target in targets {
                if self.find(target).await?.is_some() {
                    self.hands.delete(target).await?;
                }
                self.until_gone(target).await?;
            }
        }
        Ok(())
    }

    /// An object, if it is there.
    pub(crate) async fn find(&self, target: &Target) -> Outcome<Option<Value>> {
        let failed = |message: String| Failure::Request {
            action: format!("reading {target} in {}", self.name),
            message,
        };
        let api = target.kind.api(&self.client, target.namespace.as_deref());
        let found = api
            .get_opt(&target.name)
            .await
            .map_err(|error| failed(error.to_string()))?;
        found
            .map(serde_json::to_value)
            .transpose()
            .map_err(|error| failed(error.to_string()))
    }

    /// An object that must be there.
    pub(crate) async fn get(&self, target: &Target) -> Outcome<Value> {
        self.find(target).await?.ok_or_else(|| Failure::Expected {
            what: format!("{target} in {}", self.name),
            found: "no such object".to_owned(),
        })
    }

    /// Every object of a kind in the story's namespace.
    pub(crate) async fn list(&self, kind: Kind) -> Outcome<Vec<Value>> {
        let failed = |message: String| Failure::Request {
            action: format!("listing {} in {}", kind.plural, self.name),
            message,
        };
        let api = kind.api(&self.client, Some(&self.namespace));
        let found = api
            .list(&ListParams::default())
            .await
            .map_err(|error| failed(error.to_string()))?;
        let values = found
            .items
            .into_iter()
            .map(serde_json::to_value)
            .collect::<Result<_, _>>();
        values.map_err(|error| failed(error.to_string()))
    }

    /// Waits until an object is there and is as `holds` says.
    pub(crate) async fn until(
        &self,
        target: &Target,
        what: &str,
        holds: impl Fn(&Value) -> bool,
    ) -> Outcome<Value> {
        let what = format!("{target} in {}: {what}", self.name);
        let waiting = until(&what, async || match self.find(target).await {
            Ok(Some(object)) if holds(&object) => Look::Seen(object),
            Ok(Some(object)) => Look::NotYet(shown(&object)),
            Ok(None) => Look::NotYet("no such object".to_owned()),
            Err(error) => Look::NotYet(error.to_string()),
        });
        self.with_events(target, waiting.await).await
    }

    /// Waits until an object is there.
    pub(crate) async fn until_there(&self, target: &Target) -> Outcome<Value> {
        self.until(target, "is there", |_| true).await
    }

    /// Waits until an object is gone.
    pub(crate) async fn until_gone(&self, target: &Target) -> Outcome {
        let what = format!("{target} in {}: gone", self.name);
        let waiting = until(&what, async || match self.find(target).await {
            Ok(None) => Look::Seen(()),
            Ok(Some(object)) => Look::NotYet(shown(&object)),
            Err(error) => Look::NotYet(error.to_string()),
        });
        self.with_events(target, waiting.await).await
    }

    /// Waits until the cluster says something about an object, and answers what.
    pub(crate) async fn until_event(
        &self,
        about: &Target,
        reason: &str,
        says: &str,
    ) -> Outcome<String> {
        let what = format!(
            "an event {reason:?} with {says:?} about {about} in {}",
            self.name
        );
        let waiting = until(&what, async || {
            let events = self.events(about).await;
            let found = events
                .iter()
                .find(|(why, note)| why == reason && note.contains(says));
            found.map_or_else(
                || Look::NotYet(format!("{events:?}")),
                |(_, note)| Look::Seen(note.clone()),
            )
        });
        self.with_events(about, waiting.await).await
    }

    /// Reason and note of every event about an object.
    async fn events(&self, about: &Target) -> Vec<(String, String)> {
        let listed = EVENT
            .api(&self.client, None)
            .list(&ListParams::default())
            .await;
        let events = listed.map(|list| list.items).unwrap_or_default();
        let owned = |event: &Value, pointer: &str| text(event, pointer).to_owned();
        events
            .into_iter()
            .map(|event| event.data)
            .filter(|event| owned(event, "/regarding/kind") == about.kind.kind)
            .filter(|event| owned(event, "/regarding/name") == about.name)
            .map(|event| (owned(&event, "/reason"), owned(&event, "/note")))
            .collect()
    }

    /// Adds to a failed wait what the cluster says about the object and its federated object.
    pub(super) async fn with_events<T>(&self, about: &Target, outcome: Outcome<T>) -> Outcome<T> {
        let Err(Failure::TimedOut {
            what,
            seconds,
            mut seen,
            ..
        }) = outcome
        else {
            return outcome;
        };
        let mut events = String::new();
        for target in [about.clone(), about.federated()] {
            for (reason, note) in self.events(&target).await {
                let _ = writeln!(events, "  {target}: {reason}: {note}");
            }
        }
        if let Ok(Some(federated)) = self.find(&about.federated()).await {
            let _ = write!(seen, "\nits federated object: {}", shown(&federated));
        }
        Err(Failure::TimedOut {
            what,
            seconds,
            seen,
            events,
        })
    }
}
