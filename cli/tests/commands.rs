//! The commands as a user runs them, through the binary: what they answer, what they refuse and with which words, and
//! the exit status. Whatever needs API servers shares two sandboxes, started once.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::unwrap_in_result,
    clippy::expect_used,
    reason = "a test fails with what is wrong"
)]

mod program;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use program::{BINARY, command};
use serde_json::Value;

/// What came of one command.
struct Ran {
    status: i32,
    out: String,
    err: String,
}

impl Ran {
    fn of(output: &Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// It did what was asked, and said `text`.
    #[track_caller]
    fn says(&self, text: &str) {
        assert_eq!(self.status, 0, "{}{}", self.out, self.err);
        assert!(self.out.contains(text), "{text:?} not in:\n{}", self.out);
    }

    /// It ended with `status`, named the reason, and did not lose its composure.
    #[track_caller]
    fn refuses(&self, status: i32, texts: &[&str]) {
        assert_eq!(self.status, status, "{}{}", self.out, self.err);
        for text in texts {
            assert!(self.err.contains(text), "{text:?} not in:\n{}", self.err);
        }
        for noise in ["panicked", "backtrace", "Some(", "\u{1b}["] {
            assert!(!self.err.contains(noise), "{noise:?} in:\n{}", self.err);
        }
    }
}

fn navarch(arguments: &[&str]) -> Ran {
    Ran::of(&program::run(arguments, "").0)
}

/// The binary against the API servers of a kubeconfig.
fn with(kubeconfig: &Path, arguments: &[&str]) -> Ran {
    let output = command(arguments)
        .env("KUBECONFIG", kubeconfig)
        .output()
        .unwrap();
    Ran::of(&output)
}

/// A running `navarch sandbox`, ended as Ctrl-C ends it.
struct Sandbox {
    child: Child,
    folder: tempfile::TempDir,
}

impl Sandbox {
    fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = command(&["sandbox", "--dir"])
            .arg(folder.path())
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines.any(|line| line.unwrap().contains("Ctrl-C ends it"));
        assert!(ready, "the sandbox ended before it was ready");
        Self { child, folder }
    }

    fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// Interrupts it and waits; the status it ends with.
    fn interrupt(mut self) -> Option<i32> {
        let signal = Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(signal.success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Asks again until it holds: the commands asked are processes of their own, so there is nothing to be woken by.
#[expect(
    clippy::disallowed_methods,
    reason = "a pause between two questions, on a thread of this test alone"
)]
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(20), "never: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn offline_answers_need_no_cluster() {
    navarch(&["--version"]).says("navarch ");
    navarch(&["version"]).says("core.kubeadmiral.io/v1alpha1");
    let version: Value = serde_json::from_str(&navarch(&["version", "-o", "json"]).out).unwrap();
    assert!(version["clientVersion"]["version"].is_string());
    for shell in ["bash", "zsh", "fish"] {
        navarch(&["completion", shell]).says("controller-manager");
    }
    let definitions: Value = serde_json::from_str(&navarch(&["crds", "-o", "json"]).out).unwrap();
    assert_eq!(definitions["items"].as_array().unwrap().len(), 18);
    let documents = navarch(&["crds"]).out.matches("---\napiVersion").count();
    assert_eq!(documents, 18);
}

