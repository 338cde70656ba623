//! How the replay keeps pace with the recording. Simulated nodes and workloads move only when the replay lets them, one look
//! of one controller at a time, in recorded time:
//!
//! * Before a request nothing is done that was due less than [`BEHIND`] before it, or that an answer less than [`AT_ONCE`]
//!   earlier set off: the sandbox is then where the recording was, or a little behind.
//! * A read that is answered otherwise is asked again after every change that a further step makes, up to what is due
//!   [`AHEAD`] after the request. The state that was recorded must be reached, as it was, on the way.
//! * A write is sent once. Before it steps are made until the object's status is as the recorded answer has it.
//! * A write that was refused because somebody else had changed the object is sent when somebody has.
//! * A watch lets steps happen until it has told what was recorded, at the latest until the next request.
//!
//! No answer depends on how fast the machine is.

use crate::compare::Comparison;
use crate::recording::Request;
use crate::replay::Replay;
use serde_json::Value;
use std::time::Duration;

/// What was due so long before a request had been done, in the recording.
const BEHIND: Duration = Duration::from_millis(250);

/// What follows from a change had followed so long after it.
const AT_ONCE: Duration = Duration::from_millis(120);

/// What is due so long after a request may have been done already.
pub(crate) const AHEAD: Duration = Duration::from_millis(500);

/// So often tasks of the server get their turn before it counts as quiet: they run on the thread of the test, so that all
/// that are ready have run once after each time, and no chain of them is longer.
const TURNS: usize = 12;

/// Whether controllers may change what a path answers.
pub(crate) fn moves(path: &str) -> bool {
    const FIXED: [&str; 8] = [
        "/openapi",
        "/version",
        "/events",
        "certificates.k8s.io",
        "componentstatuses",
        "apiservices",
        "flowcontrol",
        "/log?",
    ];
    let discovery = matches!(path.split('?').next(), Some("/api" | "/apis" | "/api/v1"));
    !discovery && !FIXED.iter().any(|part| path.contains(part))
}

impl Replay {
    /// Waits until the server has nothing left to do by itself.
    pub(crate) async fn settle(&mut self) {
        let mut seen = self.server.cluster().revision();
        let mut quiet = 0;
        while quiet < TURNS {
            tokio::task::yield_now().await;
            let now = self.server.cluster().revision();
            quiet = if now == seen { quiet + 1 } else { 0 };
            seen = now;
        }
    }

    /// Lets happen what had happened before a request.
    pub(crate) async fn catch_up(&mut self, at: Duration) {
        if at < self.last {
            return;
        }
        if self.open_since.is_none_or(|since| at - since > AT_ONCE) {
            while self.stepper.step(at.saturating_sub(BEHIND)) {
                self.settle().await;
            }
            self.open_since = None;
        }
        self.stepper.move_to(at);
        self.last = at;
    }

    /// Steps until something has changed; false when nothing does any more until then.
    pub(crate) async fn next_state(&mut self, until: Duration) -> bool {
        let before = self.server.cluster().revision();
        while self.stepper.step(until) {
            self.settle().await;
            if self.server.cluster().revision() != before {
                return true;
            }
        }
        false
    }

    /// Steps until an object has changed under the hands of whoever is about to write to it.
    async fn overtake(&mut self, request: &Request) {
        let path = self.mapping.translate_path(&request.path);
        let path = path.split('?').next().unwrap_or_default().to_owned();
        let version = |object: &Value| object["metadata"]["resourceVersion"].to_string();
        let before = version(&self.peek(&path).await);
        while self.next_state(request.at + AHEAD).await {
            if version(&self.peek(&path).await) != before {
                return;
            }
        }
    }

    /// Steps until the status of an object that is about to be written to is as it was.
    pub(crate) async fn reach(&mut self, request: &Request) {
        let refused = request.answer().is_some_and(|answer| {
            let message = answer["message"].as_str().unwrap_or_default();
            message.contains("the object has been modified")
        });
        if request.status() == 409 && refused {
            self.overtake(request).await;
            return;
        }
        let path = request.path.split('?').next().unwrap_or_default();
        let (object, status) = match (path.strip_suffix("/status"), request.answer()) {
            (None, Some(answer)) if request.status() < 300 => (path, answer["status"].clone()),
            _ => return,
        };
        if request.method == "POST" || !status.is_object() {
            return;
        }
        let object = self.mapping.translate_path(object);
        loop {
            let live = self.peek(&object).await;
            let mut mapping = self.mapping.clone();
            let mut comparison = Comparison {
                mapping: &mut mapping,
                differences: Vec::new(),
            };
            comparison.compare("/status", &status, &live["status"]);
            let alike = comparison.differences.is_empty();
            if alike || live["status"] == Value::Null || !self.next_state(request.at + AHEAD).await
            {
                return;
            }
        }
    }
}
