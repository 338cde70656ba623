//! Events for users: only when something changes or goes wrong, once a distinct message.
//!
//! One recorder a note, so that repeats of it fold into a series and other notes do not. Publishing never blocks the
//! work: notes go through a bounded channel and are dropped when it is full. What only says that all goes well is news:
//! of that a few are told at once and then two a second, after everything else, because each costs the host a write
//! (decision 0022).

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::Instant;
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
/// News that are told at once: what somebody does by hand is all told.
const NEWS_AT_ONCE: u32 = 20;
/// The time in which one more comes free.
const NEWS_EACH: Duration = Duration::from_millis(500);

struct Note {
    digest: u64,
    event: Event,
    about: ObjectReference,
}

/// Object, reason and cluster of a note; beside it the digest of its text is kept.
type Said = (String, &'static str, String);

/// How much news may be told: a bucket that starts full.
#[derive(Debug, Default)]
struct Allowance {
    /// When the bucket is full again.
    full: Option<Instant>,
}

impl Allowance {
    /// Whether one more may be told; if so, it counts.
    fn take(&mut self, now: Instant) -> bool {
        let full = self.full.map_or(now, |full| full.max(now)) + NEWS_EACH;
        let allowed = full.duration_since(now) <= NEWS_EACH * NEWS_AT_ONCE;
        if allowed {
            self.full = Some(full);
        }
        allowed
    }
}

/// Those that publish one note each, up to a number.
#[derive(Default)]
struct Recorders(HashMap<u64, Recorder>);

impl Recorders {
    async fn publish(&mut self, client: &Client, note: Note) {
        let Note {
            digest,
            event,
            about,
        } = note;
        if self.0.len() >= RECORDERS_MAX {
            self.0.clear();
        }
        let recorder = self.0.entry(digest).or_insert_with(|| {
            let reporter = Reporter {
                controller: "navarch".to_owned(),
                instance: None,
            };
            Recorder::new(client.clone(), reporter)
        });
        let published =
            tokio::time::timeout(PUBLISH_TIMEOUT, recorder.publish(&event, &about)).await;
        if !matches!(published, Ok(Ok(()))) {
            tracing::debug!(reason = event.reason, "an event could not be published");
        }
    }
}

/// Publishes events.
#[derive(Clone, Debug)]
pub(crate) struct Events {
    sender: mpsc::Sender<Note>,
    news: mpsc::Sender<Note>,
    allowance: Arc<Mutex<Allowance>>,
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
        let (news, mut waiting_news) = mpsc::channel::<Note>(NEWS_AT_ONCE as usize);
        let task = async move {
            // Apart, so that much news does not end the series of what goes wrong.
            let mut recorders = (Recorders::default(), Recorders::default());
            loop {
                tokio::select! {
                    biased;
                    () = shutdown.cancelled() => return,
                    Some(note) = notes.recv() => recorders.0.publish(&client, note).await,
                    Some(note) = waiting_news.recv() => recorders.1.publish(&client, note).await,
                    else => return,
                }
            }
        };
        let events = Self {
            sender,
            news,
            allowance: Arc::default(),
            said: Arc::default(),
        };
        (events, task)
    }

    /// Something worth knowing happened to `about`.
    pub(crate) fn tell(&self, about: &ObjectReference, reason: &'static str, note: &str) {
        send(&self.sender, about, EventType::Normal, reason, note);
    }

    /// Something went as it should. Told as long as there is little of it.
    pub(crate) fn mention(&self, about: &ObjectReference, reason: &'static str, note: &str) {
        let mut allowance = self
            .allowance
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let allowed = allowance.take(Instant::now());
        drop(allowance);
        if allowed {
            send(&self.news, about, EventType::Normal, reason, note);
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
        send(&self.sender, about, EventType::Warning, reason, note);
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

fn send(
    sender: &mpsc::Sender<Note>,
    about: &ObjectReference,
    kind: EventType,
    reason: &'static str,
    note: &str,
) {
    let event = Event {
        type_: kind,
        reason: reason.to_owned(),
        note: Some(shortened(note)),
        action: reason.to_owned(),
        secondary: None,
    };
    let sent = sender.try_send(Note {
        digest: digest(note),
        event,
        about: about.clone(),
    });
    if sent.is_err() {
        tracing::debug!(
            reason,
            "an event was dropped: the host is slower than its causes"
        );
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
    fn of_much_news_a_few_are_told_at_once_and_two_a_second_after_that() {
        let mut allowance = Allowance::default();
        let start = Instant::now();
        let told = (0..1_000).filter(|_| allowance.take(start)).count();
        assert_eq!(told, 20);
        for (after, expected) in [(400, 0), (500, 1), (2_000, 3), (3_600_000, 20)] {
            let now = start + Duration::from_millis(after);
            let told = (0..1_000).filter(|_| allowance.take(now)).count();
            assert_eq!(told, expected, "{after} ms");
        }
    }

    #[test]
    fn long_notes_are_cut_at_a_character() {
        let cut = shortened(&"ä".repeat(2_000));
        assert!(cut.len() <= NOTE_BYTES_MAX && cut.ends_with('…'));
        assert_eq!(shortened("short"), "short");
    }
}
