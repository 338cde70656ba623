//! Jobs and CronJobs.

use super::{Bench, batch, bench, condition, core};
use crate::object::{self, Object};
use crate::simulate::{Behaviour, Rule, SimulationOptions};
use serde_json::{Value, json};

fn job(name: &str, spec: &Value) -> Value {
    let mut job = json!({
        "metadata": {"name": name},
        "spec": {"template": {"spec": {
            "restartPolicy": "Never",
            "containers": [{"name": "main", "image": "registry.example/job:1"}],
        }}},
    });
    for (key, value) in spec.as_object().into_iter().flatten() {
        job["spec"][key] = value.clone();
    }
    job
}

fn is(kind: &'static str) -> impl Fn(&Value) -> bool {
    move |job| condition(job, kind)["status"] == "True"
}

fn crashing(bench: &Bench) {
    bench.simulation.behave(Rule::new(Behaviour::Crash));
}

#[tokio::test]
async fn a_job_completes_and_says_so_as_kubernetes_does() {
    let bench = bench(SimulationOptions::nodes(1));
    bench.create(
        &batch("jobs"),
        job("once", &json!({"completions": 3, "parallelism": 2})),
    );
    let once = bench
        .until(&batch("jobs"), "once", "complete", is("Complete"))
        .await;
    assert_eq!(once["status"]["succeeded"], 3);
    assert!(once["status"].get("active").is_none());
    assert!(once["status"]["completionTime"].is_string());
    assert_eq!(once["status"]["terminating"], 0);
    let met = condition(&once, "SuccessCriteriaMet");
    assert_eq!(met["reason"], "CompletionsReached");
    assert_eq!(met["message"], "Reached expected number of succeeded pods");
    let counted = |pods: &[Object]| {
        pods.len() == 3
            && pods
                .iter()
                .all(|p| object::finalizers(p).is_empty() && p["status"]["phase"] == "Succeeded")
    };
    let label = "batch.kubernetes.io/job-name=once";
    bench
        .until_all(&core("pods"), label, "counted", counted)
        .await;
    assert_eq!(bench.events("Completed"), ["Job completed"]);
}

#[tokio::test]
async fn a_job_whose_pods_fail_gives_up_after_its_limit() {
    let bench = bench(SimulationOptions::nodes(1));
    crashing(&bench);
    bench.create(&batch("jobs"), job("bad", &json!({"backoffLimit": 1})));
    let bad = bench
        .until(&batch("jobs"), "bad", "failed", is("Failed"))
        .await;
    assert_eq!(bad["status"]["failed"], 2);
    assert_eq!(condition(&bad, "Failed")["reason"], "BackoffLimitExceeded");
    assert_eq!(condition(&bad, "FailureTarget")["status"], "True");
}

#[tokio::test]
async fn an_indexed_job_has_a_pod_for_each_index() {
    let bench = bench(SimulationOptions::nodes(1));
    let spec = json!({"completionMode": "Indexed", "completions": 3, "parallelism": 3});
    bench.create(&batch("jobs"), job("shards", &spec));
    let shards = bench
        .until(&batch("jobs"), "shards", "complete", is("Complete"))
        .await;
    assert_eq!(shards["status"]["completedIndexes"], "0-2");
    let pods = bench.list(&core("pods"), "batch.kubernetes.io/job-completion-index=1");
    assert_eq!(pods.len(), 1);
    assert!(object::name(&pods[0]).starts_with("shards-1-"));
}

#[tokio::test]
async fn a_suspended_job_waits() {
    let bench = bench(SimulationOptions::nodes(1));
    let jobs = batch("jobs");
    bench.create(&jobs, job("later", &json!({"suspend": true})));
    let later = bench
        .until(&jobs, "later", "suspended", is("Suspended"))
        .await;
    assert!(later["status"].get("startTime").is_none());
    assert!(bench.list(&core("pods"), "").is_empty());
    bench.change(&jobs, "later", |job| job["spec"]["suspend"] = json!(false));
    let later = bench
        .until(&jobs, "later", "complete", is("Complete"))
        .await;
    assert_eq!(condition(&later, "Suspended")["reason"], "JobResumed");
}

#[tokio::test]
async fn a_finished_job_goes_when_its_time_is_over() {
    let bench = bench(SimulationOptions::nodes(1));
    let jobs = batch("jobs");
    bench.create(&jobs, job("brief", &json!({"ttlSecondsAfterFinished": 0})));
    let leaving = |job: &Value| object::deletion_timestamp(job).is_some();
    bench.until(&jobs, "brief", "going", leaving).await;
}

#[tokio::test]
async fn a_cron_job_that_is_due_makes_a_job_once() {
    let bench = bench(SimulationOptions::nodes(1));
    let crons = batch("cronjobs");
    let template = job("x", &json!({}))["spec"].clone();
    let made = bench.create(
        &crons,
        json!({
            "metadata": {"name": "report"},
            "spec": {"schedule": "* * * * *", "suspend": true, "jobTemplate": {"spec": template}},
        }),
    );
    // As if it had last run two minutes ago.
    let mut served = Value::clone(&made);
    let then = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(120);
    served["status"] = json!({"lastScheduleTime": object::timestamp(then)});
    object::metadata_mut(&mut served).remove("resourceVersion");
    bench
        .cluster
        .update_status(&crons, served, "test")
        .expect("a status");
    bench.change(&crons, "report", |cron| {
        cron["spec"]["suspend"] = json!(false);
    });
    let ended = |cron: &Value| cron["status"]["lastSuccessfulTime"].is_string();
    let report = bench.until(&crons, "report", "served", ended).await;
    assert!(report["status"]["lastScheduleTime"].is_string());
    let jobs = bench.list(&batch("jobs"), "");
    assert!((1..3).contains(&jobs.len()), "{}", jobs.len());
    assert!(object::name(&jobs[0]).starts_with("report-"));
}