#[test]
fn wrong_input_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let torn = file("torn", "contexts: [");
    let bare = file("bare", "apiVersion: v1\nkind: Config\n");
    let rows: &[(&[&str], i32, &[&str])] = &[
        (&["sail"], 2, &["unrecognized subcommand", "--help"]),
        (&["get"], 2, &["<WHAT>"]),
        (&["get", "ships"], 2, &["clusters, objects"]),
        (&["get", "clusters", "--deep"], 2, &["--deep"]),
        (&["get", "clusters", "-o", "table"], 2, &["json, yaml"]),
        (&["completion", "tcsh"], 2, &["bash"]),
        (&["get", "clusters"], 1, &["~/.kube/config", "--kubeconfig"]),
        (
            &["get", "clusters", "--kubeconfig", "/nope"],
            1,
            &["/nope", "No such file", "--kubeconfig"],
        ),
        (
            &["get", "clusters", "--kubeconfig", &torn],
            1,
            &["torn", "line 1"],
        ),
        (
            &["get", "clusters", "--kubeconfig", &bare],
            1,
            &["no current context"],
        ),
        (&["join", "East"], 1, &["cluster's name", "lower-case"]),
        (&["join", "east"], 1, &["--member-context"]),
        (&["render"], 2, &["--filename"]),
        (&["schedule"], 2, &["--filename"]),
        (&["plan"], 2, &["--filename"]),
        (&["explain"], 2, &["<KIND/NAME>"]),
        (
            &["schedule", "-f", "/nope", "--object-overrides", "some"],
            2,
            &["Allow, Narrow, Deny"],
        ),
        (&["render", "-f", "/nope"], 1, &["/nope", "standard input"]),
        (&["render", "-f", &torn], 1, &["torn, document 1"]),
        (
            &["controller-manager", "--worker-count=x"],
            2,
            &["--worker-count"],
        ),
        (
            &["controller-manager", "--cluster-health-check-period=5"],
            2,
            &["1m30s"],
        ),
        (&["sandbox", "--members", "few"], 2, &["--members"]),
        (&["sandbox", "kubectl"], 2, &["-- <COMMAND>"]),
        (
            &["sandbox", "--dir", "/dev/null/x", "--", "true"],
            1,
            &["/dev/null/x", "folder"],
        ),
    ];
    for (arguments, status, texts) in rows {
        eprintln!("navarch {}", arguments.join(" "));
        navarch(arguments).refuses(*status, texts);
    }
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kubeconfig");
    // Port 1 answers nobody.
    let text = r#"{apiVersion: v1, kind: Config, current-context: gone,
        contexts: [{name: gone, context: {cluster: gone, user: nobody}}],
        clusters: [{name: gone, cluster: {server: "https://127.0.0.1:1"}}], users: [{name: nobody, user: {}}]}"#;
    std::fs::write(&path, text).unwrap();
    with(&path, &["get", "clusters"]).refuses(1, &["\"gone\"", "refused", "reachable"]);
    with(&path, &["install"]).refuses(1, &["\"gone\"", "refused", "navarch install"]);
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let mut child = command(&["crds"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_sandbox_ends_as_its_command_does() {
    let run = |script: &str| navarch(&["sandbox", "--members", "1", "--", "sh", "-c", script]);
    let ready = format!("set -e; echo $KUBECONFIG; {BINARY} get clusters");
    let first = run(&ready);
    first.says("member-1   True    True");
    let kubeconfig = first.out.lines().next().unwrap();
    assert!(
        !Path::new(kubeconfig).exists(),
        "{kubeconfig} was left behind"
    );
    assert_eq!(run("exit 7").status, 7);
    assert_eq!(run("kill -TERM $$").status, 128 + 15);
    navarch(&["sandbox", "--members", "0", "--", "/nope/it"]).refuses(1, &["/nope/it", "PATH"]);
}

#[test]
fn a_folder_holds_one_sandbox_and_ctrl_c_leaves_nothing() {
    let sandbox = Sandbox::start(&["--members", "0"]);
    let folder = sandbox.folder.path().to_str().unwrap().to_owned();
    let path = sandbox.kubeconfig();
    navarch(&["sandbox", "--members", "0", "--dir", &folder, "--", "true"])
        .refuses(1, &["another sandbox", "--dir"]);
    with(&path, &["get", "clusters"]).says("No cluster is joined");
    assert_eq!(sandbox.interrupt(), Some(0));
    assert!(!path.exists());
}

#[test]
fn install_repeats_without_a_change_and_a_manager_by_hand_joins_what_is_announced() {
    let sandbox = Sandbox::start(&["--members", "1", "--no-controllers"]);
    let path = sandbox.kubeconfig();
    with(&path, &["install"]).says("18 resource definitions");
    with(&path, &["install"]).says("Next: navarch controller-manager --context host");
    with(&path, &["install", "--context", "nope"]).refuses(1, &["\"nope\"", "host, member-1"]);
    with(&path, &["get", "objects", "--context", "member-1"])
        .refuses(1, &["404", "navarch install"]);
    with(&path, &["get", "objects"]).says("Nothing is federated");
    with(&path, &["get", "clusters"]).says("member-1   -");
    let mut manager = command(&["controller-manager", "--admin-address", "none"])
        .env("KUBECONFIG", &path)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    eventually("the manager joins the member", || {
        with(&path, &["get", "clusters"])
            .out
            .contains("member-1   True    True")
    });
    let signal = Command::new("kill")
        .args(["-TERM", &manager.id().to_string()])
        .status();
    assert!(signal.unwrap().success());
    assert_eq!(manager.wait().unwrap().code(), Some(0));
}

#[test]
fn joining_repeats_and_refuses_what_would_join_twice() {
    let sandbox = Sandbox::start(&["--members", "2", "--no-join"]);
    let path = sandbox.kubeconfig();
    let join =
        |name: &str, context: &str| with(&path, &["join", name, "--member-context", context]);
    join("east", "nope").refuses(1, &["\"nope\"", "host, member-1, member-2"]);
    join("east", "member-1").says("east is joined and Ready");
    join("east", "member-1").says("east is joined and Ready");
    join("west", "member-1").refuses(1, &["already joined as \"east\"", "navarch unjoin east"]);
    join("east", "member-2").refuses(1, &["another cluster named \"east\"", "another name"]);
    let other = Sandbox::start(&["--members", "0"]);
    let (host, member) = (other.kubeconfig(), path.clone());
    navarch(&[
        "join",
        "east",
        "--host-kubeconfig",
        host.to_str().unwrap(),
        "--member-kubeconfig",
        member.to_str().unwrap(),
        "--member-context",
        "member-1",
    ])
    .refuses(1, &["joined to another host", "Unjoin it there"]);
    with(&path, &["unjoin", "nope"]).refuses(1, &["no cluster \"nope\"", "navarch get clusters"]);
    with(&path, &["forget", "nope"]).refuses(1, &["no cluster \"nope\""]);
    with(&path, &["forget", "east", "--yes"]).refuses(1, &["is Ready", "navarch unjoin east"]);
    with(&path, &["unjoin", "east"]).says("east is unjoined; its workloads stay");
    with(&path, &["unjoin", "east"]).refuses(1, &["no cluster \"east\""]);
    join("west", "member-1").says("west is joined and Ready");
}

/// `kubectl` where one is installed; there is nothing to test it against otherwise.
fn kubectl(kubeconfig: &Path, arguments: &[&str], input: &str) -> Option<Ran> {
    let mut kubectl = Command::new("kubectl");
    kubectl.args(arguments).env("KUBECONFIG", kubeconfig);
    let (output, _read_all) = program::feed(&mut kubectl, input).ok()?;
    Some(Ran::of(&output))
}

/// Why an object is where it is, and what a taint would do to it.
fn explained_and_planned(path: &Path) {
    let told = with(path, &["explain", "configmaps/notes", "-n", "default"]);
    told.says("ConfigMap default/notes (policy default/typo): placed on member-1");
    told.says("Annotations that do not count");
    let told = with(path, &["explain", "ConfigMap/notes", "-o", "json"]);
    let told: Value = serde_json::from_str(&told.out).unwrap();
    let member = &told["clusters"][0];
    assert_eq!(member["placed"], true, "{told}");
    assert_eq!(member["filters"][0]["verdict"], "fits", "{told}");
    with(path, &["explain", "ship/x"]).refuses(1, &["\"ship\"", "configmaps"]);
    with(path, &["explain", "configmap/none"]).refuses(1, &["no ConfigMap none", "get objects"]);
    with(path, &["explain", "notes"]).refuses(1, &["KIND/NAME"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("taint.yaml");
    let taint = "apiVersion: core.kubeadmiral.io/v1alpha1\nkind: FederatedCluster\nmetadata: {name: member-1}\n\
        spec: {taints: [{key: down, effect: NoExecute}]}\n";
    std::fs::write(&file, taint).unwrap();
    let plan = with(path, &["plan", "-f", file.to_str().unwrap()]);
    plan.says("nothing fits: it would be withdrawn everywhere");
    plan.says("untolerated taint down:NoExecute");
    plan.says("Total: 1 of");
    // Nothing was written.
    let cluster = with(path, &["get", "clusters", "-o", "json"]);
    assert!(!cluster.out.contains("taints"), "{}", cluster.out);
}

const TYPO: &str = "
apiVersion: core.kubeadmiral.io/v1alpha1
kind: PropagationPolicy
metadata: {name: typo, namespace: default}
spec: {schedulingMode: Duplicate, placement: [{cluster: member-1}, {cluster: membre-2}]}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: notes
  namespace: default
  labels: {kubeadmiral.io/propagation-policy-name: typo}
  annotations:
    kubeadmiral.io/tolerations: '{torn'
    kubeadmiral.io/placements: '{torn'
data: {a: b}
";

#[test]
fn mistakes_are_told_in_events() {
    let sandbox = Sandbox::start(&["--members", "1"]);
    let path = sandbox.kubeconfig();
    let Some(applied) = kubectl(&path, &["apply", "-f", "-"], TYPO) else {
        return;
    };
    applied.says("configmap/notes created");
    let events = || {
        let all = ["get", "events", "-o", "wide"];
        kubectl(&path, &all, "").unwrap().out
    };
    eventually("the slip of the pen is named", || {
        events().contains("membre-2") && events().contains("AnnotationIgnored")
    });
    let told = events();
    for text in ["kubeadmiral.io/tolerations", "kubeadmiral.io/placements"] {
        assert!(told.contains(text), "{text} not in:\n{told}");
    }
    with(&path, &["get", "objects"]).says("member-1");
    let federated = || {
        let all = ["get", "federatedobjects", "-o", "json"];
        kubectl(&path, &all, "").unwrap().out
    };
    eventually("the condition says it, too", || {
        let told = federated();
        told.contains("\"Scheduled\"") && told.contains("\"AnnotationIgnored\"")
    });
    explained_and_planned(&path);
    let crds = navarch(&["crds"]).out;
    let again = ["apply", "--server-side", "-f", "-"];
    let again = kubectl(&path, &again, &crds).unwrap();
    assert_eq!(again.out.matches("serverside-applied").count(), 18);
}
