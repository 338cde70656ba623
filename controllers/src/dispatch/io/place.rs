//! A copy is wanted in a member: render it, compare it with the record, apply it if it differs.

use navarch_crds::keys::{annotation, label};
use navarch_crds::v1alpha1::PropagationStatusType as Status;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::watch::{CREATED_FOR_CONTENT, accept, see};
use super::{Look, Looked};
use crate::copies::applied::Applied;
use crate::copies::charge;
use crate::copies::drift;
use crate::copies::render::{Desired, render_with};
use crate::dispatch::adopt::{self, Adoption};
use crate::fleet::records::{Owners, Record, inherited_fields, own_fields};
use crate::fleet::request::{Force, Kind, Part, RequestError};
use crate::host::take::{federated_kind, put_federated};
use crate::runtime::compact::{annotation as annotation_of, label as label_of, text};
use crate::runtime::key::Key;
use crate::runtime::queue::Priority;

const CREATE_FAILED: &str = "CreateInClusterFailed";
const UPDATE_FAILED: &str = "UpdateInClusterFailed";

/// No object has it: the revisions of a store begin before its first object.
const NO_VERSION: &str = "1";

/// Makes the copy what it should be.
pub(crate) async fn place(look: &Look<'_>) -> Looked {
    let (mut record, mut desired) = match compose(look) {
        Ok(composed) => composed,
        Err(looked) => return looked,
    };
    let inherited = || look.ctx.inherited.get(look.key).is_some();
    let undecided = |record: &Record| record.is_undecided(desired.hash.as_str(), inherited());
    if record.as_ref().is_some_and(undecided) {
        if let Err(error) = read_again(look).await {
            return Looked::request(Status::RetrievalFailed, UPDATE_FAILED, &error);
        }
        (record, desired) = match compose(look) {
            Ok(composed) => composed,
            Err(looked) => return looked,
        };
    }
    bring_about(look, record, &desired).await
}

/// What is known of the copy, and what it should be.
fn compose(look: &Look<'_>) -> Result<(Option<Record>, Desired), Looked> {
    let record = look.member.record(look.key);
    let replicas = record
        .as_ref()
        .map(|record| record.replicas)
        .unwrap_or_default();
    let rendered = render_with(
        look.federated,
        look.config.spec(),
        &look.member.name,
        replicas,
    );
    match rendered {
        Ok(desired) => Ok((record, desired)),
        Err(error) => {
            let mut note = error.to_string();
            if let Some(cause) = std::error::Error::source(&error) {
                note = format!("{note}: {cause}");
            }
            let mut looked = Looked::failed(error.status(), "RenderFailed", note);
            // The same object fails in the same way; a change of it brings the key back.
            looked.again = false;
            Err(looked)
        }
    }
}

/// The copy was seen before what is wanted was known here (the member's watch was faster than the host's, or the
/// federated object was made anew): a read tells whether there is anything to write.
async fn read_again(look: &Look<'_>) -> Result<(), RequestError> {
    // Not compared with the record: it would pass its verdict on.
    look.member.drop_record(look.key);
    let (kind, requests) = (&look.config.kind, &look.member.requests);
    if let Some(existing) = requests.get(kind, look.namespace, look.name).await?
        && label_of(&existing, label::MANAGED) == Some("true")
    {
        see(
            look.ctx,
            look.member,
            look.config,
            &existing,
            Priority::Live,
        );
    }
    Ok(())
}

