//! Real API servers: a control plane of `e2e/realcp`, started here, or one that is up.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use kube::config::Kubeconfig;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::standing::{Clusters, Standing};
use crate::failure::{Failure, Outcome};

/// As it is asked for.
pub(super) const NAME: &str = "real";
/// How many members a control plane gets that is started here.
const MEMBERS: usize = 3;

/// Federates the control plane that is up in a folder (`e2e/realcp/up.sh FOLDER`), or a new one.
pub(super) async fn federate(up: Option<&Path>, scratch: &Path) -> Outcome<Standing> {
    let (run, control_plane) = match up {
        Some(folder) => (folder.to_owned(), None),
        None => {
            let (folder, child) = start().await?;
            (folder, Some(child))
        }
    };
    let path = run.join("kubeconfig");
    let kubeconfig = Kubeconfig::read_from(&path).map_err(|error| {
        Failure::Backend(format!(
            "{}: {error}: is a control plane up there (e2e/realcp/up.sh {})?",
            path.display(),
            run.display()
        ))
    })?;
    let mut members: Vec<String> = kubeconfig
        .contexts
        .iter()
        .map(|context| context.name.clone())
        .collect();
    members.retain(|name| name != "host");
    members.sort();
    let audit = std::iter::once("host").chain(members.iter().map(String::as_str));
    let audit = audit.map(|cluster| {
        (
            cluster.to_owned(),
            run.join(cluster).join("log/audit.jsonl"),
        )
    });
    let audit = audit.filter(|(_, log)| log.exists()).collect();
    Standing::federate(Clusters {
        name: NAME,
        kubeconfig,
        host: "host".to_owned(),
        members,
        // A folder of the control plane's keeps the controllers' log beside the others.
        folder: if control_plane.is_some() {
            run.clone()
        } else {
            scratch.to_owned()
        },
        audit,
        remove: control_plane.is_none(),
        control_plane,
    })
    .await
}

/// Builds what is to be built and starts a control plane that ends with this process.
async fn start() -> Outcome<(PathBuf, Child)> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("realcp");
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| sources.join("../../target"), PathBuf::from);
    let failed =
        |what: &str, why: &dyn std::fmt::Display| Failure::Backend(format!("{what}: {why}"));
    let program = match std::env::var_os("REALCP") {
        Some(program) => PathBuf::from(program),
        None => {
            let program = target.join("realcp/realcp");
            let built = Command::new("bash")
                .arg(sources.join("build.sh"))
                .arg(&program)
                .status()
                .await;
            let built = built.map_err(|error| failed("bash e2e/realcp/build.sh", &error))?;
            if !built.success() {
                return Err(failed("bash e2e/realcp/build.sh", &built));
            }
            program
        }
    };
    let folder = target.join("realcp/scenarios");
    let mut child = Command::new(&program)
        .args(["up", "--bound", "--members", &MEMBERS.to_string(), "--dir"])
        .arg(&folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(&program.display().to_string(), &error))?;
    if is_ready(&mut child).await {
        return Ok((folder, child));
    }
    let mut said = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        let _cut_short = stderr.read_to_string(&mut said).await;
    }
    Err(Failure::Backend(said.trim().to_owned()))
}

/// Waits until the control plane greets; `false`: it ended without.
async fn is_ready(child: &mut Child) -> bool {
    let Some(stdout) = child.stdout.take() else {
        return false;
    };
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if line.starts_with("Ready") {
            // Whatever comes after the greeting must find a reader.
            tokio::spawn(async move { while let Ok(Some(_line)) = lines.next_line().await {} });
            return true;
        }
    }
    false
}
