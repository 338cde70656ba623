//! Starting a contestant on a control plane: its preparations, manifests and processes.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

use super::description::{Folder, Stage};
use super::template::Values;
use crate::error::{BenchError, tail};
use crate::kinds::{NAMESPACE, OTHER_NAMESPACE};
use crate::ledger::Ledger;
use crate::plane::{Cluster, Plane};
use crate::processes::{self, Usage};

/// How long a preparation, or the wait for a manifest's kind to be served, may take.
const PATIENCE: Duration = Duration::from_secs(90);
/// How many ports a contestant may use: `{{port.0}}` and so on.
const PORTS: usize = 8;

/// A contestant at work.
#[derive(Debug)]
pub(crate) struct Running {
    name: String,
    processes: Vec<Process>,
}

#[derive(Debug)]
struct Process {
    name: String,
    leader: u32,
    child: Child,
    log: PathBuf,
}

/// Starts everything of a contestant. What runs is in the ledger, whatever this returns.
pub(crate) async fn start(
    name: &str,
    folder: &Folder,
    plane: &Plane,
    ledger: &Ledger,
) -> Result<Running, BenchError> {
    let values = values(folder, plane);
    let logs = plane.folder.join("contestant");
    std::fs::create_dir_all(&logs).map_err(BenchError::file("making", &logs))?;
    let starter = Starter { name, folder, logs };
    for (index, command) in folder.description.prepare.iter().enumerate() {
        starter.prepare(index, command, &values).await?;
    }
    starter.apply(Stage::Host, &plane.host, &values).await?;
    for member in &plane.members {
        starter
            .apply(Stage::Members, member, &of_member(&values, member))
            .await?;
    }
    let mut running = Running {
        name: name.to_owned(),
        processes: Vec::new(),
    };
    for (process, command) in &folder.description.commands {
        let process = starter.spawn(process, command, &values)?;
        ledger.group_started(process.leader);
        running.processes.push(process);
    }
    for member in &plane.members {
        starter
            .apply(Stage::Clusters, &plane.host, &of_member(&values, member))
            .await?;
    }
    for namespace in [NAMESPACE, OTHER_NAMESPACE] {
        let mut values = values.clone();
        values.set("namespace", namespace);
        starter.apply(Stage::Policies, &plane.host, &values).await?;
    }
    running.check()?;
    Ok(running)
}

fn values(folder: &Folder, plane: &Plane) -> Values {
    let mut values = Values::default();
    values.set("folder", folder.path.display().to_string());
    values.set("run", plane.folder.display().to_string());
    values.set("members", plane.members.len().to_string());
    for (index, port) in free_ports(PORTS).into_iter().enumerate() {
        values.set(&format!("port.{index}"), port.to_string());
    }
    values.set_members(
        plane
            .members
            .iter()
            .map(|member| member.name.clone())
            .collect(),
    );
    describe(&mut values, "host", &plane.host);
    values
}

/// Ports that nobody listens on, below those that systems hand out to clients.
fn free_ports(count: usize) -> Vec<u16> {
    (18000..20000)
        .filter(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .take(count)
        .collect()
}

fn of_member(values: &Values, member: &Cluster) -> Values {
    let mut values = values.clone();
    describe(&mut values, "member", member);
    values
}

fn describe(values: &mut Values, prefix: &str, cluster: &Cluster) {
    for (name, value) in [
        ("name", &cluster.name),
        ("url", &cluster.url),
        ("ca", &cluster.ca),
        ("certificate", &cluster.certificate),
        ("key", &cluster.key),
    ] {
        values.set(&format!("{prefix}.{name}"), value.as_str());
    }
    values.set(
        &format!("{prefix}.kubeconfig"),
        cluster.kubeconfig.display().to_string(),
    );
}

struct Starter<'a> {
    name: &'a str,
    folder: &'a Folder,
    logs: PathBuf,
}