/// Applies what is wanted, unless it is there.
async fn bring_about(look: &Look<'_>, record: Option<Record>, desired: &Desired) -> Looked {
    let hash = desired.hash.as_str().to_owned();
    if let Some(record) = &record {
        if record.is_in_sync(&hash) {
            return Looked::ok();
        }
        if record.terminating {
            return Looked::waits(Status::WaitingForRemoval, "the copy is being deleted there");
        }
        if let Some(newer) = newer_than_known(look, record).await {
            return newer;
        }
    }
    if let Some(why) = not_charged(look, desired) {
        return Looked::waits(Status::NotCharged, why);
    }
    let mut object = desired.to_apply(look.federated);
    match record {
        Some(record) => {
            if record.adopted {
                // Left out of an apply, it would be taken off.
                object["metadata"]["annotations"][annotation::ADOPTED] = json!("true");
            }
            object["metadata"]["uid"] = json!(&*record.uid);
            if record.owners == Owners::Inherited
                && let Err(error) = inherit(look, None).await
            {
                return Looked::request(Status::UpdateFailed, UPDATE_FAILED, &error);
            }
            let applied = apply(look, &object, Force::Yes).await;
            if is_other_object(&applied) {
                // What is there now, if anything, is not what the record is about.
                look.member.drop_record(look.key);
                without_uid(&mut object);
                let first = desired.to_create(look.federated);
                return create(look, first, object, &hash).await;
            }
            conclude(look, &hash, applied, Status::UpdateFailed, UPDATE_FAILED)
        }
        None => {
            let first = desired.to_create(look.federated);
            create(look, first, object, &hash).await
        }
    }
}

/// A copy that would use more than its object is charged there is not sent: what is there stays as it is until the charge
/// covers it. So nothing reaches a member that its quotas have not admitted, whichever way it came into the object.
fn not_charged(look: &Look<'_>, desired: &Desired) -> Option<String> {
    if !look.ctx.quotas.is_charged_now(look.key) {
        return None;
    }
    let nodes = look.ctx.place(&look.member.name, None).nodes;
    let used = match charge::use_of(look.config.spec(), &desired.object, nodes) {
        Ok(used) => used,
        Err(error) => return Some(error.to_string()),
    };
    let charged = charge::of(look.federated).unwrap_or_default();
    let charged = charged.clusters.get(&look.member.name);
    let why = "the copy would use more than its object is charged by global quotas";
    (!charge::covers(charged, &used)).then(|| why.to_owned())
}

/// The copy carries a later generation of the same federated object than we know: an older leader, or
/// a store that is behind, must not roll it back. The host is asked; it may really be older (restored).
async fn newer_than_known(look: &Look<'_>, record: &Record) -> Option<Looked> {
    let applied = record.applied.as_ref()?;
    let known = &look.entry.object;
    if applied.uid != *known.uid || applied.generation <= known.generation {
        return None;
    }
    let kind = federated_kind(look.key);
    match look
        .ctx
        .host
        .get(&kind, look.key.namespace(), &look.key.name)
        .await
    {
        Ok(Some(present)) => {
            let generation = present
                .pointer("/metadata/generation")
                .and_then(Value::as_i64);
            if generation == Some(known.generation) {
                return None;
            }
            put_federated(look.ctx, present, Priority::Live);
            Some(Looked::waits(
                Status::PendingCreate,
                "the host has a newer state",
            ))
        }
        Ok(None) => Some(Looked::waits(
            Status::PendingCreate,
            "the federated object is gone",
        )),
        Err(error) => Some(Looked::request(
            Status::CachedRetrievalFailed,
            UPDATE_FAILED,
            &error,
        )),
    }
}

async fn apply(look: &Look<'_>, object: &Value, force: Force) -> Result<Value, RequestError> {
    look.ctx.rush.placed(Instant::now());
    let requests = &look.member.requests;
    let kind = &look.config.kind;
    let applied = requests
        .apply(kind, look.namespace, look.name, object, force)
        .await;
    let applied = match (applied, look.namespace) {
        (Err(error), Some(namespace)) if error.is_missing_namespace() => {
            make_namespace(look, namespace).await?;
            requests
                .apply(kind, look.namespace, look.name, object, force)
                .await
        }
        (other, _) => other,
    };
    look.ctx
        .metrics
        .member_action(look.member.name.as_str(), "apply", applied.is_ok());
    applied
}

