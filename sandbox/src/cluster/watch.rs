//! Watches: what changes, as one caller's selectors see it. A watch pulls from the store's history, so a slow reader
//! costs nothing and is told 410 when it falls too far behind.

use super::{
    Cluster, FieldSelector, LabelSelector, ListOptions, WatchOptions, collection, convert,
};
use crate::object::{self, Gvr, Object};
use crate::registry::ResourceInfo;
use crate::status::Status;
use crate::store::{Change, ChangeKind, Collection};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// What a watch says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchEventKind {
    /// The object is new, or new to the selectors.
    Added,
    /// The object changed.
    Modified,
    /// The object is gone, or gone from the selectors.
    Deleted,
    /// Nothing but the revision up to which all was told.
    Bookmark,
    /// The watch ends; the object is a `Status`.
    Error,
}

impl WatchEventKind {
    /// As it is written in the stream.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
            Self::Bookmark => "BOOKMARK",
            Self::Error => "ERROR",
        }
    }
}

/// One event of a watch.
#[derive(Debug, Clone)]
pub struct WatchEvent {
    /// What it says.
    pub kind: WatchEventKind,
    /// About what.
    pub object: Object,
    /// The change whose object this is, unchanged: its JSON is written once for all watches.
    pub change: Option<Arc<Change>>,
}

/// A running watch.
#[derive(Debug)]
pub struct Watch {
    cluster: Cluster,
    info: Arc<ResourceInfo>,
    collection: Collection,
    namespace: String,
    labels: LabelSelector,
    fields: FieldSelector,
    bookmarks: bool,
    cursor: u64,
    queue: VecDeque<WatchEvent>,
    changed: tokio::sync::watch::Receiver<u64>,
    ended: bool,
}

/// How often bookmarks come: once a minute, as a real server's cache sends them.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);

impl Cluster {
    /// Watches the objects of a namespace, or of all when `namespace` is empty.
    pub fn watch(
        &self,
        gvr: &Gvr,
        namespace: &str,
        options: &WatchOptions,
    ) -> Result<Watch, Status> {
        let info = self.resource(gvr)?;
        options.fields.check(&info)?;
        let collection = collection(&info);
        let mut watch = Watch {
            cluster: self.clone(),
            changed: self.store().subscribe(&collection),
            collection,
            namespace: namespace.to_owned(),
            labels: options.labels.clone(),
            fields: options.fields.clone(),
            bookmarks: options.bookmarks,
            cursor: options.resource_version.unwrap_or(0),
            queue: VecDeque::new(),
            ended: false,
            info,
        };
        let from_now = watch.cursor == 0 && options.initial_events != Some(false);
        if options.initial_events == Some(true) || from_now {
            watch.begin_with_what_there_is(gvr)?;
        } else if watch.cursor == 0 {
            watch.cursor = self.revision();
        }
        Ok(watch)
    }
}

impl Watch {
    fn begin_with_what_there_is(&mut self, gvr: &Gvr) -> Result<(), Status> {
        let options = ListOptions {
            labels: self.labels.clone(),
            fields: self.fields.clone(),
            ..ListOptions::default()
        };
        let listed = self.cluster.list(gvr, &self.namespace, &options)?;
        self.cursor = listed.resource_version;
        let added = |object| WatchEvent {
            kind: WatchEventKind::Added,
            object,
            change: None,
        };
        self.queue.extend(listed.items.into_iter().map(added));
        if self.bookmarks {
            self.queue.push_back(self.bookmark(true));
        }
        Ok(())
    }

    /// The resource that is watched.
    pub fn resource(&self) -> &Arc<ResourceInfo> {
        &self.info
    }

    /// The next event; `None` after an error.
    pub async fn next(&mut self) -> Option<WatchEvent> {
        loop {
            if let Some(event) = self.try_next() {
                return Some(event);
            }
            if self.ended {
                return None;
            }
            let wait = tokio::time::timeout(BOOKMARK_EVERY, self.changed.changed());
            match wait.await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => self.ended = true,
                Err(_) if self.bookmarks => return Some(self.bookmark(false)),
                Err(_) => {}
            }
        }
    }

    /// The next event if there is one now.
    pub fn try_next(&mut self) -> Option<WatchEvent> {
        if self.queue.is_empty() && !self.ended {
            self.pull();
        }
        self.queue.pop_front()
    }

    fn pull(&mut self) {
        self.changed.borrow_and_update();
        match self.cluster.store().changes(&self.collection, self.cursor) {
            Ok((changes, revision)) => {
                let seen: Vec<_> = changes.iter().filter_map(|c| self.see(c)).collect();
                self.queue.extend(seen);
                self.cursor = self.cursor.max(revision);
            }
            Err(compacted) => {
                let status = Status::too_old_resource_version(self.cursor, compacted.oldest);
                self.queue.push_back(WatchEvent {
                    kind: WatchEventKind::Error,
                    object: Arc::new(status.to_value()),
                    change: None,
                });
                self.ended = true;
            }
        }
    }

    fn see(&self, change: &Arc<Change>) -> Option<WatchEvent> {
        if !self.namespace.is_empty() && change.key.namespace != self.namespace {
            return None;
        }
        let matches = |object: &Value| self.labels.matches(object) && self.fields.matches(object);
        let before = change.previous.as_deref().is_some_and(matches);
        let after = change.kind != ChangeKind::Deleted && matches(&change.object);
        let kind = match (before, after) {
            (false, false) => return None,
            (false, true) => WatchEventKind::Added,
            (true, true) => WatchEventKind::Modified,
            (true, false) => WatchEventKind::Deleted,
        };
        let left_the_selection =
            kind == WatchEventKind::Deleted && change.kind != ChangeKind::Deleted;
        let object = match &change.previous {
            // What is told is the last state that matched, at the revision that ended it.
            Some(previous) if left_the_selection => {
                let mut last = Value::clone(previous);
                object::metadata_mut(&mut last)
                    .insert("resourceVersion".into(), change.revision.to_string().into());
                Arc::new(last)
            }
            _ => change.object.clone(),
        };
        let presented = convert::to(object, &self.info);
        let same = Arc::ptr_eq(&presented, &change.object);
        Some(WatchEvent {
            kind,
            object: presented,
            change: same.then(|| change.clone()),
        })
    }

    fn bookmark(&self, initial_events_end: bool) -> WatchEvent {
        let mut metadata = json!({"resourceVersion": self.cursor.to_string()});
        if initial_events_end {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let object = json!({
            "kind": self.info.kind,
            "apiVersion": self.info.api_version(),
            "metadata": metadata,
        });
        WatchEvent {
            kind: WatchEventKind::Bookmark,
            object: Arc::new(object),
            change: None,
        }
    }
}
