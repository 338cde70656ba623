//! Finds and reads what the rules of the house look at.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One source file.
pub(crate) struct Source {
    /// Path from the repository's root.
    pub(crate) path: String,
    /// Its whole text.
    pub(crate) text: String,
}

impl Source {
    /// The numbered lines of code before the file's tests, without comments. A file of tests beside the code has none.
    pub(crate) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let text = if self.path.ends_with("_tests.rs") {
            ""
        } else {
            &self.text
        };
        text.lines()
            .enumerate()
            .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
            .map(|(number, line)| (number + 1, line))
    }

    /// Whether the file may hold a client.
    pub(crate) fn is_io(&self) -> bool {
        self.path.ends_with("/io.rs") || self.path.contains("/io/")
    }
}

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// Reads a file of the repository.
pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The workspace's crates, by folder.
pub(crate) fn members() -> Vec<String> {
    let manifest = read("Cargo.toml");
    let list = manifest
        .split_once("members = [")
        .unwrap()
        .1
        .split_once(']')
        .unwrap()
        .0;
    list.split(',')
        .map(|name| name.trim().trim_matches('"').to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

/// Each crate's dependencies inside the workspace, those of its tests left out.
pub(crate) fn workspace_arrows() -> BTreeMap<String, Vec<String>> {
    members()
        .into_iter()
        .map(|member| {
            let manifest = read(&format!("{member}/Cargo.toml"));
            let dependencies = manifest
                .split_once("\n[dependencies]")
                .map_or("", |(_, rest)| rest);
            let dependencies = dependencies.split("\n[").next().unwrap_or_default();
            let arrows = dependencies
                .lines()
                .filter_map(|line| line.strip_prefix("navarch-"))
                .map(|line| line.split([' ', '=', '.']).next().unwrap().to_owned())
                .collect();
            (member, arrows)
        })
        .collect()
}

/// Every Rust file below a folder of the repository; none when the folder does not exist.
pub(crate) fn rust_sources(folder: &str) -> impl Iterator<Item = Source> + use<> {
    let mut found = Vec::new();
    collect(&root().join(folder), &mut found);
    found.sort();
    found.into_iter().map(|path| Source {
        path: path.strip_prefix(root()).unwrap().display().to_string(),
        text: std::fs::read_to_string(&path).unwrap(),
    })
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}
