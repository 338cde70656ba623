//! Events for users: only when something changes or goes wrong, once a distinct message.
//!
//! One recorder a note, so that repeats of it fold into a series and other notes do not. Publishing never blocks the
//! work: notes go through a bounded channel and are dropped when it is full.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Notes that wait to be published. Above this the host is too slow for them; logs still have all.
const WAITING_MAX: usize = 1_024;
/// Remembered (object, reason) pairs; the memory is cleared when it is full, which only repeats notes.
const REMEMBERED_MAX: usize = 20_000;
/// The server refuses longer notes (events.k8s.io/v1).
const NOTE_BYTES_MAX: usize = 1_024;
/// Recorders kept, one a note: within its memory one recorder takes events of the same reason for repeats and keeps the
/// first note (kube-runtime `events.rs`), so that users would never read the second.
const RECORDERS_MAX: usize = 256;
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(10);

struct Note {
    digest: u64,
    event: Event,
    about: ObjectReference,
}

/// Object, reason and cluster of a note; beside it the digest of its text is kept.
type Said = (String, &'static str, String);

/// Publishes events.
#[derive(Clone, Debug)]
pub(crate) struct Events {
    sender: mpsc::Sender<Note>,
    said: Arc<Mutex<HashMap<Said, u64>>>,
}

/// The reference under which an object's events are found.
pub(crate) fn reference(object: &Value) -> ObjectReference {
    let text = |pointer: &str| {
        object
            .pointer(pointer)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    ObjectReference {
        api_version: text("/apiVersion"),
        kind: text("/kind"),
        name: text("/metadata/name"),
        namespace: text("/metadata/namespace"),
        uid: text("/metadata/uid"),
        resource_version: None,
        field_path: None,
    }
}

impl Events {
    /// Starts the publisher.
    pub(crate) fn start(
        client: Client,
        shutdown: CancellationToken,
    ) -> (Self, impl Future<Output = ()>) {
        let (sender, mut notes) = mpsc::channel::<Note>(WAITING_MAX);
        let reporter = Reporter {
            controller: "navarch".to_owned(),
            instance: None,
        };
        let mut recorders: HashMap<u64, Recorder> = HashMap::new();
        let task = async move {
            loop {
                let note = tokio::select! {
                    () = shutdown.cancelled() => return,
                    note = notes.recv() => note,
                };
                let Some(Note {
                    digest,
                    event,
                    about,
                }) = note
                else {
                    return;
                };
                if recorders.len() >= RECORDERS_MAX {
                    recorders.clear();
                }
                let recorder = recorders
                    .entry(digest)
                    .or_insert_with(|| Recorder::new(client.clone(), reporter.clone()));
                let published =
                    tokio::time::timeout(PUBLISH_TIMEOUT, recorder.publish(&event, &about)).await;
                if !matches!(published, Ok(Ok(()))) {
                    tracing::debug!(reason = event.reason, "an event could not be published");
                }
            }
        };
        (
            Self {
                sender,
                said: Arc::default(),
            },
            task,
        )
    }

    /// Something worth knowing happened to `about`.
    pub(crate) fn tell(&self, about: &ObjectReference, reason: &'static str, note: &str) {
        self.send(about, EventType::Normal, reason, note);
    }

    fn send(&self, about: &ObjectReference, kind: EventType, reason: &'static str, note: &str) {
        let event = Event {
            type_: kind,
            reason: reason.to_owned(),
            note: Some(shortened(note)),
            action: reason.to_owned(),
            secondary: None,
        };
        let digest = digest(note);
        let about = about.clone();
        let sent = self.sender.try_send(Note {
            digest,
            event,
            about,
        });
        if sent.is_err() {
            tracing::debug!(
                reason,
                "an event was dropped: the host is slower than its causes"
            );
        }
    }

    /// Something went wrong with `about`. Said once a distinct message and `scope` (a cluster or "").
    pub(crate) fn warn(
        &self,
        about: &ObjectReference,
        reason: &'static str,
        scope: &str,
        note: &str,
    ) {
        let digest = digest(note);
        {
            let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
            if said.len() >= REMEMBERED_MAX {
                said.clear();
            }
            let uid = about.uid.clone().unwrap_or_default();
            if said.insert((uid, reason, scope.to_owned()), digest) == Some(digest) {
                return;
            }
        }
        self.send(about, EventType::Warning, reason, note);
    }

    /// A problem is over: the next occurrence is told again.
    pub(crate) fn settle(&self, about: &ObjectReference, reason: &'static str, scope: &str) {
        let uid = about.uid.clone().unwrap_or_default();
        self.said
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&(uid, reason, scope.to_owned()));
    }
}

fn digest(note: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    note.hash(&mut hasher);
    hasher.finish()
}

fn shortened(note: &str) -> String {
    if note.len() <= NOTE_BYTES_MAX {
        return note.to_owned();
    }
    let mut text: String = String::with_capacity(NOTE_BYTES_MAX);
    for character in note.chars() {
        if text.len() + character.len_utf8() > NOTE_BYTES_MAX - 4 {
            break;
        }
        text.push(character);
    }
    text.push('…');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_notes_are_cut_at_a_character() {
        let cut = shortened(&"ä".repeat(2_000));
        assert!(cut.len() <= NOTE_BYTES_MAX && cut.ends_with('…'));
        assert_eq!(shortened("short"), "short");
    }
}
