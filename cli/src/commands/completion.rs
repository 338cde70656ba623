//! `navarch completion SHELL`: the completion script, made from the command line's own definition.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::commands::Arguments;
use crate::error::CliError;
use crate::output;

#[derive(Args, Debug)]
pub(crate) struct CompletionFlags {
    /// bash, zsh, fish, elvish or powershell
    shell: Shell,
}

pub(crate) fn run(flags: &CompletionFlags) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(
        flags.shell,
        &mut Arguments::command(),
        "navarch",
        &mut script,
    );
    output::print(&String::from_utf8_lossy(&script))
}
