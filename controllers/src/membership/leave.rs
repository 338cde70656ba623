//! A cluster leaves: its member is cleaned when that is asked for, what joining made is taken away, and
//! the finalizers go last. A member that was given up for good (`navarch forget`) is not waited for.

use std::sync::Arc;
use std::time::Duration;

use navarch_crds::keys::{annotation, finalizer, navarch};
use navarch_crds::v1alpha1::FederatedCluster;
use serde_json::Value;

use super::cluster::{ClusterError, ClusterTask, Next};
use super::credentials::Use;
use super::join;
use super::joined::Connection;
use crate::runtime::queue::Priority;

impl ClusterTask {
    pub(super) async fn leave(
        &self,
        cluster: &FederatedCluster,
        connection: &mut Option<Connection>,
    ) -> Result<Next, ClusterError> {
        let mut finalizers = cluster.metadata.finalizers.clone().unwrap_or_default();
        let holds = |finalizers: &[String], wanted: &str| finalizers.iter().any(|f| f == wanted);
        if holds(&finalizers, finalizer::CASCADING_DELETE) {
            let asked = cluster
                .metadata
                .annotations
                .as_ref()
                .is_some_and(|annotations| annotations.contains_key(annotation::CASCADING_DELETE));
            if asked && cluster.is_joined() && !self.clean(cluster, connection).await? {
                if !self.is_given_up(cluster, connection.as_ref()) {
                    return Ok(Next::After(Duration::from_millis(500)));
                }
                self.tell_of_forgetting(cluster, "its copies could not be removed");
            }
            finalizers.retain(|finalizer| finalizer != finalizer::CASCADING_DELETE);
            self.write_finalizers(cluster, &finalizers).await?;
            return Ok(Next::OnChange);
        }
        if finalizers.len() > 1 && holds(&finalizers, finalizer::FEDERATED_CLUSTER) {
            let note = format!("waits for other finalizers: {}", finalizers.join(", "));
            self.ctx.events.warn(
                &self.about(cluster),
                "HandleTerminatingClusterBlocked",
                "",
                &note,
            );
            return Ok(Next::OnChange);
        }
        if !holds(&finalizers, finalizer::FEDERATED_CLUSTER) {
            return Ok(Next::OnChange);
        }
        if cluster
            .status
            .as_ref()
            .is_some_and(|status| status.join_performed)
        {
            self.undo_join(cluster).await?;
        }
        if let Some(connection) = connection.take() {
            self.disconnect(connection).await;
        }
        self.write_finalizers(cluster, &[]).await?;
        tracing::info!(cluster = %self.name, "left");
        Ok(Next::OnChange)
    }

    /// Somebody decided that the member will not come back, and it does not answer: one that does is let go
    /// in the ordinary way.
    fn is_given_up(&self, cluster: &FederatedCluster, connection: Option<&Connection>) -> bool {
        let answers = connection.is_some_and(|connection| {
            connection.member.is_ready() || !connection.member.was_probed()
        });
        decision(cluster).is_some() && !answers
    }

    fn tell_of_forgetting(&self, cluster: &FederatedCluster, what: &str) {
        let name = &self.name;
        let objects = self
            .ctx
            .federated
            .keys(|entry| entry.placed.contains(name) || entry.leaving.contains(name))
            .len();
        let decision = decision(cluster).unwrap_or_default();
        let note = format!(
            "given up {decision}: {what}; copies of {objects} objects may run on there and are not looked after any more"
        );
        tracing::warn!(cluster = %name, note, "forgotten");
        self.ctx
            .events
            .warn(&self.about(cluster), "ClusterForgotten", "", &note);
    }

    /// Whether every copy of ours is gone from the member.
    async fn clean(
        &self,
        cluster: &FederatedCluster,
        connection: &mut Option<Connection>,
    ) -> Result<bool, ClusterError> {
        let is_new = connection.is_none();
        let reached = match self.reach(cluster, connection).await {
            Ok(_) if is_new => return Ok(false),
            Ok(connection) => connection,
            Err(error) if error.is_credentials() && decision(cluster).is_some() => {
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        let member = Arc::clone(&reached.member);
        if self.probe(cluster, reached).await.is_err() || !member.is_ready() {
            let note = format!("the member does not answer: {}", member.trouble());
            self.ctx
                .events
                .warn(&self.about(cluster), "WaitForCascadingDelete", "", &note);
            return Ok(false);
        }
        let name = &self.name;
        let mut left = 0_usize;
        for key in self
            .ctx
            .federated
            .keys(|entry| entry.placed.contains(name) || entry.leaving.contains(name))
        {
            let Some(entry) = self.ctx.federated.get(&key) else {
                continue;
            };
            let absent = member
                .outcome(&key)
                .is_some_and(|outcome| outcome.proves_absence(&entry.object));
            if !absent {
                left += 1;
                member.queue.push(key, Priority::Live);
            }
        }
        Ok(left == 0)
    }

    async fn undo_join(&self, cluster: &FederatedCluster) -> Result<(), ClusterError> {
        let uid = cluster.metadata.uid.as_deref().unwrap_or_default();
        let released = async {
            let data = self.secret(cluster)?;
            let which = if cluster.spec.use_service_account {
                Use::ServiceAccount
            } else {
                Use::Bootstrap
            };
            let clients = self.client(which, cluster, &data).await?;
            join::release(&self.requests(&clients), &self.ctx.system_namespace, uid).await?;
            Ok::<(), ClusterError>(())
        };
        if let Err(error) = released.await {
            // Without credentials there is no way to reach the member any more.
            if decision(cluster).is_some() {
                let what = format!("the member could not be cleaned ({})", error.message());
                self.tell_of_forgetting(cluster, &what);
            } else if !error.is_credentials() {
                let note = format!("the member could not be cleaned: {}", error.message());
                self.ctx
                    .events
                    .warn(&self.about(cluster), "LeaveFailed", "", &note);
                return Err(error);
            }
        }
        if cluster.spec.use_service_account {
            let secret = &cluster.spec.secret_ref.name;
            join::store_token(&self.ctx.host, &self.ctx.system_namespace, secret, None).await?;
        }
        Ok(())
    }
}

/// Who gave the member up and when, for people.
fn decision(cluster: &FederatedCluster) -> Option<String> {
    let annotations = cluster.metadata.annotations.as_ref()?;
    let said: Value = serde_json::from_str(annotations.get(navarch::FORGET)?).unwrap_or_default();
    let part = |key: &str| said.get(key).and_then(Value::as_str).unwrap_or("unknown");
    Some(format!("by {} at {}", part("by"), part("at")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_decision_to_forget_names_who_and_when_and_counts_also_when_it_cannot_be_read() {
        let said = |text: Option<&str>| {
            let mut cluster = FederatedCluster::default();
            cluster.metadata.annotations =
                text.map(|text| [(navarch::FORGET.to_owned(), text.to_owned())].into());
            decision(&cluster)
        };
        for (text, expected) in [
            (None, None),
            (
                Some(r#"{"at":"2026-01-02T03:04:05Z","by":"ann"}"#),
                Some("by ann at 2026-01-02T03:04:05Z"),
            ),
            (Some("yes"), Some("by unknown at unknown")),
        ] {
            assert_eq!(said(text).as_deref(), expected, "{text:?}");
        }
    }
}