/// Makes the namespace in the member because something lands there now. Labels and annotations are
/// those of the host's namespace; it is never deleted by us.
async fn make_namespace(look: &Look<'_>, namespace: &str) -> Result<(), RequestError> {
    let kind = Kind::new("", "v1", "Namespace", "namespaces", false);
    let source = look
        .ctx
        .host
        .get(&kind, None, namespace)
        .await?
        .unwrap_or_default();
    let copied = |pointer: &str| {
        let mut map = source
            .pointer(pointer)
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        map.retain(|key, _| {
            !key.contains("kubeadmiral.io/")
                && !key.starts_with("navarch.dev/")
                && key != "kubernetes.io/metadata.name"
                && key != "kubectl.kubernetes.io/last-applied-configuration"
        });
        map
    };
    let mut labels = copied("/metadata/labels");
    labels.insert(label::MANAGED.to_owned(), json!("true"));
    let mut annotations = copied("/metadata/annotations");
    annotations.insert(CREATED_FOR_CONTENT.to_owned(), json!("true"));
    let object = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": { "name": namespace, "labels": labels, "annotations": annotations },
    });
    match look.member.requests.create(&kind, None, &object).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_conflict() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Nothing is known of a copy. The first apply carries a resourceVersion that no object has, so it creates or
/// is refused, and never merges into what somebody else has made there, also not in between: an API server takes
/// the version as a precondition where an object is, and ignores it where none is
/// (`k8s.io/apiserver/pkg/registry/generic/registry/store.go`, `Update`).
async fn create(look: &Look<'_>, mut first: Value, object: Value, hash: &str) -> Looked {
    // What was seen to go says nothing any more once something has been sent.
    look.member.take_absent(look.key);
    first["metadata"]["resourceVersion"] = json!(NO_VERSION);
    let applied = apply(look, &first, Force::No).await;
    if !matches!(&applied, Err(error) if error.is_conflict()) {
        return conclude(look, hash, applied, Status::CreationFailed, CREATE_FAILED);
    }
    let read = look
        .member
        .requests
        .get(&look.config.kind, look.namespace, look.name)
        .await;
    match read {
        Ok(Some(existing)) => settle(look, object, hash, &existing).await,
        Ok(None) => Looked::failed(
            Status::CreationFailed,
            CREATE_FAILED,
            "an object of that name went away in between",
        ),
        Err(error) => Looked::request(Status::RetrievalFailed, CREATE_FAILED, &error),
    }
}

/// Before the first apply of a copy that KubeAdmiral made by create and update: makes the fields that it owns ours,
/// or a field that the apply leaves out would stay its, and there (`client-go/util/csaupgrade` does the same).
async fn inherit(look: &Look<'_>, existing: Option<&Value>) -> Result<(), RequestError> {
    let (kind, requests) = (&look.config.kind, &look.member.requests);
    let read = match existing {
        Some(existing) => Some(existing.clone()),
        None => requests.get(kind, look.namespace, look.name).await?,
    };
    let Some(existing) = read else {
        // Gone: the apply, which names its uid, will tell.
        return Ok(());
    };
    let Some(fields) = inherited_fields(look.config.spec(), &existing) else {
        return Ok(());
    };
    let patch = json!({ "metadata": {
        "managedFields": fields,
        "resourceVersion": existing.pointer("/metadata/resourceVersion"),
    } });
    let patched = requests
        .merge(kind, look.namespace, look.name, Part::Whole, &patch)
        .await;
    look.ctx
        .metrics
        .member_action(look.member.name.as_str(), "inherit", patched.is_ok());
    patched.map(|_| ())
}

fn is_other_object(applied: &Result<Value, RequestError>) -> bool {
    matches!(applied, Err(error) if error.is_other_object())
}

fn without_uid(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("uid");
    }
}

