//! `navarch version`: what this binary is.

use clap::Args;
use serde_json::json;

use crate::error::CliError;
use crate::output::{self, Format};

#[derive(Args, Debug)]
pub(crate) struct VersionFlags {
    /// Print as JSON or YAML
    #[arg(short, long, value_enum)]
    output: Option<Format>,
}

pub(crate) fn run(flags: &VersionFlags) -> Result<(), CliError> {
    let version = env!("CARGO_PKG_VERSION");
    match flags.output {
        None => output::print(&format!(
            "navarch {version} (API core.kubeadmiral.io/v1alpha1)"
        )),
        Some(format) => output::print_value(
            &json!({"clientVersion": {"version": version, "api": "core.kubeadmiral.io/v1alpha1"}}),
            format,
        ),
    }
}
