//! `navarch render`: what each member would get, offline, by the very code that dispatches. Reads files, prints.

use std::path::PathBuf;

use clap::Args;
use navarch_controllers::offline::{self, Rendered};

use crate::documents;
use crate::error::CliError;
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
    let manifests = documents::read(&flags.filename)?;
    let documents = manifests
        .iter()
        .map(|manifest| manifest.object.clone())
        .collect();
    let rendered =
        offline::render(documents).map_err(|error| documents::place(&manifests, &error))?;
    match flags.output {
        Some(format) => output::print_value(&rendered, format),
        None => output::print(&text(&rendered)?),
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
