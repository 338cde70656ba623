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
#[path = "transcripts/recording.rs"]
mod recording;
#[path = "transcripts/replay.rs"]
mod replay;

use std::collections::BTreeSet;
use std::time::Instant;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recorded_requests_are_answered_as_by_a_real_server() {
    let known = fidelity::List::read();
    let (total, different) = differences(&known).await;
    if std::env::var_os("NAVARCH_WRITE_FIDELITY").is_some() {
        fidelity::write(&different, total);
        return;
    }
    let shrink = known.not_in(&different);
    if !shrink.is_empty() {
        println!(
            "sandbox/FIDELITY.md can shrink, these hold now: {}",
            shrink.join(" ")
        );
    }
    let mut new = known.news(&different);
    if new.is_empty() {
        return;
    }
    // Some answers depend on whether a client or a simulated controller is first. A race falls one way or the other when it
    // is run again; an answer that has become wrong is wrong again.
    println!("again, to tell a race from a wrong answer");
    let (_, again) = differences(&known).await;
    let still: BTreeSet<&str> = known.news(&again).iter().map(|o| o.key.as_str()).collect();
    new.retain(|outcome| still.contains(outcome.key.as_str()));
    let text: Vec<String> = new.iter().map(|outcome| outcome.describe()).collect();
    assert!(
        new.is_empty(),
        "{} requests are answered otherwise than recorded and are not listed in sandbox/FIDELITY.md:\n{}",
        new.len(),
        text.join("\n")
    );
}

/// Replays everything; how many requests there are, and those that are answered otherwise.
async fn differences(known: &fidelity::List) -> (usize, Vec<replay::Outcome>) {
    let started = Instant::now();
    let outcome = replay::run(known).await;
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
