//! `navarch render`: what each member would get, offline, by the very code that dispatches. Reads files, prints.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use navarch_controllers::offline;
use serde_json::Value;

use crate::error::CliError;
use crate::manifests;
use crate::output::{self, Format};

#[derive(Args, Debug)]
pub(crate) struct RenderFlags {
    /// Files with source objects, policies, override policies, clusters, type configs (`-`: standard input)
    #[arg(short, long = "filename", required = true, num_args = 1.., value_name = "FILE")]
    filename: Vec<PathBuf>,
    /// Print one JSON or YAML document instead of manifests
    #[arg(short, long, value_enum)]
    output: Option<Format>,
}

pub(crate) fn run(flags: &RenderFlags) -> Result<(), CliError> {
    let mut documents = Vec::new();
    for path in &flags.filename {
        documents.extend(read_documents(path)?);
    }
    let rendered = offline::render(documents).map_err(|error| CliError::Controllers(Box::new(error)))?;
    match flags.output {
        Some(format) => output::print_value(&rendered, format),
        None => output::print(&manifests_text(&rendered)?),
    }
}

fn read_documents(path: &Path) -> Result<Vec<Value>, CliError> {
    let mut text = String::new();
    let (name, read) = if path == Path::new("-") {
        ("standard input".to_owned(), std::io::stdin().read_to_string(&mut text))
    } else {
        let read = std::fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text));
        (path.display().to_string(), read)
    };
    read.map_err(|source| CliError::ReadFile { path: path.to_owned(), source })?;
    manifests::read(&name, &text)
}
