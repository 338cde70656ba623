//! A cluster leaves: its member is cleaned when that is asked for, what joining made is taken away, and
//! the finalizers go last.

use std::time::Duration;

use navarch_crds::keys::{annotation, finalizer};
use navarch_crds::v1alpha1::FederatedCluster;

use super::cluster::{ClusterError, ClusterTask, Connection, Next};
use super::credentials::{self, Use};
use super::join;
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
            if asked && cluster.is_joined() {
                let cleaned = match connection {
                    Some(connection) => self.clean(cluster, connection).await,
                    None => {
                        let data = self.secret(cluster)?;
                        let fingerprint = credentials::fingerprint(&cluster.spec, &data);
                        *connection = Some(self.connect(cluster, &data, fingerprint).await?);
                        false
                    }
                };
                if !cleaned {
                    return Ok(Next::After(Duration::from_millis(500)));
                }
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

    /// Whether every copy of ours is gone from the member.
    async fn clean(&self, cluster: &FederatedCluster, connection: &mut Connection) -> bool {
        if self.probe(cluster, connection).await.is_err() || !connection.member.is_ready() {
            let note = format!(
                "the member does not answer: {}",
                connection.member.trouble()
            );
            self.ctx
                .events
                .warn(&self.about(cluster), "WaitForCascadingDelete", "", &note);
            return false;
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
            let absent = connection
                .member
                .outcome(&key)
                .is_some_and(|outcome| outcome.proves_absence(&entry.object));
            if !absent {
                left += 1;
                connection.member.queue.push(key, Priority::Live);
            }
        }
        left == 0
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
            if !matches!(error, ClusterError::Credentials(_)) {
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
