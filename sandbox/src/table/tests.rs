//! Every recorded Table against the objects recorded elsewhere in the same version.

use super::{IncludeObject, Printer};
use crate::object::Gvr;
use crate::recorded;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;

fn body_of(request: &Value) -> Option<Value> {
    if let Some(file) = request["bodyFile"]["file"].as_str() {
        let openapi = request["path"]
            .as_str()
            .is_some_and(|p| p.starts_with("/openapi"));
        return (!openapi).then(|| recorded::json_file(file));
    }
    request.get("body").cloned()
}

fn key(object: &Value) -> Option<(String, String)> {
    let text = |field: &str| object["metadata"][field].as_str().map(str::to_owned);
    Some((text("uid")?, text("resourceVersion")?))
}

/// Whole objects by uid and version, from every answer.
fn objects() -> HashMap<(String, String), Arc<Value>> {
    let mut found = HashMap::new();
    let mut add = |object: &Value| {
        let whole = object.as_object().is_some_and(|o| {
            o.keys()
                .any(|k| !matches!(k.as_str(), "kind" | "apiVersion" | "metadata"))
        });
        let scale = object["kind"] == "Scale";
        if let (true, false, Some(key)) = (whole, scale, key(object)) {
            found.insert(key, Arc::new(object.clone()));
        }
    };
    for command in recorded::commands() {
        for request in command["requests"].as_array().into_iter().flatten() {
            let Some(body) = body_of(request) else {
                continue;
            };
            body["items"]
                .as_array()
                .into_iter()
                .flatten()
                .for_each(&mut add);
            add(&body);
            for row in body["rows"].as_array().into_iter().flatten() {
                add(&row["object"]);
            }
        }
    }
    found
}

fn gvr_of(path: &str) -> (Gvr, bool) {
    let path = path.split('?').next().unwrap();
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let (group, version, rest) = if parts[0] == "api" {
        ("", parts[1], &parts[2..])
    } else {
        (parts[1], parts[2], &parts[3..])
    };
    let rest = if rest[0] == "namespaces" && rest.len() > 2 {
        &rest[2..]
    } else {
        rest
    };
    (
        Gvr::new(group, version, rest[0]),
        rest.get(2) == Some(&"scale"),
    )
}

#[test]
fn every_recorded_table_is_printed_again() {
    let objects = objects();
    let definition = objects
        .values()
        .find(|o| o["metadata"]["name"] == "widgets.shop.example");
    let widgets = definition.unwrap()["spec"]["versions"][0]["additionalPrinterColumns"].clone();
    let (mut rows_seen, mut rows_known, mut wrong) = (0, 0, Vec::new());
    for command in recorded::commands() {
        for request in command["requests"].as_array().into_iter().flatten() {
            let Some(table) = body_of(request).filter(|b| b["kind"] == "Table") else {
                continue;
            };
            let path = request["path"].as_str().unwrap();
            let (gvr, scale) = gvr_of(path);
            let printer = match gvr.group.as_str() {
                _ if scale => continue,
                "shop.example" => Printer::custom(widgets.as_array().unwrap()),
                _ => Printer::built_in(&gvr),
            };
            let name = format!("command {} {path}", command["n"]);
            let start: Timestamp = command["at"].as_str().unwrap().parse().unwrap();
            let columns = printer.render(&[], &json!({}), IncludeObject::None, start, true);
            assert_eq!(
                columns["columnDefinitions"], table["columnDefinitions"],
                "{name}"
            );
            for row in table["rows"].as_array().into_iter().flatten() {
                rows_seen += 1;
                let Some(object) = key(&row["object"]).and_then(|k| objects.get(&k)) else {
                    continue;
                };
                rows_known += 1;
                let include = if path.contains("includeObject=Object") {
                    IncludeObject::Object
                } else {
                    IncludeObject::Metadata
                };
                let offset = request["t"].as_f64().unwrap_or(0.0);
                let printed: Vec<Value> = (-4..=4)
                    .map(|quarter| {
                        let offset = offset + f64::from(quarter) / 2.0;
                        let now = start + SignedDuration::from_secs_f64(offset);
                        printer.row(object, include, now)
                    })
                    .collect();
                if !printed
                    .iter()
                    .any(|p| p["cells"] == row["cells"] && p["conditions"] == row["conditions"])
                {
                    wrong.push(format!(
                        "{name}\n  {}\n  {}",
                        row["cells"], printed[4]["cells"]
                    ));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\n{} of {rows_known}",
        wrong.join("\n"),
        wrong.len()
    );
    assert!(
        rows_known * 2 > rows_seen,
        "{rows_known} of {rows_seen} rows have their object"
    );
}

#[test]
fn every_built_in_printer_has_a_cell_for_each_column() {
    for name in super::COLUMNS.keys().filter(|name| *name != "scale") {
        let (version, resource) = name.rsplit_once('/').unwrap();
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let printer = Printer::built_in(&Gvr::new(group, version, resource));
        let row = printer.row(&json!({}), IncludeObject::None, Timestamp::UNIX_EPOCH);
        assert_eq!(
            row["cells"].as_array().unwrap().len(),
            printer.columns.len(),
            "{name}"
        );
        assert_eq!(printer.columns, super::COLUMNS[name], "{name}");
    }
}

#[test]
fn durations_are_short_for_people() {
    for (seconds, expected) in [
        (-2, "<invalid>"),
        (-1, "0s"),
        (119, "119s"),
        (120, "2m"),
        (125, "2m5s"),
        (600, "10m"),
        (3 * 3600, "3h"),
        (3 * 3600 + 60, "3h1m"),
        (9 * 3600, "9h"),
        (50 * 3600, "2d2h"),
        (9 * 86400, "9d"),
        (800 * 86400, "2y70d"),
    ] {
        assert_eq!(super::text::human(seconds), expected, "{seconds}");
    }
}

#[test]
fn a_pod_is_summed_up_in_one_word() {
    let cases = [
        (
            json!({"status": {"phase": "Pending"}, "spec": {"containers": [{}]}}),
            "0/1",
            "Pending",
            "0",
        ),
        (
            json!({"spec": {"containers": [{"name": "a"}]}, "status": {"phase": "Running", "containerStatuses": [
                {"name": "a", "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                 "lastState": {"terminated": {"finishedAt": "1970-01-01T00:00:00Z"}}}]}}),
            "0/1",
            "CrashLoopBackOff",
            "3 (10s ago)",
        ),
        (
            json!({"spec": {"containers": [{"name": "a"}], "initContainers": [{"name": "i"}]},
                   "status": {"phase": "Pending", "initContainerStatuses": [
                {"name": "i", "state": {"terminated": {"exitCode": 2}}}]}}),
            "0/1",
            "Init:ExitCode:2",
            "0",
        ),
        (
            json!({"metadata": {"deletionTimestamp": "1970-01-01T00:00:00Z"}, "spec": {"containers": [{"name": "a"}]},
                   "status": {"phase": "Running", "containerStatuses": [
                {"name": "a", "ready": true, "state": {"running": {}}}]}}),
            "1/1",
            "Terminating",
            "0",
        ),
    ];
    let now: Timestamp = "1970-01-01T00:00:10Z".parse().unwrap();
    for (pod, ready, status, restarts) in cases {
        let cells = super::pods::pod(&pod, now);
        assert_eq!(
            cells[1..4],
            [json!(ready), json!(status), json!(restarts)],
            "{pod}"
        );
    }
}
