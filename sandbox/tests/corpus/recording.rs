//! The answers of a real server, kept in `corpus/recorded.jsonl.gz`: a line a request.

use crate::run::Answered;
use crate::steps::Area;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Answers by area.
#[derive(Default)]
pub(crate) struct Recording {
    areas: BTreeMap<String, Vec<Answered>>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    area: String,
    #[serde(flatten)]
    answered: Answered,
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/recorded.jsonl.gz")
}

impl Recording {
    pub(crate) fn read() -> Self {
        let mut recording = Self::default();
        let bytes = std::fs::read(path()).unwrap_or_default();
        let mut text = String::new();
        let _ = GzDecoder::new(bytes.as_slice()).read_to_string(&mut text);
        for line in text.lines() {
            let line: Line = serde_json::from_str(line).unwrap();
            let answers = recording.areas.entry(line.area).or_default();
            answers.push(line.answered);
        }
        recording
    }

    /// Takes in new answers to the steps of an area, but for those that only a recording answers.
    pub(crate) fn put(&mut self, area: &Area, mut answers: Vec<Answered>) {
        let old = self.of(&area.name);
        for (step, new) in area.steps.iter().zip(&mut answers) {
            if step.recorded
                && let Some(old) = old.iter().find(|old| old.name == step.name)
            {
                *new = old.clone();
            }
        }
        self.areas.insert(area.name.clone(), answers);
    }

    pub(crate) fn of(&self, area: &str) -> &[Answered] {
        self.areas.get(area).map_or(&[], Vec::as_slice)
    }

    /// Writes it; areas that were not asked this time stay as they were.
    pub(crate) fn write(&self) {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        for (area, answers) in &self.areas {
            for answered in answers {
                let (area, answered) = (area.clone(), answered.clone());
                let line = serde_json::to_string(&Line { area, answered }).unwrap();
                writeln!(encoder, "{line}").unwrap();
            }
        }
        std::fs::write(path(), encoder.finish().unwrap()).unwrap();
    }
}
