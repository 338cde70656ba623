//! Events as the real recorders write them: the same thing said again is counted, many similar things become one
//! (k8s.io/client-go `tools/record`), and all of them are forgotten after an hour.

use super::field;
use crate::cluster::{Cluster, DeleteOptions, WriteOptions};
use crate::object::{self, Gvr};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

/// Something to be said about an object.
#[derive(Debug)]
pub(crate) struct Note<'a> {
    /// Who says it.
    pub(crate) component: &'a str,
    /// On which node, for kubelets.
    pub(crate) host: Option<&'a str>,
    /// About what.
    pub(crate) about: &'a Value,
    /// About which part of it.
    pub(crate) part: Option<String>,
    pub(crate) warning: bool,
    pub(crate) reason: &'a str,
    pub(crate) message: String,
}

impl<'a> Note<'a> {
    pub(crate) fn normal(
        component: &'a str,
        about: &'a Value,
        reason: &'a str,
        message: String,
    ) -> Self {
        Self {
            component,
            host: None,
            about,
            part: None,
            warning: false,
            reason,
            message,
        }
    }

    pub(crate) fn warning(
        component: &'a str,
        about: &'a Value,
        reason: &'a str,
        message: String,
    ) -> Self {
        Self {
            warning: true,
            ..Self::normal(component, about, reason, message)
        }
    }

    fn manager(&self) -> &'static str {
        match self.component {
            "kubelet" => super::world::KUBELET,
            "default-scheduler" => super::world::SCHEDULER,
            _ => super::world::CONTROLLERS,
        }
    }
}

/// Messages about one object with one reason.
#[derive(Debug)]
struct Similar {
    since: Instant,
    messages: BTreeSet<String>,
}

#[derive(Debug)]
pub(crate) struct Recorder {
    cluster: Cluster,
    enabled: bool,
    /// Name of the event that says this.
    said: HashMap<String, String>,
    similar: HashMap<String, Similar>,
    written: VecDeque<(Instant, String, String)>,
    last_name: i64,
}

/// From so many different messages on, similar ones become one event.
const SIMILAR: usize = 10;
const SIMILAR_FOR: Duration = Duration::from_secs(600);
const KEPT_FOR: Duration = Duration::from_secs(3600);
const KEPT: usize = 20_000;
const REMEMBERED: usize = 4096;

/// What the newer events API calls the fields that are written.
const NEWER: [(&str, &str); 3] = [
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("reportingComponent", "reportingController"),
];

fn gvr() -> Gvr {
    Gvr::new("", "v1", "events")
}

impl Recorder {
    pub(crate) fn new(cluster: Cluster, enabled: bool) -> Self {
        Self {
            cluster,
            enabled,
            said: HashMap::new(),
            similar: HashMap::new(),
            written: VecDeque::new(),
            last_name: 0,
        }
    }

    /// Says it. What cannot be written (the namespace is going away) is dropped, as real recorders do.
    pub(crate) fn say(&mut self, note: Note<'_>) {
        if !self.enabled {
            return;
        }
        self.forget();
        let mut note = note;
        let about = object::uid(note.about);
        let part = note.part.as_deref().unwrap_or_default();
        let group = format!("{} {about} {part} {}", note.component, note.reason);
        let mut exact = format!("{group} {}", note.message);
        if self.is_one_of_many(&group, &note.message) {
            note.message = format!("(combined from similar events): {}", note.message);
            exact = group;
        }
        if let Some(name) = self.said.get(&exact).cloned()
            && self.count(&note, &name)
        {
            return;
        }
        if let Some(name) = self.write(&note) {
            self.said.insert(exact, name);
        }
    }

    fn is_one_of_many(&mut self, group: &str, message: &str) -> bool {
        if self.similar.len() > REMEMBERED {
            self.similar.clear();
            self.said.clear();
        }
        let now = Instant::now();
        let fresh = || Similar {
            since: now,
            messages: BTreeSet::new(),
        };
        let similar = self.similar.entry(group.to_owned()).or_insert_with(fresh);
        if now.duration_since(similar.since) > SIMILAR_FOR {
            *similar = fresh();
        }
        if similar.messages.len() < SIMILAR {
            similar.messages.insert(message.to_owned());
        }
        similar.messages.len() >= SIMILAR && !self.said.contains_key(&format!("{group} {message}"))
    }

