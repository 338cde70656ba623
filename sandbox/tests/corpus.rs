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

use futures::future::{join, join_all};
use recording::Recording;
use report::Report;
use run::Answered;
use server::Server;
use std::time::Instant;
use steps::Area;

fn set(name: &str) -> bool {
    std::env::var_os(name).is_some()
}

/// What was answered to the steps of an area.
struct Asked<'a> {
    area: &'a Area,
    /// By the live server.
    theirs: Option<Vec<Answered>>,
    /// By the sandbox.
    ours: Vec<Answered>,
}

/// Asks the sandbox, and at the same time the live server if there is one.
async fn ask<'a>(area: &'a Area, live: Option<&Server>, sandbox: &Server) -> Asked<'a> {
    let started = Instant::now();
    let theirs = async {
        let mut answers = run::area(live?, area).await;
        for (step, answered) in area.steps.iter().zip(&mut answers) {
            answered.keep(&step.only);
        }
        Some(answers)
    };
    let (theirs, ours) = join(theirs, run::area(sandbox, area)).await;
    println!(
        "{}: {} requests, {:.1} s",
        area.name,
        area.steps.len(),
        started.elapsed().as_secs_f64()
    );
    Asked { area, theirs, ours }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_corpus_is_answered_as_by_a_real_server() {
    let areas = steps::read();
    let live = Server::live();
    let (sandbox, running) = Server::sandbox().await;
    let asked = Instant::now();
    let mut answers = Vec::new();
    let (alone, together): (Vec<_>, Vec<_>) = areas.iter().partition(|area| area.alone);
    for area in alone {
        answers.push(ask(area, live.as_ref(), &sandbox).await);
    }
    let together = together
        .into_iter()
        .map(|area| ask(area, live.as_ref(), &sandbox));
    answers.extend(join_all(together).await);
    println!("all: {:.1} s", asked.elapsed().as_secs_f64());
    answers.sort_by(|a, b| a.area.name.cmp(&b.area.name));

    let mut recording = Recording::read();
    let mut report = Report::default();
    for Asked { area, theirs, ours } in answers {
        if let Some(theirs) = theirs {
            recording.put(area, theirs);
        }
        report.add(area, recording.of(&area.name), &ours);
    }
    running.stop().await;
    if live.is_some() && set("NAVARCH_CORPUS_RECORD") {
        recording.write();
    }
    report.finish(!set("NAVARCH_CORPUS_AREA"));
}