/// An object of that name is there: whose is it?
async fn settle(look: &Look<'_>, mut object: Value, hash: &str, existing: &Value) -> Looked {
    if existing.pointer("/metadata/deletionTimestamp").is_some() {
        return Looked::failed(
            Status::CreationFailed,
            CREATE_FAILED,
            "an object of that name is being deleted there",
        );
    }
    if is_anothers(look, existing) {
        let why = "an object of this name is there that is the copy of another federated object";
        return Looked::failed(Status::AlreadyExists, "AlreadyExists", why);
    }
    let annotations = look.federated.annotations();
    let mut decision = adopt::decide(&annotations, &look.member.name, existing);
    if matches!(decision, Adoption::Refuse(_)) {
        // Namespaces of members are taken over, as KubeAdmiral does (`nsautoprop`).
        if look.config.is_namespaces() {
            decision = Adoption::Adopt;
        }
        // A copy of ours that lost the managed label is still ours.
        let applied = Applied::read(existing);
        if applied.is_some_and(|applied| applied.uid == *look.entry.object.uid) {
            decision = Adoption::Ours;
        }
    }
    match decision {
        Adoption::Ours if is_as_wanted(look, &object, hash, existing) => {
            // Written by us, and nobody told us yet (a lost answer).
            let _ = accept(look.member, look.config, look.key, hash, existing);
            Looked::ok()
        }
        Adoption::Ours | Adoption::Adopt => {
            let before = annotation_of(existing, annotation::ADOPTED) == Some("true");
            if before || decision == Adoption::Adopt {
                object["metadata"]["annotations"][annotation::ADOPTED] = json!("true");
            }
            object["metadata"]["uid"] = json!(text(existing, "/metadata/uid"));
            if let Err(error) = inherit(look, Some(existing)).await {
                return Looked::request(Status::UpdateFailed, UPDATE_FAILED, &error);
            }
            let applied = apply(look, &object, Force::Yes).await;
            conclude(look, hash, applied, Status::UpdateFailed, UPDATE_FAILED)
        }
        Adoption::Unmanaged => {
            let note = "the object there is labelled kubeadmiral.io/managed=false and left alone";
            Looked::failed(Status::ManagedLabelFalse, "ManagedLabelFalse", note)
        }
        Adoption::Refuse(why) => Looked::failed(Status::AlreadyExists, "AlreadyExists", why),
    }
}

/// Whether what is there was made of another federated object. Those that users write may have any name, so two of them
/// may describe the same object: who came first keeps it, and the one with the usual name goes before all others.
fn is_anothers(look: &Look<'_>, existing: &Value) -> bool {
    let usual = Key::of_source(existing, &look.config.name);
    let Some(usual) = usual.filter(|usual| usual != look.key) else {
        return false;
    };
    let lives = |uid: &str| {
        let found = look.ctx.federated.keys(|entry| *entry.object.uid == *uid);
        found.iter().any(|key| key != look.key)
    };
    look.ctx.federated.get(&usual).is_some()
        || Applied::read(existing).is_some_and(|applied| lives(&applied.uid))
}

/// What is there is what we would send, to the last field.
fn is_as_wanted(look: &Look<'_>, object: &Value, hash: &str, existing: &Value) -> bool {
    let applied = Applied::read(existing);
    applied.is_some_and(|applied| {
        applied.hash.as_str() == hash && applied.uid == *look.entry.object.uid
    }) && own_fields(existing).is_some_and(|fields| drift::owns(object, fields))
}

fn conclude(
    look: &Look<'_>,
    hash: &str,
    applied: Result<Value, RequestError>,
    failed: Status,
    reason: &'static str,
) -> Looked {
    match applied {
        Ok(object) => {
            // Stale: the watch was faster, and its record was judged by itself.
            let _ = accept(look.member, look.config, look.key, hash, &object);
            tracing::debug!(object = %look.key, cluster = %look.member.name, "applied");
            Looked::ok()
        }
        Err(error) => {
            let status = match (&error, &failed) {
                (RequestError::TimedOut { .. }, Status::CreationFailed) => Status::CreationTimedOut,
                (RequestError::TimedOut { .. }, _) => Status::UpdateTimedOut,
                _ => failed,
            };
            tracing::warn!(object = %look.key, cluster = %look.member.name, error = error.message(), "apply failed");
            Looked::request(status, reason, &error)
        }
    }
}
