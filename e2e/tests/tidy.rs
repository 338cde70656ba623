//! Holds the house to its rules (docs/architecture.md): arrows between crates and rooms, what each crate never
//! does, file length, module headers, no forgotten work. Reads manifests and sources only.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test reads files that are there, and fails with what is wrong"
)]

#[path = "tidy/sources.rs"]
mod sources;

use std::collections::BTreeSet;

use sources::{Source, members, read, root, rust_sources, workspace_arrows};

/// Files longer than this have more than one purpose.
const LINES_MAX: usize = 600;

/// Which crate may depend on which; `e2e` uses them all. An arrow that is not here is forbidden.
const CRATE_ARROWS: &[(&str, &[&str])] = &[
    ("crds", &[]),
    ("scheduler", &["crds"]),
    ("controllers", &["crds", "scheduler"]),
    ("sandbox", &[]),
    ("cli", &["crds", "scheduler", "controllers", "sandbox"]),
    (
        "e2e",
        &["crds", "scheduler", "controllers", "sandbox", "cli"],
    ),
    ("bench", &[]),
];

/// What a crate's sources never name, and why.
const ABSENT: &[(&str, &[&str], &str)] = &[
    (
        "crds",
        &[
            "kube::Client",
            "kube::Api",
            "tokio::",
            "reqwest",
            "std::fs::",
            "std::net::",
        ],
        "the API is data: no client, no clock, no files outside its tests",
    ),
    (
        "scheduler",
        &[
            "kube::",
            "k8s_openapi::",
            "tokio::",
            "async fn",
            ".await",
            "Timestamp::now",
            "SystemTime",
            "Instant::now",
            "std::fs::",
            "std::net::",
        ],
        "the decision is a pure function",
    ),
    (
        "controllers",
        &["navarch_sandbox"],
        "the controllers do not know what they run against",
    ),
    (
        "sandbox",
        &[
            "kubeadmiral",
            "navarch_crds",
            "navarch_controllers",
            "FederatedObject",
            "PropagationPolicy",
        ],
        "the sandbox knows nothing of federation",
    ),
];

/// Rooms of `controllers` that stand beside each other: none may name another, but for the arrows listed here.
const ROOM_ARROWS: &[(&str, &[&str])] = &[
    ("runtime", &[]),
    ("copies", &[]),
    ("follow", &[]),
    ("fleet", &["runtime", "copies"]),
    ("webhook", &["runtime"]),
    ("migrate", &["copies", "fleet"]),
    ("quota", &["runtime", "copies", "fleet"]),
    (
        "host",
        &[
            "runtime", "copies", "fleet", "follow", "migrate", "quota", "webhook",
        ],
    ),
    ("membership", &["runtime", "fleet", "host"]),
    (
        "propagate",
        &[
            "runtime", "copies", "fleet", "follow", "host", "migrate", "quota", "webhook",
        ],
    ),
    ("dispatch", &["runtime", "copies", "fleet", "host", "quota"]),
    ("status", &["runtime", "copies", "fleet", "host", "quota"]),
];

#[test]
fn crates_depend_one_way() {
    for (name, arrows) in workspace_arrows() {
        let allowed = CRATE_ARROWS
            .iter()
            .find(|(of, _)| *of == name)
            .unwrap_or_else(|| {
                panic!("crate {name} is not on the map: add it to docs/architecture.md and here")
            })
            .1;
        let forbidden: Vec<_> = arrows
            .iter()
            .filter(|to| !allowed.contains(&to.as_str()))
            .collect();
        assert!(
            forbidden.is_empty(),
            "{name} may not depend on {forbidden:?}"
        );
    }
}

#[test]
fn crates_never_do_what_they_say_they_never_do() {
    let mut wrong = Vec::new();
    for (name, words, why) in ABSENT {
        for source in rust_sources(&format!("{name}/src")) {
            for (number, line) in source.code() {
                for word in words.iter().filter(|word| line.contains(*word)) {
                    wrong.push(format!("{}:{number}: {word} ({why})", source.path));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rooms_do_not_call_each_other() {
    let mut wrong = Vec::new();
    for (room, allowed) in ROOM_ARROWS {
        for source in rust_sources(&format!("controllers/src/{room}")) {
            for (number, line) in source.code() {
                for (other, _) in ROOM_ARROWS
                    .iter()
                    .filter(|(other, _)| other != room && !allowed.contains(other))
                {
                    if line.contains(&format!("crate::{other}::")) {
                        wrong.push(format!("{}:{number}: {room} → {other}", source.path));
                    }
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "rooms share runtime, copies, fleet, host and the API's types only:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn only_the_io_files_of_a_room_hold_a_client() {
    let mut wrong = Vec::new();
    for room in [
        "copies",
        "migrate",
        "quota",
        "webhook",
        "host",
        "propagate",
        "dispatch",
        "status",
    ] {
        for source in
            rust_sources(&format!("controllers/src/{room}")).filter(|source| !source.is_io())
        {
            for (number, line) in source.code() {
                for word in ["kube::Client", "kube::Api", "Api<", ".await", "async fn"]
                    .iter()
                    .filter(|word| line.contains(*word))
                {
                    wrong.push(format!("{}:{number}: {word}", source.path));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "decisions are pure; requests belong into io.rs or io/:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn files_are_short_and_say_what_lives_there() {
    let mut wrong = Vec::new();
    for member in members() {
        for folder in ["src", "tests", "examples", "benches"] {
            for source in rust_sources(&format!("{member}/{folder}")) {
                let lines = source.text.lines().count();
                if lines > LINES_MAX {
                    wrong.push(format!(
                        "{}: {lines} lines, at most {LINES_MAX}",
                        source.path
                    ));
                }
                if !source.text.starts_with("//!") {
                    wrong.push(format!("{}: begins without `//!`", source.path));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_is_left_for_later_in_silence() {
    let marks = [
        "TO".to_owned() + "DO",
        "FIX".to_owned() + "ME",
        "XX".to_owned() + "X:",
        "HA".to_owned() + "CK",
    ];
    let mut wrong = Vec::new();
    for source in all_sources() {
        for (number, line) in source.text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark.as_str())) {
                wrong.push(format!("{}:{}: {}", source.path, number + 1, line.trim()));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "open work belongs into docs/roadmap.md:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn every_room_is_on_the_map() {
    let map = read("docs/architecture.md");
    let mut missing = BTreeSet::new();
    for member in members().into_iter().filter(|member| member != "e2e") {
        let folder = root().join(&member).join("src");
        for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            if entry.path().is_dir() && !map.contains(&format!("`{name}/`")) {
                missing.insert(format!("{member}/src/{name}/"));
            }
        }
    }
    assert!(
        missing.is_empty(),
        "docs/architecture.md does not tell of {missing:?}"
    );
}

#[test]
fn decisions_have_the_four_parts() {
    for entry in std::fs::read_dir(root().join("docs/decisions"))
        .unwrap()
        .map(Result::unwrap)
    {
        let text = std::fs::read_to_string(entry.path()).unwrap();
        for part in ["Context", "Choice", "Given up", "Look again"] {
            assert!(
                text.contains(part),
                "{}: no part {part:?}",
                entry.path().display()
            );
        }
    }
}

fn all_sources() -> Vec<Source> {
    members()
        .iter()
        .flat_map(|member| rust_sources(&format!("{member}/src")))
        .collect()
}
