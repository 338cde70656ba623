//! No copy is wanted in a member: delete it, or let go of it, and say when it is surely gone.

use navarch_crds::keys::{annotation, finalizer, label, navarch};
use navarch_crds::v1alpha1::PropagationStatusType as Status;
use serde_json::{Value, json};

use super::{Look, Looked};
use crate::copies::applied::Applied;
use crate::dispatch::adopt::{Orphaning, orphaning};
use crate::fleet::request::{Part, RequestError};
use crate::host::stores::FederatedEntry;
use crate::runtime::compact::{annotation as annotation_of, finalizers, label as label_of, text};

const DELETE_FAILED: &str = "DeleteInClusterFailed";

/// Removes the copy. `Absent` is only answered on proof: a read that said 404, a delete event of the
/// very object, or an object that is not ours.
pub(crate) async fn withdraw(look: &Look<'_>) -> Looked {
    if look.member.take_absent(look.key).is_some() {
        return Looked::absent();
    }
    if look
        .member
        .record(look.key)
        .is_some_and(|record| record.terminating)
    {
        return Looked::waits(Status::WaitingForRemoval, "the copy is being deleted");
    }
    if let Some((uid, version)) = surely_deletable(look) {
        match send_delete(look, Some(&uid), Some(version)).await {
            Ok(true) => {
                return Looked::waits(Status::WaitingForRemoval, "the copy is being deleted");
            }
            Ok(false) => {
                look.member.drop_record(look.key);
                return Looked::absent();
            }
            // It is not what the record says any more: look at it.
            Err(error) if error.is_conflict() => {}
            Err(error) => return Looked::request(Status::DeletionFailed, DELETE_FAILED, &error),
        }
    }
    let kind = &look.config.kind;
    let existing = match look
        .member
        .requests
        .get(kind, look.namespace, look.name)
        .await
    {
        Ok(Some(existing)) => existing,
        Ok(None) => {
            look.member.drop_record(look.key);
            return Looked::absent();
        }
        Err(error) => return Looked::request(Status::RetrievalFailed, DELETE_FAILED, &error),
    };
    if !is_ours(look, &existing) {
        look.member.drop_record(look.key);
        return Looked::absent();
    }
    if keeps_copy(look, &existing) {
        return let_go(look, &existing).await;
    }
    if existing.pointer("/metadata/deletionTimestamp").is_some() {
        return Looked::waits(Status::WaitingForRemoval, "the copy is being deleted");
    }
    match delete(look, &existing).await {
        Ok(true) => Looked::waits(Status::WaitingForRemoval, "the copy is being deleted"),
        // Gone or replaced in between; another look tells.
        Ok(false) => {
            look.member.drop_record(look.key);
            Looked::absent()
        }
        Err(error) => Looked::request(Status::DeletionFailed, DELETE_FAILED, &error),
    }
}

/// Uid and version of a copy whose record says all that a read would: it is ours, applied by us, and no rule
/// keeps it. The version belongs to it: a record may be older than the object, which somebody may have made
/// theirs (or we have given back) since.
fn surely_deletable(look: &Look<'_>) -> Option<(std::sync::Arc<str>, u64)> {
    let record = look.member.record(look.key)?;
    let ours = record.applied.as_ref()?.uid == *look.entry.object.uid;
    let no_rule = orphaning(&look.federated.annotations()) == Orphaning::Delete;
    (ours && no_rule && !look.config.is_namespaces()).then_some((record.uid, record.version))
}

/// Managed, and not made on behalf of another federated object. Objects of KubeAdmiral do not carry our
/// mark; for them the label counts, as it does there.
fn is_ours(look: &Look<'_>, existing: &Value) -> bool {
    if label_of(existing, label::MANAGED) != Some("true") {
        return false;
    }
    if annotation_of(existing, super::watch::CREATED_FOR_CONTENT).is_some() {
        return false;
    }
    let recorded = look.entry.placed.contains(&look.member.name)
        || look.entry.leaving.contains(&look.member.name);
    match Applied::read(existing) {
        Some(applied) if applied.uid == *look.entry.object.uid => true,
        // Applied for a federated object that was replaced by ours (deleted by force, or the host was
        // restored without uids): a copy that is equal is not applied again, so its mark stays.
        Some(applied) => {
            let lives = |entry: &FederatedEntry| *entry.object.uid == *applied.uid;
            recorded && look.ctx.federated.keys(lives).is_empty()
        }
        None => recorded,
    }
}

/// The orphan rule counts when the federated object or the cluster goes, not when a placement is lost
/// (KubeAdmiral `sync/controller.go`). Namespaces that were there before us are kept by default.
fn keeps_copy(look: &Look<'_>, existing: &Value) -> bool {
    let adopted = annotation_of(existing, annotation::ADOPTED) == Some("true");
    if look.config.is_namespaces() && adopted {
        return true;
    }
    let cluster_leaves = look
        .ctx
        .clusters
        .get(&look.member.name)
        .is_some_and(|cluster| cluster.object.metadata.deletion_timestamp.is_some());
    if !look.entry.object.terminating && !cluster_leaves {
        return false;
    }
    orphaning(&look.federated.annotations()).keeps(existing)
}

/// The copy stays and is not ours any more.
async fn let_go(look: &Look<'_>, existing: &Value) -> Looked {
    let patch = json!({ "metadata": {
        "labels": { label::MANAGED: null },
        "annotations": { navarch::APPLIED: null },
        "finalizers": without_old_finalizer(existing),
        "resourceVersion": existing.pointer("/metadata/resourceVersion"),
    } });
    let kind = &look.config.kind;
    let patched = look
        .member
        .requests
        .merge(kind, look.namespace, look.name, Part::Whole, &patch)
        .await;
    look.ctx
        .metrics
        .member_action(look.member.name.as_str(), "release", patched.is_ok());
    match patched {
        Ok(_) => {
            look.member.drop_record(look.key);
            Looked::absent()
        }
        Err(error) if error.is_absence(look.name) => Looked::absent(),
        Err(error) => Looked::request(Status::LabelRemovalFailed, DELETE_FAILED, &error),
    }
}

/// Objects of older KubeAdmiral versions carry a finalizer that only it takes off.
fn without_old_finalizer(existing: &Value) -> Vec<String> {
    let mut left = finalizers(existing);
    left.retain(|present| present != finalizer::RETAIN_TERMINATING_OBJECT);
    left
}

async fn delete(look: &Look<'_>, existing: &Value) -> Result<bool, RequestError> {
    let kind = &look.config.kind;
    let requests = &look.member.requests;
    let left = without_old_finalizer(existing);
    if left.len() < finalizers(existing).len() {
        let patch = json!({ "metadata": {
            "finalizers": left,
            "resourceVersion": existing.pointer("/metadata/resourceVersion"),
        } });
        requests
            .merge(kind, look.namespace, look.name, Part::Whole, &patch)
            .await?;
    }
    send_delete(look, text(existing, "/metadata/uid"), None).await
}

async fn send_delete(
    look: &Look<'_>,
    uid: Option<&str>,
    version: Option<u64>,
) -> Result<bool, RequestError> {
    let kind = &look.config.kind;
    let deleted = look
        .member
        .requests
        .delete(kind, look.namespace, look.name, uid, version)
        .await;
    look.ctx
        .metrics
        .member_action(look.member.name.as_str(), "delete", deleted.is_ok());
    deleted
}
