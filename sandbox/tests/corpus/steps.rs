//! The corpus as data: areas and their steps, and the placeholders in them.

use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// One file: requests about one thing, sent one after another.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Area {
    /// The file's name.
    #[serde(skip)]
    pub(crate) name: String,
    /// What it is about.
    #[serde(rename = "about")]
    pub(crate) _about: String,
    /// Made before, with all that a namespace gets by itself, and deleted after; the first is `${ns}`.
    #[serde(default)]
    pub(crate) namespaces: Vec<String>,
    /// Paths of other things that the steps make: deleted before and after.
    #[serde(default)]
    pub(crate) also: Vec<String>,
    /// Asks about, or changes, what other areas make too: no other area is asked at the same time.
    #[serde(default)]
    pub(crate) alone: bool,
    pub(crate) steps: Vec<Step>,
}

/// One request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    /// Unlike all others in its area.
    pub(crate) name: String,
    /// Method and path.
    pub(crate) send: String,
    /// The body, sent as compact JSON.
    #[serde(default)]
    pub(crate) body: Option<Value>,
    /// The body as it is.
    #[serde(default)]
    pub(crate) text: Option<String>,
    /// Content type: `json`, `merge`, `strategic`, `apply`, `yaml` or in full. By default JSON; for PATCH it must be said.
    #[serde(default, rename = "type")]
    pub(crate) content_type: Option<String>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// Sent without a client certificate.
    #[serde(default)]
    pub(crate) anonymous: bool,
    /// Names for values of the answer, by JSON pointer.
    #[serde(default)]
    pub(crate) remember: BTreeMap<String, String>,
    /// Asked again until the answer is so.
    #[serde(default)]
    pub(crate) until: Option<Until>,
    /// A watch: read until so many events have come.
    #[serde(default)]
    pub(crate) events: Option<usize>,
    /// Only these places of the answer (JSON pointers) are compared.
    #[serde(default)]
    pub(crate) only: Vec<String>,
    /// Depends on how long a server has been up: the recorded answer is compared, also where a live server is asked.
    #[serde(default)]
    pub(crate) recorded: bool,
    /// Known to differ.
    #[serde(default)]
    pub(crate) differs: Option<Differs>,
}

/// What is waited for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Until {
    #[serde(default)]
    pub(crate) status: Option<u16>,
    /// JSON pointer.
    #[serde(default)]
    pub(crate) at: Option<String>,
    /// What is there; nothing when absent.
    #[serde(default)]
    pub(crate) is: Value,
}

/// A difference that is known.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Differs {
    pub(crate) because: String,
    /// What the places that differ begin with, as the report names them.
    pub(crate) at: Vec<String>,
}

impl Step {
    pub(crate) fn method(&self) -> &str {
        self.send
            .split_once(' ')
            .map_or("GET", |(method, _)| method)
    }

    pub(crate) fn path(&self) -> &str {
        self.send.split_once(' ').map_or("", |(_, path)| path)
    }

    pub(crate) fn media_type(&self) -> String {
        let short = self.content_type.as_deref().unwrap_or("plain");
        let name = match short {
            "plain" => "json",
            "json" => "json-patch+json",
            "merge" => "merge-patch+json",
            "strategic" => "strategic-merge-patch+json",
            "apply" => "apply-patch+yaml",
            "yaml" => "yaml",
            other => return other.to_owned(),
        };
        format!("application/{name}")
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// All areas, or the one that is asked for.
pub(crate) fn read() -> Vec<Area> {
    let wanted = std::env::var("NAVARCH_CORPUS_AREA").unwrap_or_default();
    let mut areas = Vec::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if path.extension().is_none_or(|e| e != "yaml") {
            continue;
        }
        if !wanted.is_empty() && !wanted.split(',').any(|w| w == name) {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let area: Area = serde_saphyr::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let names: BTreeSet<&str> = area.steps.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(
            names.len(),
            area.steps.len(),
            "{}: two steps of one name",
            path.display()
        );
        areas.push(Area { name, ..area });
    }
    areas.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(!areas.is_empty(), "no such area: {wanted}");
    areas
}

/// Values for placeholders.
pub(crate) struct Memory {
    values: BTreeMap<String, String>,
}

impl Memory {
    pub(crate) fn of(area: &Area) -> Self {
        let mut memory = Self {
            values: BTreeMap::new(),
        };
        if let Some(namespace) = area.namespaces.first() {
            memory.put("ns", namespace);
            memory.put("core", &format!("/api/v1/namespaces/{namespace}"));
            memory.put("apps", &format!("/apis/apps/v1/namespaces/{namespace}"));
        }
        memory
    }

    pub(crate) fn put(&mut self, name: &str, value: &str) {
        self.values.insert(name.to_owned(), value.to_owned());
    }

    /// Text with `${name}` replaced.
    pub(crate) fn fill(&self, text: &str) -> String {
        let mut out = text.to_owned();
        for (name, value) in &self.values {
            out = out.replace(&format!("${{{name}}}"), value);
        }
        out
    }
}
