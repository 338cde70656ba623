//! Programs of ours as processes of their own, so that a kill is a kill: `navarch` (this very program under another
//! name, see [`act_as_navarch`]) and the control plane of `e2e/realcp`. Each holds our end of a pipe and ends when it
//! closes, whatever becomes of us.

use std::fs::File;
use std::path::Path;
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

use crate::failure::{Failure, Outcome};

/// Set for processes that are to be `navarch`.
const ACT_AS: &str = "NAVARCH_E2E_ACT_AS";
/// They run a command and end.
const NAVARCH: &str = "navarch";
/// They also end when their standard input does.
const NAVARCH_BOUND: &str = "navarch-bound";
/// A process that was asked to end has this long.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs `navarch` if this process was started to be it: first thing in `main`.
pub(crate) fn act_as_navarch() -> Option<ExitCode> {
    let role = std::env::var(ACT_AS).ok()?;
    if role == NAVARCH_BOUND {
        std::thread::spawn(|| {
            let _ended = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            std::process::abort();
        });
    }
    Some(navarch_cli::main())
}

/// Runs a command of `navarch` with a kubeconfig to its end, and answers what it prints.
pub(crate) async fn navarch(kubeconfig: &Path, arguments: &[&str], input: &str) -> Outcome<String> {
    let failed = |action: &str, why: String| Failure::Request {
        action: format!("{action}navarch {}", arguments.join(" ")),
        message: why,
    };
    let broken = |error: std::io::Error| failed("running ", error.to_string());
    let mut child = itself(NAVARCH)?
        .args(arguments)
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(broken)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).await.map_err(broken)?;
    }
    let output = child.wait_with_output().await.map_err(broken)?;
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() {
        return Ok(said(&output.stdout));
    }
    Err(failed("", said(&output.stderr)))
}

/// Joins a member of the same name as its context.
pub(crate) async fn join(kubeconfig: &Path, host: &str, member: &str) -> Outcome {
    membership("join", kubeconfig, host, member).await
}

/// Lets a member go.
pub(crate) async fn unjoin(kubeconfig: &Path, host: &str, member: &str) -> Outcome {
    membership("unjoin", kubeconfig, host, member).await
}

async fn membership(command: &str, kubeconfig: &Path, host: &str, member: &str) -> Outcome {
    let arguments = [
        command,
        member,
        "--host-context",
        host,
        "--member-context",
        member,
    ];
    navarch(kubeconfig, &arguments, "").await.map(drop)
}

/// Starts a command of `navarch` that runs until it is ended; what it says goes to the end of `log`.
pub(super) fn navarch_bound(arguments: &[&str], log: &Path) -> Outcome<Child> {
    let failed = |error: std::io::Error| {
        Failure::Backend(format!("starting navarch {}: {error}", arguments.join(" ")))
    };
    let file = File::options()
        .create(true)
        .append(true)
        .open(log)
        .map_err(failed)?;
    let again = file.try_clone().map_err(failed)?;
    itself(NAVARCH_BOUND)?
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(file)
        .stderr(again)
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)
}

fn itself(role: &str) -> Outcome<Command> {
    let program = std::env::current_exe()
        .map_err(|error| Failure::Backend(format!("where this program is: {error}")))?;
    let mut command = Command::new(program);
    command.env(ACT_AS, role);
    Ok(command)
}

/// Asks a process to end (SIGTERM) and waits until it has.
pub(super) async fn end(child: &mut Child) -> Outcome<ExitStatus> {
    // Waiting would close it, and a bound process ends the hard way then.
    let _pipe = child.stdin.take();
    if let Some(pid) = child.id() {
        let asked = Command::new("kill")
            .args(["-TERM", &pid.to_string()])
            .status()
            .await;
        asked.map_err(|error| Failure::Backend(format!("kill -TERM {pid}: {error}")))?;
    }
    match tokio::time::timeout(PATIENCE, child.wait()).await {
        Ok(status) => {
            status.map_err(|error| Failure::Backend(format!("waiting for a process: {error}")))
        }
        Err(_elapsed) => {
            kill(child).await?;
            Err(Failure::Backend(format!(
                "navarch did not end within {} s of SIGTERM",
                PATIENCE.as_secs()
            )))
        }
    }
}

/// Kills a process (SIGKILL) and waits until it is gone.
pub(super) async fn kill(child: &mut Child) -> Outcome {
    child
        .kill()
        .await
        .map_err(|error| Failure::Backend(format!("killing a process: {error}")))
}
