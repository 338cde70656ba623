//! Hands that hold `kubectl`.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use futures::future::LocalBoxFuture;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::hands::Hands;
use super::kinds::Target;
use super::waiting::WAIT_SECONDS;
use crate::failure::{Failure, Outcome};

/// `kubectl` on one context.
#[derive(Debug)]
pub(crate) struct Kubectl {
    kubeconfig: PathBuf,
    context: String,
    namespace: String,
}

/// Whether there is one to use. `NAVARCH_E2E_HANDS=client` says no.
pub(crate) async fn is_installed() -> bool {
    if std::env::var("NAVARCH_E2E_HANDS").is_ok_and(|hands| hands == "client") {
        return false;
    }
    let asked = Command::new("kubectl")
        .args(["version", "--client"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    asked.await.is_ok_and(|status| status.success())
}

impl Kubectl {
    pub(crate) fn new(kubeconfig: &Path, context: &str, namespace: &str) -> Self {
        Self {
            kubeconfig: kubeconfig.to_owned(),
            context: context.to_owned(),
            namespace: namespace.to_owned(),
        }
    }

    /// Runs it and answers what it prints.
    async fn run(&self, arguments: &[&str], input: &str) -> Outcome<String> {
        let failed = |message: String| Failure::Request {
            action: format!("kubectl --context {} {}", self.context, arguments.join(" ")),
            message,
        };
        // The cache of discovery would outlive the sandbox, whose ports come again.
        let cache = self.kubeconfig.with_file_name("kubectl-cache");
        let mut child = Command::new("kubectl")
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .arg("--cache-dir")
            .arg(cache)
            .args(["--context", &self.context, "--namespace", &self.namespace])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin
                .write_all(input.as_bytes())
                .await
                .map_err(|error| failed(error.to_string()))?;
        }
        let output = child
            .wait_with_output()
            .await
            .map_err(|error| failed(error.to_string()))?;
        if !output.status.success() {
            return Err(failed(
                String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            ));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

fn named(target: &Target) -> String {
    format!("{}/{}", target.kind.full_name(), target.name)
}

impl Hands for Kubectl {
    fn apply<'a>(&'a self, manifests: &'a str) -> LocalBoxFuture<'a, Outcome> {
        Box::pin(async move {
            self.run(&["apply", "-f", "-"], manifests)
                .await
                .map(|_said| ())
        })
    }

    fn patch<'a>(&'a self, target: &'a Target, change: &'a Value) -> LocalBoxFuture<'a, Outcome> {
        Box::pin(async move {
            let (object, change) = (named(target), change.to_string());
            self.run(&["patch", &object, "--type=merge", "--patch", &change], "")
                .await
                .map(|_said| ())
        })
    }

    fn scale<'a>(&'a self, target: &'a Target, replicas: i64) -> LocalBoxFuture<'a, Outcome> {
        Box::pin(async move {
            let replicas = format!("--replicas={replicas}");
            self.run(&["scale", &named(target), &replicas], "")
                .await
                .map(|_said| ())
        })
    }

    fn delete<'a>(&'a self, target: &'a Target) -> LocalBoxFuture<'a, Outcome> {
        Box::pin(async move {
            self.run(&["delete", &named(target), "--wait=false"], "")
                .await
                .map(|_said| ())
        })
    }

    fn rollout_ends<'a>(&'a self, target: &'a Target) -> LocalBoxFuture<'a, Outcome> {
        Box::pin(async move {
            let timeout = format!("--timeout={WAIT_SECONDS}s");
            self.run(&["rollout", "status", &named(target), &timeout], "")
                .await
                .map(|_said| ())
        })
    }

    fn ready_column<'a>(&'a self, target: &'a Target) -> LocalBoxFuture<'a, Outcome<String>> {
        Box::pin(async move {
            let line = self
                .run(&["get", &named(target), "--no-headers"], "")
                .await?;
            Ok(line
                .split_whitespace()
                .nth(1)
                .unwrap_or_default()
                .to_owned())
        })
    }
}
