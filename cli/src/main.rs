//! The process `navarch`: everything is in the library beside it.

fn main() -> std::process::ExitCode {
    navarch_cli::main()
}
