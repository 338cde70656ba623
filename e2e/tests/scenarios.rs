//! A test for each story, so that `cargo test -p navarch-e2e NAME` plays that one. `NAVARCH_E2E_BACKEND` says where.
#![allow(
    clippy::panic,
    clippy::print_stdout,
    reason = "tests fail by panicking and speak to a person"
)]

use navarch_e2e::scenarios::{Played, play};

macro_rules! tests {
    ($($name:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                run(stringify!($name)).await;
            }
        )*
    };
}

navarch_e2e::for_each_story!(tests);

async fn run(name: &str) {
    // Says what the controllers say when RUST_LOG asks for it.
    let _set_before = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_test_writer()
        .try_init();
    match play(name).await {
        Ok(Played::Through) => {}
        Ok(Played::Skipped(need)) => println!("{name}: skipped, the backend lacks {need:?}"),
        Err(failure) => panic!("{name}: {failure}"),
    }
}
