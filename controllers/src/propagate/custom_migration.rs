//! A user's `kubeadmiral.io/migration-configuration` in a pass: what is applied of it, whether a time in it has passed
//! since the object was placed, and when the next one does. KubeAdmiral notices no time that passes; here the
//! clusters that the last placement avoided are remembered on the federated object. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use navarch_crds::keys::annotation;
use navarch_crds::keys::navarch::EVICTED;
use navarch_crds::v1alpha1::FederatedTypeConfigSpec;
use navarch_scheduler::migration::CustomMigration;
use serde_json::Value;

use crate::pointer;

/// A later time is looked at again then: timers need not reach years ahead.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// What a pass makes of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Migration {
    /// To be written on the federated object.
    pub(crate) notes: Vec<(&'static str, Option<String>)>,
    /// The configuration cannot be applied; what was applied before stays.
    pub(crate) problem: Option<String>,
    /// A cluster that the last placement avoided need not be avoided any more.
    pub(crate) ended: bool,
    /// When to look again.
    pub(crate) again: Option<Duration>,
}

/// Puts what is applied into `annotations`, on which the triggers and the decision rest.
pub(crate) fn apply(
    annotations: &mut BTreeMap<String, String>,
    type_config: &FederatedTypeConfigSpec,
    template: &Value,
    now: Timestamp,
) -> Migration {
    const APPLIED: &str = annotation::APPLIED_MIGRATION_CONFIGURATION;
    let mut migration = Migration::default();
    match annotations.get(annotation::MIGRATION_CONFIGURATION) {
        None => {
            annotations.remove(APPLIED);
            migration.notes.push((APPLIED, None));
        }
        Some(text) => match CustomMigration::check(text, has_replicas(type_config, template)) {
            Ok(applied) => {
                let text = applied.to_json();
                annotations.insert(APPLIED.to_owned(), text.clone());
                migration.notes.push((APPLIED, Some(text)));
            }
            Err(error) => migration.problem = Some(error.to_string()),
        },
    }
    let applied = annotations
        .get(APPLIED)
        .and_then(|text| serde_json::from_str::<CustomMigration>(text).ok())
        .unwrap_or_default();
    let evicted = applied.evicted(now);
    let avoided = annotations
        .get(EVICTED)
        .and_then(|text| serde_json::from_str::<BTreeSet<String>>(text).ok())
        .unwrap_or_default();
    migration.ended = avoided.iter().any(|name| !evicted.contains(name.as_str()));
    let listed = serde_json::to_string(&evicted).ok();
    let note = listed.filter(|_| !evicted.is_empty());
    migration.notes.push((EVICTED, note));
    migration.again = applied
        .next_expiry(now)
        .map(|until| Duration::try_from(until - now).unwrap_or_default())
        .map(|wait| wait.min(LONGEST));
    migration
}

fn has_replicas(type_config: &FederatedTypeConfigSpec, template: &Value) -> bool {
    let path = &type_config.path_definition.replicas_spec;
    pointer::at_dots(template, path).is_some_and(Value::is_i64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn passed(annotations: &mut BTreeMap<String, String>, second: i64) -> Migration {
        let mut config = FederatedTypeConfigSpec::default();
        config.path_definition.replicas_spec = "spec.replicas".to_owned();
        let migration = apply(
            annotations,
            &config,
            &json!({ "spec": { "replicas": 3 } }),
            at(second),
        );
        for (key, value) in &migration.notes {
            match value {
                Some(value) => annotations.insert((*key).to_owned(), value.clone()),
                None => annotations.remove(*key),
            };
        }
        migration
    }

    #[test]
    fn an_eviction_begins_is_waited_for_and_ends_once() {
        let wish =
            r#"{"workloadMigrations":[{"cluster":"a","validUntil":"1970-01-01T00:01:00Z"}]}"#;
        let mut annotations = BTreeMap::from([(
            annotation::MIGRATION_CONFIGURATION.to_owned(),
            wish.to_owned(),
        )]);
        let before = passed(&mut annotations, 0);
        assert_eq!(
            (before.ended, before.again),
            (false, Some(Duration::from_secs(60)))
        );
        assert_eq!(annotations[EVICTED], r#"["a"]"#);
        let meanwhile = passed(&mut annotations, 59);
        assert_eq!(
            (meanwhile.ended, meanwhile.again),
            (false, Some(Duration::from_secs(1)))
        );
        let after = passed(&mut annotations, 60);
        assert_eq!((after.ended, after.again), (true, None));
        assert!(!annotations.contains_key(EVICTED));
        assert!(!passed(&mut annotations, 61).ended);
    }

    #[test]
    fn what_is_wrong_leaves_what_was_applied_and_what_is_gone_takes_it_along() {
        let applied = r#"{"limitedCapacity":{"a":1}}"#;
        let mut annotations = BTreeMap::from([
            (
                annotation::MIGRATION_CONFIGURATION.to_owned(),
                "{".to_owned(),
            ),
            (
                annotation::APPLIED_MIGRATION_CONFIGURATION.to_owned(),
                applied.to_owned(),
            ),
        ]);
        assert!(passed(&mut annotations, 0).problem.is_some());
        assert_eq!(
            annotations[annotation::APPLIED_MIGRATION_CONFIGURATION],
            applied
        );
        annotations.remove(annotation::MIGRATION_CONFIGURATION);
        assert_eq!(passed(&mut annotations, 0).problem, None);
        assert!(annotations.is_empty(), "{annotations:?}");
    }

    #[test]
    fn times_years_ahead_are_looked_at_every_day() {
        let wish =
            r#"{"workloadMigrations":[{"cluster":"a","validUntil":"9999-01-01T00:00:00Z"}]}"#;
        let mut annotations = BTreeMap::from([(
            annotation::MIGRATION_CONFIGURATION.to_owned(),
            wish.to_owned(),
        )]);
        assert_eq!(passed(&mut annotations, 0).again, Some(LONGEST));
    }
}
