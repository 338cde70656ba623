//! The binary as a user runs it, without anything of the user's surroundings.

use std::io::{self, Write as _};
use std::process::{Command, Output, Stdio};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_navarch");

/// The binary with these arguments.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command
        .args(arguments)
        .env_remove("KUBECONFIG")
        .env_remove("RUST_LOG")
        .env("HOME", "/nowhere");
    command
}

/// What came of a run, and whether it read all of its input: one that refuses its flags reads nothing.
pub(crate) fn run(arguments: &[&str], input: &str) -> (Output, io::Result<()>) {
    feed(&mut command(arguments), input).unwrap()
}

/// Any program with standard input; an error if it cannot be started.
#[allow(
    clippy::unwrap_in_result,
    reason = "only what a test cannot expect is a result"
)]
pub(crate) fn feed(command: &mut Command, input: &str) -> io::Result<(Output, io::Result<()>)> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // Beside reading what it says: either pipe may be full.
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    Ok((output, writer.join().unwrap()))
}
