//! The control plane: started and ended by its scripts (`up.sh DIR MEMBERS`, `down.sh DIR`); what is read of its
//! folder is `host/kubeconfig`, `member-N/kubeconfig` and the files `pid/NAME`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::Value;
use tokio::process::Command;

use crate::error::{BenchError, tail};
use crate::processes;

/// Where the scripts work, in the folder of a run.
const FOLDER: &str = "control-plane";
/// How long up.sh may take, and more for every member.
const START_SECONDS: u64 = 120;
/// Where it has to build the binary first.
const BUILD_SECONDS: u64 = 900;
const START_SECONDS_A_MEMBER: u64 = 10;

/// How to start one.
#[derive(Clone, Debug)]
pub(crate) struct PlaneOptions {
    pub(crate) scripts: PathBuf,
    pub(crate) realcp: Option<PathBuf>,
    pub(crate) port: u16,
    pub(crate) members: usize,
    pub(crate) has_pods: bool,
}

/// One API server, as an administrator reaches it.
#[derive(Clone)]
pub(crate) struct Cluster {
    pub(crate) name: String,
    pub(crate) kubeconfig: PathBuf,
    pub(crate) url: String,
    /// Base64 of PEM, as in a kubeconfig or a Secret.
    pub(crate) ca: String,
    pub(crate) certificate: String,
    pub(crate) key: String,
    pub(crate) client: Client,
}

/// A running control plane.
#[derive(Clone)]
pub(crate) struct Plane {
    pub(crate) folder: PathBuf,
    pub(crate) host: Cluster,
    pub(crate) members: Vec<Cluster>,
}

/// Refuses a folder without scripts; ports that are taken are refused by up.sh.
pub(crate) fn check(options: &PlaneOptions) -> Result<(), BenchError> {
    for script in ["up.sh", "down.sh"] {
        let path = options.scripts.join(script);
        if !path.is_file() {
            return Err(BenchError::Refused {
                what: format!("there is no {}", path.display()),
                advice: "Run in the repository's root, or say with --control-plane where the scripts are.".to_owned(),
            });
        }
    }
    if let Some(path) = options.realcp.as_ref().filter(|path| !path.is_file()) {
        return Err(BenchError::Refused {
            what: format!("there is no control plane binary {}", path.display()),
            advice: "Build it (e2e/realcp), or correct --realcp.".to_owned(),
        });
    }
    Ok(())
}

/// Starts a control plane in the empty folder of a run. What was started half must be ended by the caller with [`stop`].
pub(crate) async fn start(options: &PlaneOptions, folder: &Path) -> Result<Plane, BenchError> {
    let log = folder.join("up.log");
    let file = std::fs::File::create(&log).map_err(BenchError::file("creating", &log))?;
    let errors = file
        .try_clone()
        .map_err(BenchError::file("opening", &log))?;
    let mut command = Command::new("bash");
    command
        .arg(options.scripts.join("up.sh"))
        .arg(folder.join(FOLDER))
        .arg(options.members.to_string())
        .env("PORT", options.port.to_string())
        // Nothing that only looks on may take part in the work.
        .env("AUDIT", "false")
        .env("SIM", if options.has_pods { "simlet" } else { "none" })
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(errors)
        .kill_on_drop(true);
    if let Some(realcp) = &options.realcp {
        command.env("REALCP", realcp);
    }
    let members = u64::try_from(options.members).unwrap_or(u64::MAX);
    let build = if options.realcp.is_some() {
        0
    } else {
        BUILD_SECONDS
    };
    let limit = START_SECONDS
        .saturating_add(build)
        .saturating_add(START_SECONDS_A_MEMBER.saturating_mul(members));
    let failed = |what: String| BenchError::ControlPlane {
        what,
        log: log.clone(),
        tail: tail(&log, 8),
    };
    match tokio::time::timeout(Duration::from_secs(limit), command.status()).await {
        Err(_elapsed) => return Err(failed(format!("up.sh is not done after {limit} s"))),
        Ok(Err(error)) => return Err(failed(format!("bash did not start: {error}"))),
        Ok(Ok(status)) if !status.success() => {
            return Err(failed(format!("up.sh ended with {status}")));
        }
        Ok(Ok(_done)) => {}
    }
    let host = cluster(folder, "host").await?;
    let mut members = Vec::new();
    for index in 1..=options.members {
        members.push(cluster(folder, &format!("member-{index}")).await?);
    }
    Ok(Plane {
        folder: folder.to_owned(),
        host,
        members,
    })
}

