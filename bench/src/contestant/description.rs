//! A contestant's folder: `contestant.yaml` and the folders of manifests beside it. Reads files, starts nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::template::Values;
use crate::error::BenchError;
use crate::kinds::Kind;

/// `contestant.yaml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Description {
    /// Run one after the other, each to its end, before the manifests of `host/` are applied.
    #[serde(default)]
    pub(crate) prepare: Vec<Vec<String>>,
    /// The processes that are measured, by name.
    pub(crate) commands: BTreeMap<String, Vec<String>>,
    /// Added to the environment of all commands.
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
    /// By kind: what a user writes on an object to have it federated.
    #[serde(default)]
    pub(crate) labels: BTreeMap<Kind, BTreeMap<String, String>>,
}

/// When manifests are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// To the host, before the commands.
    Host,
    /// To each member, before the commands.
    Members,
    /// To the host, once for each member, after the commands were started.
    Clusters,
    /// To the host, once for each namespace of the load, after that.
    Policies,
}

impl Stage {
    fn folder(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Members => "members",
            Self::Clusters => "clusters",
            Self::Policies => "policies",
        }
    }
}

/// A folder that was read.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    pub(crate) description: Description,
}

/// Reads and checks `contestant.yaml`.
pub(crate) fn read(path: &Path) -> Result<Folder, BenchError> {
    let file = path.join("contestant.yaml");
    let refused = |what: String| BenchError::Refused {
        what: format!("{}: {what}", file.display()),
        advice: "bench/README.md describes the folder; bench/contestants/navarch is the example."
            .to_owned(),
    };
    let text = std::fs::read_to_string(&file).map_err(|error| refused(error.to_string()))?;
    let description: Description =
        serde_saphyr::from_str(&text).map_err(|error| refused(error.to_string()))?;
    if description.commands.is_empty() {
        return Err(refused("commands: there is none".to_owned()));
    }
    if let Some((name, _)) = description
        .commands
        .iter()
        .find(|(_, command)| command.is_empty())
    {
        return Err(refused(format!("commands.{name}: empty")));
    }
    Ok(Folder {
        path: path.to_owned(),
        description,
    })
}

impl Folder {
    /// The manifests of a stage with their placeholders filled, in the order of their file names.
    pub(crate) fn manifests(
        &self,
        stage: Stage,
        values: &Values,
    ) -> Result<Vec<(PathBuf, String)>, BenchError> {
        let folder = self.path.join(stage.folder());
        if !folder.is_dir() {
            return Ok(Vec::new());
        }
        let entries = std::fs::read_dir(&folder).map_err(BenchError::file("reading", &folder))?;
        let mut files: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| {
                path.extension()
                    .is_some_and(|end| end == "yaml" || end == "yml" || end == "json")
            })
            .collect();
        files.sort();
        files
            .into_iter()
            .map(|path| {
                let text =
                    std::fs::read_to_string(&path).map_err(BenchError::file("reading", &path))?;
                let filled = values.fill(&text).map_err(|what| BenchError::Refused {
                    what: format!("{}: {what}", path.display()),
                    advice: "bench/README.md lists the placeholders.".to_owned(),
                })?;
                Ok((path, filled))
            })
            .collect()
    }

    /// A command with its placeholders filled.
    pub(crate) fn command(
        &self,
        command: &[String],
        values: &Values,
    ) -> Result<Vec<String>, BenchError> {
        command
            .iter()
            .map(|word| {
                values.fill(word).map_err(|what| BenchError::Refused {
                    what: format!("{}: {what}", self.path.join("contestant.yaml").display()),
                    advice: "bench/README.md lists the placeholders.".to_owned(),
                })
            })
            .collect()
    }

    pub(crate) fn labels(&self, kind: Kind) -> BTreeMap<String, String> {
        self.description
            .labels
            .get(&kind)
            .cloned()
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: Option<&str>) -> String {
        let folder = tempfile::tempdir().unwrap();
        if let Some(text) = text {
            std::fs::write(folder.path().join("contestant.yaml"), text).unwrap();
        }
        read(folder.path()).unwrap_err().to_string()
    }

    #[test]
    fn a_bad_folder_is_told() {
        let rows = [
            ("no file", None, "contestant.yaml"),
            ("no commands", Some("commands: {}\n"), "there is none"),
            (
                "an empty command",
                Some("commands: {manager: []}\n"),
                "commands.manager",
            ),
            (
                "a word too much",
                Some("commands: {m: [x]}\ncomands: {}\n"),
                "comands",
            ),
            (
                "an unknown kind",
                Some("commands: {m: [x]}\nlabels: {jobs: {}}\n"),
                "jobs",
            ),
        ];
        for (name, text, part) in rows {
            let error = refusal(text);
            assert!(error.contains(part), "{name}: {error}");
        }
    }

    #[test]
    fn navarchs_own_folder_is_sound() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("contestants/navarch");
        let folder = read(&path).unwrap();
        for kind in Kind::ALL {
            assert!(!folder.labels(kind).is_empty(), "{kind}");
        }
        let mut values = Values::default();
        for name in ["name", "url", "ca", "certificate", "key", "kubeconfig"] {
            values.set(&format!("member.{name}"), "x");
        }
        values.set("namespace", "bench");
        assert_eq!(folder.manifests(Stage::Clusters, &values).unwrap().len(), 1);
        assert_eq!(folder.manifests(Stage::Policies, &values).unwrap().len(), 1);
    }

    #[test]
    fn manifests_come_filled_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("contestant.yaml"), "commands: {m: [x]}").unwrap();
        std::fs::create_dir(folder.path().join("host")).unwrap();
        for (name, text) in [
            ("2.yaml", "b"),
            ("1.yaml", "{{namespace}}"),
            ("notes.txt", "{{"),
        ] {
            std::fs::write(folder.path().join("host").join(name), text).unwrap();
        }
        let mut values = Values::default();
        values.set("namespace", "bench");
        let read = read(folder.path()).unwrap();
        let texts: Vec<_> = read
            .manifests(Stage::Host, &values)
            .unwrap()
            .into_iter()
            .map(|(_, text)| text)
            .collect();
        assert_eq!(texts, ["bench", "b"]);
        assert!(read.manifests(Stage::Members, &values).unwrap().is_empty());
    }
}
