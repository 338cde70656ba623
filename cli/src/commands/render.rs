//! `navarch render`: what each member would get, offline, by the very code that dispatches. Reads files, prints.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use navarch_controllers::offline::{self, OfflineError, Rendered};

use crate::error::CliError;
use crate::manifests::{self, Manifest};
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
    let mut manifests = Vec::new();
    for path in &flags.filename {
        manifests.extend(read(path)?);
    }
    let documents = manifests
        .iter()
        .map(|manifest| manifest.object.clone())
        .collect();
    let rendered = offline::render(documents).map_err(|error| place(&manifests, &error))?;
    match flags.output {
        Some(format) => output::print_value(&rendered, format),
        None => output::print(&text(&rendered)?),
    }
}

fn read(path: &Path) -> Result<Vec<Manifest>, CliError> {
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

/// The error with the file and the document that it is about; the renderer only knows a number.
fn place(manifests: &[Manifest], error: &OfflineError) -> CliError {
    let (number, message) = match error {
        OfflineError::NoObject { document, field } => {
            (*document, format!("field {field}: missing or no text"))
        }
        OfflineError::Malformed {
            document,
            kind,
            name,
            source,
        } => (*document, format!("{kind} {name}: {source}")),
    };
    match number.checked_sub(1).and_then(|index| manifests.get(index)) {
        Some(manifest) => manifest.wrong(message),
        None => CliError::Document {
            file: "the input".to_owned(),
            document: number,
            message,
        },
    }
}

/// The copies as manifests, each below a comment that says whose and where; problems as comments, too.
fn text(rendered: &Rendered) -> Result<String, CliError> {
    let mut text = String::new();
    if rendered.results.is_empty() {
        text.push_str("# Nothing to render: the input has no source object, such as a Deployment with a policy label.\n");
    }
    for result in &rendered.results {
        let object = &result.object;
        let place = if object.namespace.is_empty() {
            String::new()
        } else {
            format!("{}/", object.namespace)
        };
        for error in &result.errors {
            let said: Vec<String> = [
                error.cluster.clone(),
                error.policy.clone(),
                error.rule.map(|rule| format!("rule {rule}")),
                Some(error.message.replace('\n', " ")),
            ]
            .into_iter()
            .flatten()
            .collect();
            text.push_str(&format!(
                "# error: {} {place}{}: {}\n",
                object.kind,
                object.name,
                said.join(": ")
            ));
        }
        for copy in &result.clusters {
            text.push_str(&format!(
                "---\n# {}: {} {place}{}\n",
                copy.cluster, object.kind, object.name
            ));
            let yaml = serde_saphyr::to_string(&copy.object)
                .map_err(|error| CliError::Output(std::io::Error::other(error)))?;
            text.push_str(&yaml);
        }
    }
    Ok(text)
}