/// Ends every server that was started in the folder of a run.
pub(crate) async fn stop(scripts: &Path, realcp: Option<&Path>, folder: &Path) {
    let mut command = Command::new("bash");
    if let Some(realcp) = realcp {
        command.env("REALCP", realcp);
    }
    let _result = command
        .arg(scripts.join("down.sh"))
        .arg(folder.join(FOLDER))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .await;
}

async fn cluster(folder: &Path, name: &str) -> Result<Cluster, BenchError> {
    let path = folder.join(FOLDER).join(name).join("kubeconfig");
    let refused = |what: String| BenchError::Refused {
        what: format!("{}: {what}", path.display()),
        advice: "The scripts must write a kubeconfig with embedded certificates for each cluster."
            .to_owned(),
    };
    let text = std::fs::read_to_string(&path).map_err(BenchError::file("reading", &path))?;
    let document: Value =
        serde_saphyr::from_str(&text).map_err(|error| refused(error.to_string()))?;
    let field = |pointer: &str| {
        let value = document.pointer(pointer).and_then(Value::as_str);
        value
            .map(ToOwned::to_owned)
            .ok_or_else(|| refused(format!("no {pointer}")))
    };
    let kubeconfig = Kubeconfig::read_from(&path).map_err(|error| refused(error.to_string()))?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .map_err(|error| refused(error.to_string()))?;
    let client = Client::try_from(config)
        .map_err(BenchError::request(format!("making a client for {name}")))?;
    Ok(Cluster {
        name: name.to_owned(),
        url: field("/clusters/0/cluster/server")?,
        ca: field("/clusters/0/cluster/certificate-authority-data")?,
        certificate: field("/users/0/user/client-certificate-data")?,
        key: field("/users/0/user/client-key-data")?,
        kubeconfig: path,
        client,
    })
}

impl Plane {
    /// The host's client, then the members'.
    pub(crate) fn clients(&self) -> Vec<Client> {
        std::iter::once(&self.host)
            .chain(&self.members)
            .map(|cluster| cluster.client.clone())
            .collect()
    }

    /// Seconds of CPU that its processes have used, by their roles.
    pub(crate) fn cpu_seconds(&self) -> BTreeMap<String, f64> {
        let mut by_role = BTreeMap::new();
        for server in processes::of_control_plane(&self.folder) {
            let seconds = processes::usage(&[server.pid]).cpu_seconds;
            *by_role.entry(server.role).or_insert(0.0) += seconds;
        }
        by_role
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(scripts: &Path, port: u16) -> PlaneOptions {
        PlaneOptions {
            scripts: scripts.to_owned(),
            realcp: None,
            port,
            members: 1,
            has_pods: false,
        }
    }

    #[test]
    fn what_cannot_start_is_refused_before_anything_is_started() {
        let folder = tempfile::tempdir().unwrap();
        let missing = check(&options(folder.path(), 1)).unwrap_err().to_string();
        assert!(missing.contains("up.sh"), "{missing}");
        for script in ["up.sh", "down.sh"] {
            std::fs::write(folder.path().join(script), "exit 3").unwrap();
        }
        assert!(check(&options(folder.path(), 1)).is_ok());
        let mut unbuilt = options(folder.path(), 1);
        unbuilt.realcp = Some(folder.path().join("none"));
        assert!(
            check(&unbuilt)
                .unwrap_err()
                .to_string()
                .contains("--realcp")
        );
    }

    #[tokio::test]
    async fn a_failing_script_is_told_with_its_last_lines() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("up.sh"), "echo no etcd here >&2; exit 3").unwrap();
        let error = start(&options(folder.path(), 1), folder.path())
            .await
            .err()
            .unwrap();
        let text = error.to_string();
        assert!(
            text.contains("no etcd here") && text.contains("exit status: 3"),
            "{text}"
        );
    }
}
