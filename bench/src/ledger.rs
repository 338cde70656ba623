//! What has been started and not ended yet, so that one place ends it all, however a run ends.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::{plane, processes};

#[derive(Debug, Default)]
struct Started {
    groups: Vec<u32>,
    planes: Vec<PathBuf>,
}

/// A shared list.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    scripts: PathBuf,
    realcp: Option<PathBuf>,
    keep: bool,
    started: Arc<Mutex<Started>>,
}

impl Ledger {
    /// `keep`: leave the folders of control planes.
    pub(crate) fn new(scripts: &Path, realcp: Option<&Path>, keep: bool) -> Self {
        Self {
            scripts: scripts.to_owned(),
            realcp: realcp.map(Path::to_owned),
            keep,
            started: Arc::default(),
        }
    }

    /// A process group that must be ended.
    pub(crate) fn group_started(&self, leader: u32) {
        self.with(|started| started.groups.push(leader));
    }

    /// A control plane that must be ended.
    pub(crate) fn plane_started(&self, folder: &Path) {
        self.with(|started| started.planes.push(folder.to_owned()));
    }

    fn with<T>(&self, action: impl FnOnce(&mut Started) -> T) -> T {
        action(&mut self.started.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Ends contestants, then control planes.
    pub(crate) async fn end_all(&self) {
        let started = self.with(std::mem::take);
        for group in started.groups {
            processes::end_group(group).await;
        }
        for folder in started.planes {
            plane::stop(&self.scripts, self.realcp.as_deref(), &folder).await;
            if !self.keep {
                let _result = std::fs::remove_dir_all(&folder);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn groups_and_planes_are_ended_once() {
        let folder = tempfile::tempdir().unwrap();
        let plane = folder.path().join("plane");
        std::fs::create_dir(&plane).unwrap();
        std::fs::write(
            folder.path().join("down.sh"),
            format!("echo ended >>{}/downs", folder.path().display()),
        )
        .unwrap();
        let mut child = tokio::process::Command::new("sleep")
            .arg("600")
            .process_group(0)
            .spawn()
            .unwrap();
        let ledger = Ledger::new(folder.path(), None, false);
        ledger.group_started(child.id().unwrap());
        ledger.plane_started(&plane);
        let waiting = tokio::spawn(async move { child.wait().await });
        ledger.end_all().await;
        ledger.end_all().await;
        assert!(!waiting.await.unwrap().unwrap().success());
        assert!(!plane.exists());
        assert_eq!(
            std::fs::read_to_string(folder.path().join("downs")).unwrap(),
            "ended\n"
        );
    }
}
