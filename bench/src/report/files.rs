//! Reading and writing results, the document with the tables, and what is known of the machine.

use std::path::Path;

use crate::error::BenchError;
use crate::results::{Machine, Results};

const BEGIN: &str = "<!-- results: begin -->";
const END: &str = "<!-- results: end -->";

/// Writes everything as JSON.
pub(crate) fn write_json(path: &Path, results: &Results) -> Result<(), BenchError> {
    let text = serde_json::to_string_pretty(results).map_err(|error| BenchError::Refused {
        what: format!("writing {}: {error}", path.display()),
        advice: "A figure is not a number.".to_owned(),
    })?;
    std::fs::write(path, text + "\n").map_err(BenchError::file("writing", path))
}

/// Reads results of an earlier run.
pub(crate) fn read_json(path: &Path) -> Result<Results, BenchError> {
    let text = std::fs::read_to_string(path).map_err(BenchError::file("reading", path))?;
    serde_json::from_str(&text).map_err(|error| BenchError::Refused {
        what: format!("{}: {error}", path.display()),
        advice: "It must be a file that --json wrote.".to_owned(),
    })
}

/// Puts the tables between the marks of a document.
pub(crate) fn write_document(path: &Path, tables: &str) -> Result<(), BenchError> {
    let text = std::fs::read_to_string(path).map_err(BenchError::file("reading", path))?;
    let replaced = replace(&text, tables).ok_or_else(|| BenchError::Refused {
        what: format!("{}: no marks for the results", path.display()),
        advice: format!("It needs the lines {BEGIN} and {END}."),
    })?;
    std::fs::write(path, replaced).map_err(BenchError::file("writing", path))
}

fn replace(text: &str, tables: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{tables}{END}{after}"))
}

/// The machine that this runs on.
pub(crate) fn machine() -> Machine {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let value = |text: &str, key: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(key)?.trim().strip_prefix(':'))
            .map(|value| value.trim().to_owned())
            .unwrap_or_default()
    };
    let memory = value(&read("/proc/meminfo"), "MemTotal");
    let kibibytes: f64 = memory
        .split_whitespace()
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or(0.0);
    Machine {
        processor: value(&read("/proc/cpuinfo"), "model name"),
        cores: std::thread::available_parallelism().map_or(0, Into::into),
        memory_gib: kibibytes / 1024.0 / 1024.0,
        kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        api_server: "kube-apiserver of e2e/realcp".to_owned(),
        date: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_is_replaced() {
        let text = format!("# Title\n{BEGIN}\nold\n{END}\nrest\n");
        assert_eq!(
            replace(&text, "new\n"),
            Some(format!("# Title\n{BEGIN}\nnew\n{END}\nrest\n"))
        );
        assert_eq!(replace("nothing", "new"), None);
    }

    #[test]
    fn results_come_back_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.json");
        let results = Results {
            machine: machine(),
            ..Results::default()
        };
        write_json(&path, &results).unwrap();
        assert_eq!(read_json(&path).unwrap().machine, results.machine);
        assert!(read_json(folder.path()).is_err());
    }
}
