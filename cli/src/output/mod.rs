//! How answers are shown: aligned tables, JSON, YAML; nothing here talks to an API server.

pub(crate) mod live;
pub(crate) mod table;

use std::io::Write as _;

use clap::ValueEnum;
use serde::Serialize;

use crate::error::CliError;

/// `-o`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Indented JSON
    Json,
    /// YAML
    Yaml,
}

/// Prints one line (or several) to standard output; a closed pipe is reported as such.
pub(crate) fn print(text: &str) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| {
            if text.ends_with('\n') {
                Ok(())
            } else {
                out.write_all(b"\n")
            }
        })
        .and_then(|()| out.flush())
        .map_err(CliError::Output)
}

/// Prints a value as JSON or YAML.
pub(crate) fn print_value(value: &impl Serialize, format: Format) -> Result<(), CliError> {
    let text = match format {
        Format::Json => serde_json::to_string_pretty(value).map_err(std::io::Error::other),
        Format::Yaml => serde_saphyr::to_string(value).map_err(std::io::Error::other),
    }
    .map_err(CliError::Output)?;
    print(&text)
}
