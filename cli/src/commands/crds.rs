//! `navarch crds`: the resource definitions, ready for `kubectl apply --server-side -f -`.

use clap::Args;

use crate::error::CliError;
use crate::output::{self, Format};

#[derive(Args, Debug)]
pub(crate) struct CrdsFlags {
    /// yaml (default: one document a definition) or json (one List)
    #[arg(short, long, value_enum)]
    output: Option<Format>,
}

pub(crate) fn run(flags: &CrdsFlags) -> Result<(), CliError> {
    let definitions = navarch_crds::definitions::all();
    if flags.output == Some(Format::Json) {
        let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": definitions});
        return output::print_value(&list, Format::Json);
    }
    let mut text = String::new();
    for definition in &definitions {
        let document = serde_saphyr::to_string(definition)
            .map_err(|error| CliError::Output(std::io::Error::other(error)))?;
        text.push_str("---\n");
        text.push_str(&document);
        if !document.ends_with('\n') {
            text.push('\n');
        }
    }
    output::print(&text)
}
