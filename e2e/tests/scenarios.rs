//! Plays the stories: `cargo test -p navarch-e2e --test scenarios -- [FILTER] [--backend real]`. The test program is
//! ours (`src/runner`), because stories share a stage that is opened once.

use std::process::ExitCode;

fn main() -> ExitCode {
    navarch_e2e::runner::main()
}