    fn count(&self, note: &Note<'_>, name: &str) -> bool {
        let namespace = namespace_of(note.about);
        let options = WriteOptions::by(note.manager());
        let counted = self
            .cluster
            .mutate(&gvr(), namespace, name, &options, |event| {
                let map = object::map_mut(event);
                if map.get("eventTime").is_some_and(|t| !t.is_null()) {
                    let series = map.get("series").and_then(|s| s.get("count"));
                    let count = series.and_then(Value::as_i64).unwrap_or(1) + 1;
                    let series = json!({"count": count, "lastObservedTime": micro_time()});
                    map.insert("series".to_owned(), series);
                    return Ok(());
                }
                let count = map.get("count").and_then(Value::as_i64).unwrap_or(1) + 1;
                map.insert("count".to_owned(), json!(count));
                map.insert("lastTimestamp".to_owned(), object::now().into());
                map.insert("message".to_owned(), note.message.clone().into());
                Ok(())
            });
        counted.is_ok()
    }

    fn write(&mut self, note: &Note<'_>) -> Option<String> {
        let namespace = namespace_of(note.about);
        let nanos = jiff::Timestamp::now().as_nanosecond();
        self.last_name = i64::try_from(nanos).unwrap_or(0).max(self.last_name + 1);
        let name = format!("{}.{:x}", object::name(note.about), self.last_name);
        let mut event = json!({
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": involved(note),
            "reason": note.reason,
            "message": note.message,
            "type": if note.warning { "Warning" } else { "Normal" },
            "reportingComponent": note.component,
        });
        let mut gvr = gvr();
        let map = object::map_mut(&mut event);
        if note.component == "default-scheduler" {
            // The scheduler writes through the newer events API.
            map.insert("eventTime".to_owned(), micro_time().into());
            map.insert("action".to_owned(), scheduler_action(note.reason).into());
            map.insert(
                "reportingInstance".to_owned(),
                "default-scheduler-sandbox".into(),
            );
            for (name, newer) in NEWER {
                if let Some(value) = map.remove(name) {
                    map.insert(newer.to_owned(), value);
                }
            }
            gvr = Gvr::new("events.k8s.io", "v1", "events");
        } else {
            let now = object::now();
            let mut source = json!({"component": note.component});
            if let Some(host) = note.host {
                object::map_mut(&mut source).insert("host".to_owned(), host.into());
            }
            map.insert("source".to_owned(), source);
            map.insert("firstTimestamp".to_owned(), now.clone().into());
            map.insert("lastTimestamp".to_owned(), now.into());
            map.insert("count".to_owned(), json!(1));
            map.insert("eventTime".to_owned(), Value::Null);
            let instance = note.host.unwrap_or_default();
            map.insert("reportingInstance".to_owned(), instance.into());
        }
        let options = WriteOptions::by(note.manager());
        match self.cluster.create(&gvr, namespace, event, &options) {
            Ok(_) => {
                let entry = (Instant::now(), namespace.to_owned(), name.clone());
                self.written.push_back(entry);
                Some(name)
            }
            Err(status) => {
                tracing::debug!(message = status.message, "an event was not written");
                None
            }
        }
    }

    fn forget(&mut self) {
        while let Some((since, namespace, name)) = self.written.front() {
            if since.elapsed() < KEPT_FOR && self.written.len() < KEPT {
                return;
            }
            let options = DeleteOptions::default();
            // It may be gone already with its namespace.
            let _ = self.cluster.delete(&gvr(), namespace, name, &options);
            self.written.pop_front();
        }
    }
}

fn scheduler_action(reason: &str) -> &'static str {
    match reason {
        "Scheduled" => "Binding",
        _ => "Scheduling",
    }
}

fn micro_time() -> String {
    jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%S.%6fZ")
        .to_string()
}

/// Events about cluster-scoped objects are in the default namespace.
fn namespace_of(about: &Value) -> &str {
    object::namespace(about).unwrap_or("default")
}

fn involved(note: &Note<'_>) -> Value {
    let about = note.about;
    let mut reference = json!({
        "kind": field::text(about, "/kind"),
        "apiVersion": field::text(about, "/apiVersion"),
        "name": object::name(about),
        "uid": object::uid(about),
    });
    let map = object::map_mut(&mut reference);
    if let Some(namespace) = object::namespace(about) {
        map.insert("namespace".to_owned(), namespace.into());
    }
    if let Some(version) = object::resource_version(about) {
        map.insert("resourceVersion".to_owned(), version.into());
    }
    if let Some(part) = &note.part {
        map.insert("fieldPath".to_owned(), part.clone().into());
    }
    reference
}
