//! The process `navarch`: everything is in the library beside it.

/// A third of the controllers' time went into the C library's allocator, and a static build's is slower still
/// (docs/decisions/0002-dependencies.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    navarch_cli::main()
}
