//! Replays what 721 recorded kubectl commands asked of a real API server, and compares the answers. What does not hold is a
//! counted list with reasons in `sandbox/FIDELITY.md`: the test fails when it would grow, and says when it can shrink.
//! With `NAVARCH_WRITE_FIDELITY=1` it writes the list anew. `NAVARCH_REPLAY_SHOW=CLASS` prints the differences of a class.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test, split over several files"
)]

#[path = "transcripts/actors.rs"]
mod actors;
#[path = "transcripts/answer.rs"]
mod answer;
#[path = "transcripts/client.rs"]
mod client;
#[path = "transcripts/compare.rs"]
mod compare;
#[path = "transcripts/fidelity.rs"]
mod fidelity;
#[path = "transcripts/mapping.rs"]
mod mapping;
#[path = "transcripts/pace.rs"]
mod pace;
#[path = "transcripts/recording.rs"]
mod recording;
#[path = "transcripts/replay.rs"]
mod replay;

use std::time::Instant;

#[tokio::test]
async fn recorded_requests_are_answered_as_by_a_real_server() {
    let write = std::env::var_os("NAVARCH_WRITE_FIDELITY").is_some();
    let (total, different) = differences().await;
    if write {
        fidelity::write(&different, total);
        return;
    }
    let known = fidelity::List::read();
    let shrink = known.not_in(&different);
    if !shrink.is_empty() {
        println!(
            "sandbox/FIDELITY.md can shrink, these hold now: {}",
            shrink.join(" ")
        );
    }
    let new = known.news(&different);
    let text: Vec<String> = new.iter().map(|outcome| outcome.describe()).collect();
    assert!(
        new.is_empty(),
        "{} requests are answered otherwise than recorded and are not listed in sandbox/FIDELITY.md:\n{}",
        new.len(),
        text.join("\n")
    );
}

/// Replays everything; how many requests there are, and those that are answered otherwise.
async fn differences() -> (usize, Vec<replay::Outcome>) {
    let started = Instant::now();
    let outcome = replay::run().await;
    let total = outcome.len();
    let different: Vec<_> = outcome
        .into_iter()
        .filter(|o| !o.differences.is_empty())
        .collect();
    println!(
        "{} of {total} requests answered alike, {} not; {:.1} s",
        total - different.len(),
        different.len(),
        started.elapsed().as_secs_f64()
    );
    fidelity::summarize(&different);
    (total, different)
}