impl Starter<'_> {
    fn failed(&self, command: &str, how: String, log: &Path) -> BenchError {
        BenchError::Command {
            contestant: self.name.to_owned(),
            command: command.to_owned(),
            how,
            log: log.to_owned(),
            tail: tail(log, 8),
        }
    }

    fn process(
        &self,
        command: &[String],
        log: &Path,
        values: &Values,
    ) -> Result<Child, BenchError> {
        let words = self.folder.command(command, values)?;
        let (program, arguments) = words.split_first().ok_or_else(|| BenchError::Refused {
            what: format!("{}: an empty command", self.folder.path.display()),
            advice: "See bench/README.md.".to_owned(),
        })?;
        let file = std::fs::File::create(log).map_err(BenchError::file("creating", log))?;
        let errors = file.try_clone().map_err(BenchError::file("opening", log))?;
        let mut child = Command::new(program);
        child
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .process_group(0)
            .kill_on_drop(true);
        for (name, value) in &self.folder.description.environment {
            let filled = self.folder.command(std::slice::from_ref(value), values)?;
            child.env(name, filled.concat());
        }
        child.spawn().map_err(|source| BenchError::Start {
            command: program.clone(),
            source,
        })
    }

    async fn prepare(
        &self,
        index: usize,
        command: &[String],
        values: &Values,
    ) -> Result<(), BenchError> {
        let log = self.logs.join(format!("prepare-{index}.log"));
        let mut child = self.process(command, &log, values)?;
        let program = command.first().map_or("", String::as_str);
        match tokio::time::timeout(PATIENCE, child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(self.failed(program, format!("ended with {status}"), &log)),
            Ok(Err(error)) => Err(self.failed(program, error.to_string(), &log)),
            Err(_elapsed) => {
                let how = format!("is not done after {} s", PATIENCE.as_secs());
                Err(self.failed(program, how, &log))
            }
        }
    }

    fn spawn(
        &self,
        process: &str,
        command: &[String],
        values: &Values,
    ) -> Result<Process, BenchError> {
        let log = self.logs.join(format!("{process}.log"));
        let child = self.process(command, &log, values)?;
        let leader = child.id().unwrap_or_default();
        Ok(Process {
            name: process.to_owned(),
            leader,
            child,
            log,
        })
    }

    /// `kubectl apply --server-side`, repeated while a kind is not served yet.
    async fn apply(
        &self,
        stage: Stage,
        cluster: &Cluster,
        values: &Values,
    ) -> Result<(), BenchError> {
        for (path, text) in self.folder.manifests(stage, values)? {
            let started = Instant::now();
            loop {
                let Err(message) = kubectl_apply(cluster, &text).await? else {
                    break;
                };
                if started.elapsed() > PATIENCE {
                    return Err(BenchError::Refused {
                        what: format!("applying {} to {}: {message}", path.display(), cluster.name),
                        advice: "Repeated for 90 s. Are its CustomResourceDefinitions there?"
                            .to_owned(),
                    });
                }
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
        }
        Ok(())
    }
}

async fn kubectl_apply(cluster: &Cluster, text: &str) -> Result<Result<(), String>, BenchError> {
    let started = |source| BenchError::Start {
        command: "kubectl".to_owned(),
        source,
    };
    let mut child = Command::new("kubectl")
        .arg("--kubeconfig")
        .arg(&cluster.kubeconfig)
        .args(["apply", "--server-side", "--force-conflicts", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(started)?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(text.as_bytes()).await.map_err(started)?;
    }
    let output = child.wait_with_output().await.map_err(started)?;
    Ok(if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    })
}

impl Running {
    /// What its processes have used.
    pub(crate) fn usage(&self) -> Usage {
        let pids: Vec<u32> = self
            .processes
            .iter()
            .flat_map(|process| processes::group(process.leader))
            .collect();
        processes::usage(&pids)
    }

    /// An error if one of its processes has ended.
    pub(crate) fn check(&mut self) -> Result<(), BenchError> {
        for process in &mut self.processes {
            let Ok(None) = process.child.try_wait() else {
                return Err(BenchError::Command {
                    contestant: self.name.clone(),
                    command: process.name.clone(),
                    how: "has ended by itself".to_owned(),
                    log: process.log.clone(),
                    tail: tail(&process.log, 8),
                });
            };
        }
        Ok(())
    }

    /// The last lines of its logs.
    pub(crate) fn last_words(&self) -> String {
        self.processes
            .iter()
            .map(|process| tail(&process.log, 4))
            .collect::<Vec<_>>()
            .join("\n")
    }
}
