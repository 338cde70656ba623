//! A plain Job, as users write them: it runs once in the member and its end is told on the host.

use super::manifests::{POLICY_LABEL, duplicate};
use crate::failure::{Outcome, expect, expect_equal};
use crate::world::World;
use crate::world::kinds::JOB;
use crate::world::read::{condition, number, text};

pub(super) async fn runs_once(world: &World) -> Outcome {
    let member = world.member(0)?;
    let job = format!(
        "---
apiVersion: batch/v1
kind: Job
metadata:
  name: sounding
  labels: {{{POLICY_LABEL}: one}}
spec:
  completions: 2
  parallelism: 2
  template:
    spec:
      restartPolicy: Never
      containers:
      - {{name: main, image: \"registry.example.com/sounding:1.0\"}}
"
    );
    world
        .apply_all(&[duplicate("one", &[&member.name]), job])
        .await?;
    let sounding = world.target(JOB, "sounding");
    let copy = member
        .until(&sounding, "is complete", |copy| {
            condition(copy, "Complete") == "True"
        })
        .await?;
    expect_equal(
        "the pods that succeeded",
        &number(&copy, "/status/succeeded"),
        &2,
    )?;
    let uid = text(&copy, "/metadata/uid");
    let selects = copy
        .pointer("/spec/selector/matchLabels")
        .cloned()
        .unwrap_or_default()
        .to_string();
    expect(
        selects.contains(uid),
        "a selector that the member made",
        &copy,
    )?;
    let complete = |source: &serde_json::Value| condition(source, "Complete") == "True";
    let source = world
        .host()
        .until(&sounding, "is complete", complete)
        .await?;
    expect_equal(
        "the successes that the host tells of",
        &number(&source, "/status/succeeded"),
        &2,
    )
}
