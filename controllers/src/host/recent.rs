//! The federated objects that were read last. Every member's queue asks for the same ones at nearly the same time; the first
//! reads, the others share. A few are kept, so that memory does not grow with what is stored. No I/O.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::federated::Federated;
use crate::runtime::compact::Compact;
use crate::runtime::locked;

/// How many are kept.
const KEPT: usize = 64;

/// A federated object, read.
#[derive(Debug)]
pub(crate) struct Read {
    /// As it came.
    pub(crate) value: Value,
    /// By its fields.
    pub(crate) federated: Federated,
}

#[derive(Debug)]
struct Entry {
    uid: Arc<str>,
    version: u64,
    read: Arc<Read>,
}

/// What was read last.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    entries: Mutex<VecDeque<Entry>>,
}

impl Recent {
    /// The object, read now or a moment ago.
    ///
    /// # Errors
    /// When it does not have the form of a federated object.
    pub(crate) fn read(&self, object: &Compact) -> Result<Arc<Read>, serde_json::Error> {
        let is_it = |entry: &&Entry| entry.version == object.version && entry.uid == object.uid;
        // Versions that are no numbers tell no states apart.
        if object.version > 0
            && let Some(found) = locked(&self.entries).iter().find(is_it)
        {
            return Ok(Arc::clone(&found.read));
        }
        let value = object.value();
        let federated = Federated::from_value(value.clone())?;
        let read = Arc::new(Read { value, federated });
        let mut entries = locked(&self.entries);
        if entries.len() >= KEPT {
            entries.pop_front();
        }
        entries.push_back(Entry {
            uid: Arc::clone(&object.uid),
            version: object.version,
            read: Arc::clone(&read),
        });
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn stored(uid: &str, version: &str) -> Compact {
        Compact::new(
            json!({"apiVersion": "core.kubeadmiral.io/v1alpha1", "kind": "FederatedObject",
            "metadata": {"name": "a", "namespace": "n", "uid": uid, "resourceVersion": version},
            "spec": {"template": {"version": version}}}),
        )
    }

    #[test]
    fn a_state_is_read_once_and_another_state_by_itself() {
        let recent = Recent::default();
        let first = recent.read(&stored("u", "1")).unwrap();
        assert!(Arc::ptr_eq(
            &first,
            &recent.read(&stored("u", "1")).unwrap()
        ));
        let second = recent.read(&stored("u", "2")).unwrap();
        assert_eq!(second.value["spec"]["template"]["version"], "2");
        assert!(!Arc::ptr_eq(
            &first,
            &recent.read(&stored("v", "1")).unwrap()
        ));
        for number in 0..KEPT {
            recent
                .read(&stored(&format!("other-{number}"), "1"))
                .unwrap();
        }
        assert_eq!(locked(&recent.entries).len(), KEPT);
        assert!(!Arc::ptr_eq(
            &first,
            &recent.read(&stored("u", "1")).unwrap()
        ));
        assert!(recent.read(&Compact::new(json!({"spec": 7}))).is_err());
    }
}
