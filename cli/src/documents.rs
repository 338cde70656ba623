//! Documents for the offline commands: read from files or standard input, and the place of what is wrong in them.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use navarch_controllers::offline::OfflineError;

use crate::error::CliError;
use crate::manifests::{self, Manifest};

/// Every object of these files (`-`: standard input), lists opened.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Vec<Manifest>, CliError> {
    let mut all = Vec::new();
    for path in paths {
        all.extend(read_one(path)?);
    }
    Ok(all)
}

fn read_one(path: &Path) -> Result<Vec<Manifest>, CliError> {
    let mut text = String::new();
    let (name, read) = if path == Path::new("-") {
        (
            "standard input".to_owned(),
            std::io::stdin().read_to_string(&mut text),
        )
    } else {
        let read = std::fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text));
        (path.display().to_string(), read)
    };
    read.map_err(|source| CliError::ReadFile {
        path: path.to_owned(),
        source,
    })?;
    manifests::read(&name, &text)
}

/// The error with the file and the document that it is about; the library only knows a number.
pub(crate) fn place(manifests: &[Manifest], error: &OfflineError) -> CliError {
    let (number, message) = (error.document(), error.message());
    match number.checked_sub(1).and_then(|index| manifests.get(index)) {
        Some(manifest) => manifest.wrong(message),
        None => CliError::Document {
            file: "the input".to_owned(),
            document: number,
            message,
        },
    }
}
