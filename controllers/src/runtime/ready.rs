//! Readiness as handles: every component that must have its first data holds one and drops it
//! when it has. Nothing can be forgotten and no flag can be wrong.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What `/readyz` asks.
#[derive(Clone, Debug)]
pub(crate) struct Readiness {
    waiting: Arc<watch::Sender<BTreeSet<String>>>,
}

impl Default for Readiness {
    fn default() -> Self {
        Self {
            waiting: Arc::new(watch::Sender::new(BTreeSet::new())),
        }
    }
}

/// Held until a component is ready.
#[derive(Debug)]
pub(crate) struct Waiting {
    readiness: Readiness,
    component: String,
}

impl Readiness {
    /// Registers a component that is not ready yet.
    pub(crate) fn wait_for(&self, component: impl Into<String>) -> Waiting {
        let component = component.into();
        self.waiting.send_modify(|waiting| {
            waiting.insert(component.clone());
        });
        Waiting {
            readiness: self.clone(),
            component,
        }
    }

    /// The components that are not ready.
    pub(crate) fn missing(&self) -> Vec<String> {
        self.waiting.borrow().iter().cloned().collect()
    }

    /// Waits until every component is ready; `false` at shutdown.
    pub(crate) async fn ready(&self, shutdown: &CancellationToken) -> bool {
        let mut waiting = self.waiting.subscribe();
        tokio::select! {
            () = shutdown.cancelled() => false,
            ready = waiting.wait_for(BTreeSet::is_empty) => ready.is_ok(),
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.readiness.waiting.send_modify(|waiting| {
            waiting.remove(&self.component);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_when_every_handle_is_dropped() {
        let readiness = Readiness::default();
        let first = readiness.wait_for("sources");
        let second = readiness.wait_for("clusters");
        drop(first);
        assert_eq!(readiness.missing(), vec!["clusters"]);
        drop(second);
        assert!(readiness.missing().is_empty());
    }
}
