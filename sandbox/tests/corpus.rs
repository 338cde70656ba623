//! Sends the requests of `sandbox/corpus/` and compares the sandbox's answers with a real API server's.
//!
//! * By default with the recorded answers (`corpus/recorded.jsonl.gz`), on any machine.
//! * `NAVARCH_CORPUS_KUBECONFIG=FILE` (and `NAVARCH_CORPUS_CONTEXT=NAME`): with those of that server, asked in the same run.
//!   It creates namespaces `corpus-*` and what the areas list under `also`, and deletes them again.
//! * `NAVARCH_CORPUS_RECORD=1` beside it writes the recording anew.
//! * `NAVARCH_CORPUS_AREA=NAME` runs one area only; `NAVARCH_CORPUS_SHOW=1` prints each answer of the sandbox.
//!
//! A step that is known to differ says so itself (`differs`), with the places and the reason. The test fails when another
//! place differs, when a listed one does not any more, and when `FIDELITY.md` does not say the same;
//! `NAVARCH_WRITE_FIDELITY=1` writes it there.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test, split over several files"
)]

#[path = "transcripts/answer.rs"]
mod answer;
#[path = "transcripts/client.rs"]
mod client;
#[path = "corpus/compare.rs"]
mod compare;
#[path = "corpus/recording.rs"]
mod recording;
#[path = "corpus/report.rs"]
mod report;
#[path = "corpus/run.rs"]
mod run;
#[path = "corpus/server.rs"]
mod server;
#[path = "corpus/steps.rs"]
mod steps;

use recording::Recording;
use report::Report;
use std::time::Instant;

fn set(name: &str) -> bool {
    std::env::var_os(name).is_some()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_corpus_is_answered_as_by_a_real_server() {
    let areas = steps::read();
    let live = server::Server::live();
    let (sandbox, running) = server::Server::sandbox().await;
    let mut recording = match &live {
        Some(_) => Recording::default(),
        None => Recording::read(),
    };
    let mut report = Report::default();
    for area in &areas {
        let started = Instant::now();
        if let Some(live) = &live {
            let mut theirs = run::area(live, area).await;
            for (step, answered) in area.steps.iter().zip(&mut theirs) {
                answered.keep(&step.only);
            }
            recording.put(&area.name, theirs);
        }
        let ours = run::area(&sandbox, area).await;
        report.add(area, recording.of(&area.name), &ours);
        println!(
            "{}: {} requests, {:.1} s",
            area.name,
            area.steps.len(),
            started.elapsed().as_secs_f64()
        );
    }
    running.stop().await;
    if live.is_some() && set("NAVARCH_CORPUS_RECORD") {
        recording.write();
    }
    report.finish(!set("NAVARCH_CORPUS_AREA"));
}
