//! Processes: what they cost (from /proc), and ending them by group.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::process::Command;

/// Clock ticks a second in /proc; 100 on every Linux that runs this.
const TICKS: f64 = 100.0;

/// What a set of processes has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Usage {
    pub(crate) cpu_seconds: f64,
    pub(crate) resident_mib: f64,
    pub(crate) peak_mib: f64,
}

impl Usage {
    fn add(self, other: Self) -> Self {
        Self {
            cpu_seconds: self.cpu_seconds + other.cpu_seconds,
            resident_mib: self.resident_mib + other.resident_mib,
            peak_mib: self.peak_mib + other.peak_mib,
        }
    }
}

/// The sum over processes; one that has ended counts nothing.
pub(crate) fn usage(pids: &[u32]) -> Usage {
    pids.iter().fold(Usage::default(), |sum, pid| {
        let read = |file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}")).ok();
        let cpu = read("stat").as_deref().and_then(cpu_seconds).unwrap_or(0.0);
        let status = read("status").unwrap_or_default();
        sum.add(Usage {
            cpu_seconds: cpu,
            resident_mib: mebibytes(&status, "VmRSS:"),
            peak_mib: mebibytes(&status, "VmHWM:"),
        })
    })
}

/// What the whole machine has worked, in seconds of one core.
pub(crate) fn machine_cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    busy_seconds(&text).unwrap_or(0.0)
}

/// The first line of `/proc/stat` without idle and waiting time (its 4th and 5th number); guests are in user time already.
fn busy_seconds(stat: &str) -> Option<f64> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<f64> = line
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    let sum: f64 = ticks.get(..8)?.iter().sum();
    Some((sum - ticks.get(3)? - ticks.get(4)?) / TICKS)
}

/// User and system time from `/proc/PID/stat`: the 14th and 15th field; the second may hold spaces.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, after) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / TICKS)
}

fn mebibytes(status: &str, key: &str) -> f64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix(key))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok())
        .map_or(0.0, |kibibytes| kibibytes / 1024.0)
}

/// The processes of a group (a contestant's command and what it started).
pub(crate) fn group(leader: u32) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| {
            std::fs::read_to_string(format!("/proc/{pid}/stat"))
                .ok()
                .as_deref()
                .and_then(running_in_group)
                == Some(leader)
        })
        .collect()
}

/// The group of a process that is not a zombie.
fn running_in_group(stat: &str) -> Option<u32> {
    let (_, after) = stat.rsplit_once(')')?;
    let mut fields = after.split_whitespace();
    let state = fields.next()?;
    (state != "Z").then(|| fields.nth(1)?.parse().ok())?
}

/// Ends a group: asks, waits, then insists.
pub(crate) async fn end_group(leader: u32) {
    for signal in ["-TERM", "-KILL"] {
        if group(leader).is_empty() {
            return;
        }
        let target = format!("-{leader}");
        let _result = Command::new("kill")
            .stderr(std::process::Stdio::null())
            .args([signal, "--", &target])
            .status()
            .await;
        for _ in 0..100 {
            if group(leader).is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// A process of a control plane.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Server {
    /// Whose it is and what: `host apiserver`, `members controllers`.
    pub(crate) role: String,
    pub(crate) pid: u32,
}

/// The files `CLUSTER/pid/NAME` anywhere below a control plane's folder; all members play one role.
pub(crate) fn of_control_plane(folder: &Path) -> Vec<Server> {
    let mut servers = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let in_pid = folder.file_name().is_some_and(|name| name == "pid");
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            if path.is_dir() && path.file_name().is_some_and(|name| name != "data") {
                folders.push(path);
            } else if in_pid {
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                let role = role(&path);
                servers.extend(text.trim().parse().ok().map(|pid| Server { role, pid }));
            }
        }
    }
    servers.sort_unstable();
    servers
}

/// `CLUSTER/pid/NAME`: `CLUSTER NAME`, or one word where they are the same.
fn role(file: &Path) -> String {
    let name = |path: Option<&Path>| {
        let name = path.and_then(Path::file_name);
        name.map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    let cluster = name(file.parent().and_then(Path::parent));
    let process = name(Some(file));
    match cluster.as_str() {
        same if same == process => process,
        member if member.starts_with("member-") => format!("members {process}"),
        other => format!("{other} {process}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_with_an_awkward_name() {
        let stat = "42 (a) b) S 1 40 40 0 -1 4194560 1 2 3 4 150 50 0 0 20 0 1 0 9 9 9";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(running_in_group(stat), Some(40));
        assert_eq!(running_in_group(&stat.replace(" S ", " Z ")), None);
    }

    #[test]
    fn the_machines_work() {
        let stat = "cpu  100 20 30 4000 500 6 7 8 90 0\ncpu0 1 2 3\n";
        assert_eq!(busy_seconds(stat), Some(1.71));
        assert_eq!(busy_seconds("intr 1"), None);
    }

    #[test]
    fn memory_of_a_status() {
        let status = "Name:\tx\nVmHWM:\t   4096 kB\nVmRSS:\t   2048 kB\n";
        assert!((mebibytes(status, "VmRSS:") - 2.0).abs() < f64::EPSILON);
        assert!((mebibytes(status, "VmHWM:") - 4.0).abs() < f64::EPSILON);
        assert!(mebibytes(status, "VmSwap:").abs() < f64::EPSILON);
    }

    #[test]
    fn pid_files_are_found_below_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("etcd/pid/etcd", "11\n"),
            ("host/pid/apiserver", "12"),
            ("member-1/pid/apiserver", "15"),
            ("host/log/apiserver.log", "13"),
            ("etcd/data/pid/x", "14"),
        ] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let found: Vec<_> = of_control_plane(folder.path())
            .into_iter()
            .map(|server| (server.role, server.pid))
            .collect();
        let expected = [
            ("etcd", 11),
            ("host apiserver", 12),
            ("members apiserver", 15),
        ];
        assert_eq!(found, expected.map(|(role, pid)| (role.to_owned(), pid)));
    }

    #[test]
    fn this_process_costs_something() {
        assert!(usage(&[std::process::id()]).resident_mib > 0.0);
    }
}
