//! What differs and is not listed, what is listed and does not differ, and the section of `FIDELITY.md`.

use crate::compare::Comparison;
use crate::run::Answered;
use crate::set;
use crate::steps::{Area, Step};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Where the section begins; it goes on to the end of the file.
const BEGIN: &str = "\n## The request corpus\n";

/// What was found.
#[derive(Default)]
pub(crate) struct Report {
    requests: BTreeMap<String, usize>,
    wrong: Vec<String>,
    listed: BTreeMap<String, Vec<String>>,
}

impl Report {
    /// Compares the answers of one area.
    pub(crate) fn add(&mut self, area: &Area, recorded: &[Answered], ours: &[Answered]) {
        self.requests.insert(area.name.clone(), ours.len());
        let mut comparison = Comparison::new();
        for (step, ours) in area.steps.iter().zip(ours) {
            let key = format!("{}/{}", area.name, step.name);
            let Some(recorded) = recorded.iter().find(|r| r.name == step.name) else {
                self.wrong.push(format!("{key}: not recorded"));
                continue;
            };
            let found = comparison.answers(recorded, ours, &step.only);
            self.judge(&key, step, &found);
        }
    }

    fn judge(&mut self, key: &str, step: &Step, found: &[String]) {
        let Some(differs) = &step.differs else {
            let lines = found.iter().map(|f| format!("{key} {f}"));
            self.wrong.extend(lines);
            return;
        };
        for place in &differs.at {
            if !found.iter().any(|f| f.starts_with(place)) {
                let line = format!("{key} `differs` lists {place:?}, which is alike now");
                self.wrong.push(line);
            }
        }
        let listed = |f: &str| differs.at.iter().any(|place| f.starts_with(place));
        let others = found.iter().filter(|f| !listed(f));
        self.wrong.extend(others.map(|f| format!("{key} {f}")));
        let keys = self.listed.entry(differs.because.clone()).or_default();
        keys.push(key.to_owned());
    }

    /// Fails if anything is wrong; `whole`: all areas were run, so the section can be held against them.
    pub(crate) fn finish(&self, whole: bool) {
        let total: usize = self.requests.values().sum();
        let listed: usize = self.listed.values().map(Vec::len).sum();
        println!("{total} requests, {listed} listed as different");
        assert!(
            self.wrong.is_empty(),
            "{} places are answered otherwise:\n{}",
            self.wrong.len(),
            self.wrong.join("\n")
        );
        if !whole {
            return;
        }
        let path = path();
        let text = std::fs::read_to_string(&path).unwrap();
        let (before, section) = match text.find(BEGIN) {
            Some(at) => text.split_at(at),
            None => (text.as_str(), ""),
        };
        if set("NAVARCH_WRITE_FIDELITY") {
            std::fs::write(&path, format!("{before}{}", self.section())).unwrap();
            return;
        }
        assert_eq!(
            section,
            self.section(),
            "sandbox/FIDELITY.md is not up to date: run this test with NAVARCH_WRITE_FIDELITY=1"
        );
    }

    fn section(&self) -> String {
        let total: usize = self.requests.values().sum();
        let listed: usize = self.listed.values().map(Vec::len).sum();
        let mut text = format!(
            "{BEGIN}`tests/corpus.rs` sends the {total} requests of `corpus/*.yaml` and compares status codes, headers and bodies with those of a real \
             API server 1.34: recorded ones, or a live server's in the same run. {} are answered alike.\n\n| area | requests |\n|---|---|\n",
            total - listed
        );
        for (area, count) in &self.requests {
            let _ = writeln!(text, "| {area} | {count} |");
        }
        text.push_str(
            "\nThe others differ in places that the step names (`differs`), because:\n\n",
        );
        for (because, keys) in &self.listed {
            let _ = writeln!(text, "* {because} ({}: {})", keys.len(), keys.join(", "));
        }
        text
    }
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("FIDELITY.md")
}
