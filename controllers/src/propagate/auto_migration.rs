//! Automatic migration in a pass: what is known of the room in each cluster goes into the annotation that KubeAdmiral's
//! own controller writes, in the same write as the decision that it leads to. No requests.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use navarch_crds::go;
use navarch_crds::keys::annotation::AUTO_MIGRATION_INFO;
use navarch_crds::names::ClusterName;
use navarch_scheduler::migration::AutoMigrationInfo;
use navarch_scheduler::policy::{CheckedPolicy, Mode};
use navarch_scheduler::unit;

use super::placed::threshold;
use super::template::Template;
use crate::federated::Federated;
use crate::host::context::Context;
use crate::host::migrations::{Plan, estimated};
use crate::host::stores::TypeConfig;
use crate::migrate::{Workload, differs};
use crate::runtime::key::Key;
use crate::runtime::queue::Priority;

/// Puts what is known into `annotations`, on which the triggers and the decision rest; returns the note to be written.
/// Where nothing migrates, nothing stays written.
pub(super) fn apply(
    ctx: &Context,
    key: &Key,
    config: &TypeConfig,
    policy: &CheckedPolicy,
    wanted: &Template,
    last: Option<&Federated>,
    annotations: &mut BTreeMap<String, String>,
) -> (&'static str, Option<String>) {
    let stored = annotations.remove(AUTO_MIGRATION_INFO);
    let Some(threshold) = migrates(ctx, config, policy, annotations) else {
        ctx.migrations.forget(key);
        return (AUTO_MIGRATION_INFO, None);
    };
    let read = stored
        .as_deref()
        .map(serde_json::from_str::<AutoMigrationInfo>);
    let placed = last.map(|last| last.spec.placed_clusters());
    let mut plan = Plan {
        type_config: std::sync::Arc::clone(&config.name),
        workload: Workload::new(config.spec(), &wanted.object),
        threshold,
        strategy: policy.strategy,
        clusters: placed
            .into_iter()
            .flatten()
            .filter_map(|name| ClusterName::new(name).ok())
            .collect(),
        info: match &read {
            Some(Ok(info)) => info.clone(),
            // Not of the form: it is written anew, as KubeAdmiral does.
            Some(Err(_)) | None => AutoMigrationInfo::default(),
        },
    };
    let info = estimated(ctx, key, &plan, Timestamp::now()).info;
    let readable = !matches!(read, Some(Err(_)));
    let note = if readable && !differs(plan.strategy, &plan.info, &info) {
        stored
    } else {
        plan.info = info;
        text(&plan.info)
    };
    if let Some(text) = &note {
        annotations.insert(AUTO_MIGRATION_INFO.to_owned(), text.clone());
    }
    ctx.migrations.put(key, plan);
    // Whoever looks at it from now on waits for its next time.
    ctx.migrations.queue.push(key.clone(), Priority::Live);
    (AUTO_MIGRATION_INFO, note)
}

/// How long its pods may find no node, if its replicas may move at all: policy and type say so, and clusters share them.
fn migrates(
    ctx: &Context,
    config: &TypeConfig,
    policy: &CheckedPolicy,
    annotations: &BTreeMap<String, String>,
) -> Option<SignedDuration> {
    let threshold = threshold(policy)?.to_std().unwrap_or_default();
    let divided = || {
        let mode = unit::mode(policy, config.spec(), annotations, ctx.features);
        matches!(mode, Mode::Divide)
    };
    let threshold = SignedDuration::try_from(threshold).unwrap_or(SignedDuration::MAX);
    (config.spec().migrates() && divided()).then_some(threshold)
}

/// As KubeAdmiral writes it; nothing where there is nothing to say.
fn text(info: &AutoMigrationInfo) -> Option<String> {
    let said = *info != AutoMigrationInfo::default();
    said.then(|| go::json::to_string(info).unwrap_or_default())
}

/// What changed about the room in clusters, for people. `None`: nothing.
pub(super) fn told(before: Option<&str>, after: Option<&str>) -> Option<String> {
    let read = |text: Option<&str>| {
        let info = text.and_then(|text| serde_json::from_str::<AutoMigrationInfo>(text).ok());
        info.unwrap_or_default().estimated_capacity
    };
    let (before, after) = (read(before), read(after));
    if before == after {
        return None;
    }
    if after.is_empty() {
        return Some("no cluster is known to lack room for its replicas any more".to_owned());
    }
    let each = after
        .iter()
        .map(|(cluster, capacity)| format!("{cluster} {capacity}"));
    let each: Vec<String> = each.collect();
    Some(format!(
        "pods find no node: replicas that clusters were seen to have room for: {}",
        each.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_as_kubeadmiral_writes_it() {
        let mut info = AutoMigrationInfo::default();
        assert_eq!(text(&info), None);
        info.scheduled_replicas.insert("b".to_owned(), 0);
        info.estimated_capacity.insert("b".to_owned(), 2);
        info.estimated_capacity.insert("a".to_owned(), 0);
        let expected = r#"{"estimatedCapacity":{"a":0,"b":2},"scheduledReplicas":{"b":0}}"#;
        assert_eq!(text(&info).as_deref(), Some(expected));
    }

    #[test]
    fn people_are_told_when_room_changes() {
        let short = r#"{"estimatedCapacity":{"a":1},"scheduledReplicas":{"a":1}}"#;
        let other = r#"{"estimatedCapacity":{"a":1},"scheduledReplicas":{"a":0}}"#;
        assert_eq!(told(Some(short), Some(other)), None);
        assert_eq!(told(None, None), None);
        let note = told(None, Some(short)).unwrap();
        assert!(note.ends_with("a 1"), "{note}");
        assert!(told(Some(short), None).unwrap().contains("any more"));
    }
}
