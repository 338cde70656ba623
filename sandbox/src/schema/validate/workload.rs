//! Validation of the kinds that have pod templates (k8s.io/kubernetes, pkg/apis/apps and batch, validation).

use super::errors::{Errors, child};
use super::{pod, text};
use serde_json::{Map, Value, json};

/// Deployments, `ReplicaSet`s, `StatefulSet`s and `DaemonSet`s.
pub(super) fn apps(kind: &str, object: &Value, errors: &mut Errors) {
    let spec = object.get("spec").unwrap_or(&Value::Null);
    for field in [
        "replicas",
        "minReadySeconds",
        "revisionHistoryLimit",
        "progressDeadlineSeconds",
    ] {
        errors.not_negative(&child("spec", field), spec.get(field));
    }
    selector(kind, spec, errors);
    pod::template(
        spec.get("template").unwrap_or(&Value::Null),
        "spec.template",
        errors,
    );
    let policy = spec.pointer("/template/spec/restartPolicy");
    errors.one_of("spec.template.spec.restartPolicy", policy, &["Always"]);
    if kind == "Deployment"
        && spec.pointer("/strategy/type") == Some(&json!("Recreate"))
        && spec
            .pointer("/strategy/rollingUpdate")
            .is_some_and(|v| !v.is_null())
    {
        errors.forbidden(
            "spec.strategy.rollingUpdate",
            "may not be specified when strategy `type` is 'Recreate'",
        );
    }
    let (seconds, deadline) = (
        spec.get("minReadySeconds")
            .and_then(Value::as_i64)
            .unwrap_or(0),
        spec.get("progressDeadlineSeconds").and_then(Value::as_i64),
    );
    if let Some(deadline) = deadline
        && kind == "Deployment"
        && deadline <= seconds
    {
        errors.invalid(
            "spec.progressDeadlineSeconds",
            &json!(deadline),
            "must be greater than minReadySeconds",
        );
    }
}

fn selector(kind: &str, spec: &Value, errors: &mut Errors) {
    let Some(selector) = spec.get("selector").filter(|s| !s.is_null()) else {
        errors.required("spec.selector", "");
        // No selector matches nothing, the template's labels neither.
        if matches!(kind, "Deployment" | "ReplicaSet") {
            let labels = spec.pointer("/template/metadata/labels");
            let why = "`selector` does not match template `labels`";
            let labels = labels.unwrap_or(&Value::Null);
            errors.invalid("spec.template.metadata.labels", labels, why);
        }
        return;
    };
    label_selector(selector, "spec.selector", errors);
    let empty = selector.as_object().is_some_and(|s| {
        s.values().all(|v| {
            v.as_object().is_none_or(Map::is_empty) && v.as_array().is_none_or(Vec::is_empty)
        })
    });
    if empty {
        errors.invalid(
            "spec.selector",
            selector,
            "empty selector is invalid for deployment",
        );
        return;
    }
    let none = json!({});
    let labels = spec.pointer("/template/metadata/labels").unwrap_or(&none);
    if !matches(selector, labels) {
        errors.invalid(
            "spec.template.metadata.labels",
            labels,
            "`selector` does not match template `labels`",
        );
    }
}

/// Whether a label selector matches labels.
pub(super) fn matches(selector: &Value, labels: &Value) -> bool {
    let pairs = selector
        .get("matchLabels")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    let expressions = selector
        .get("matchExpressions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    pairs
        .into_iter()
        .all(|(key, value)| labels.get(key) == Some(value))
        && expressions.into_iter().all(|e| {
            let have = labels.get(text(e, "key"));
            let among = have.is_some_and(|h| {
                e.get("values")
                    .and_then(Value::as_array)
                    .is_some_and(|v| v.contains(h))
            });
            match text(e, "operator") {
                "In" => among,
                "NotIn" => !among,
                "Exists" => have.is_some(),
                "DoesNotExist" => have.is_none(),
                _ => true,
            }
        })
}

/// A label selector.
pub(super) fn label_selector(selector: &Value, path: &str, errors: &mut Errors) {
    super::metadata::labels(
        selector.get("matchLabels"),
        &child(path, "matchLabels"),
        errors,
    );
    for (index, expression) in selector
        .get("matchExpressions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .enumerate()
    {
        let at = format!("{path}.matchExpressions[{index}]");
        let values = expression
            .get("values")
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        match text(expression, "operator") {
            "In" | "NotIn" if values == 0 => errors.required(
                &child(&at, "values"),
                "must be specified when `operator` is 'In' or 'NotIn'",
            ),
            "In" | "NotIn" => {}
            "Exists" | "DoesNotExist" if values > 0 => errors.forbidden(
                &child(&at, "values"),
                "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
            ),
            "Exists" | "DoesNotExist" => {}
            other => errors.invalid(
                &child(&at, "operator"),
                &json!(other),
                "not a valid selector operator",
            ),
        }
    }
}

/// A Job's spec, also of a template.
pub(super) fn job(spec: &Value, path: &str, errors: &mut Errors) {
    for field in [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
    ] {
        errors.not_negative(&child(path, field), spec.get(field));
    }
    let template = child(path, "template");
    pod::template(
        spec.get("template").unwrap_or(&Value::Null),
        &template,
        errors,
    );
    let policy = spec
        .pointer("/template/spec/restartPolicy")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if policy != "OnFailure" && policy != "Never" {
        errors.required(
            &child(&template, "spec.restartPolicy"),
            "valid values: \"OnFailure\", \"Never\"",
        );
    }
}

/// A `CronJob`.
pub(super) fn cron_job(object: &Value, errors: &mut Errors) {
    let spec = object.get("spec").unwrap_or(&Value::Null);
    let schedule = text(spec, "schedule");
    if schedule.is_empty() {
        errors.required("spec.schedule", "");
    } else if !schedule.starts_with('@') && schedule.split_whitespace().count() != 5 {
        let detail = format!(
            "expected exactly 5 fields, found {}: [{schedule}]",
            schedule.split_whitespace().count()
        );
        errors.invalid("spec.schedule", &json!(schedule), &detail);
    }
    for field in [
        "startingDeadlineSeconds",
        "successfulJobsHistoryLimit",
        "failedJobsHistoryLimit",
    ] {
        errors.not_negative(&child("spec", field), spec.get(field));
    }
    errors.one_of(
        "spec.concurrencyPolicy",
        spec.get("concurrencyPolicy"),
        &["Allow", "Forbid", "Replace"],
    );
    job(
        spec.pointer("/jobTemplate/spec").unwrap_or(&Value::Null),
        "spec.jobTemplate.spec",
        errors,
    );
}
