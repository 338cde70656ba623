//! The replay itself: a fresh server, all recorded requests in order, each answer compared.

use crate::actors::{self, Act};
use crate::answer::events;
use crate::client::{Answer, Client, Identity};
use crate::compare::Comparison;
use crate::fidelity::{self, List};
use crate::mapping::Mapping;
use crate::recording::{self, Body, Command, Request};
use base64::Engine;
use bytes::Bytes;
use http_body_util::Full;
use navarch_sandbox::server::{ApiServer, ServerOptions};
use navarch_sandbox::simulate::{self, Delays, SimulationOptions};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What became of one request.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// `COMMAND/REQUEST`, the second counted from 0.
    pub(crate) key: String,
    pub(crate) command: String,
    pub(crate) request: String,
    pub(crate) differences: Vec<String>,
    /// The kind of difference, for the list.
    pub(crate) class: &'static str,
}

impl Outcome {
    pub(crate) fn describe(&self) -> String {
        let shown: Vec<&str> = self
            .differences
            .iter()
            .take(4)
            .map(String::as_str)
            .collect();
        format!(
            "{} {} ({})\n    {}",
            self.key,
            self.request,
            self.command,
            shown.join("\n    ")
        )
    }
}

/// How long all such waiting may take together: a server that is much unlike the real one should fail soon.
const BUDGET: Duration = Duration::from_secs(4);

/// How long answers that depend on what controllers do may take to become those recorded.
const PATIENCE: Duration = Duration::from_millis(700);

struct Replay<'a> {
    server: ApiServer,
    mapping: Mapping,
    clients: BTreeMap<bool, Client>,
    admin: Option<String>,
    known: &'a List,
    /// The newest revision that our own requests explain.
    settled: u64,
    /// How much of the budget is left.
    budget: Duration,
}

/// Replays everything.
pub(crate) async fn run(known: &List) -> Vec<Outcome> {
    let server = ApiServer::start(options()).await.unwrap();
    let (identity, admin) = admin(&server);
    let clients = BTreeMap::from([
        (true, Client::new(&server.url(), server.ca_pem(), &identity)),
        (
            false,
            Client::new(
                &server.url(),
                server.ca_pem(),
                &Identity { certificate: None },
            ),
        ),
    ]);
    let mut replay = Replay {
        server,
        mapping: Mapping::default(),
        clients,
        admin,
        known,
        settled: 0,
        budget: BUDGET,
    };
    let mut outcomes = Vec::new();
    let commands = recording::commands();
    for act in actors::beginning(&commands) {
        replay.act(&act).await;
    }
    let stop = tokio_util::sync::CancellationToken::new();
    let cluster = replay.server.cluster().clone();
    let simulation = simulate::start(cluster, simulation_options(), &stop);
    for command in commands {
        replay.settle().await;
        let mut waited_out = false;
        for (index, request) in command.requests.iter().enumerate() {
            // A list of the future takes three seconds to be refused; kubectl asks ten times.
            let repeated = request.status() == 504;
            if repeated && waited_out {
                outcomes.push(outcome(&command, index, Vec::new()));
                continue;
            }
            waited_out |= repeated;
            outcomes.push(replay.one(&command, index, request).await);
        }
    }
    simulation.stop().await;
    replay.server.stop().await;
    outcomes
}

/// As in the recording, but faster.
fn simulation_options() -> SimulationOptions {
    let short = Duration::from_millis(5);
    let delays = Delays {
        start: short,
        complete: short,
        stop: short,
        ..Delays::default()
    };
    SimulationOptions {
        delays,
        ..SimulationOptions::nodes(3)
    }
}

fn options() -> ServerOptions {
    ServerOptions {
        name: "recorded".to_owned(),
        ..ServerOptions::default()
    }
}

/// The administrator's certificate, or token, as the kubeconfig has it.
fn admin(server: &ApiServer) -> (Identity, Option<String>) {
    let config: Value = serde_saphyr::from_str(&server.kubeconfig()).unwrap();
    let user = &config["users"][0]["user"];
    let decoded = |field: &str| {
        let text = user[field].as_str()?;
        base64::engine::general_purpose::STANDARD.decode(text).ok()
    };
    let token = user["token"].as_str().map(|t| format!("Bearer {t}"));
    match (
        decoded("client-certificate-data"),
        decoded("client-key-data"),
    ) {
        (Some(certificate), Some(key)) => (Identity::from_pem(&certificate, &key), token),
        _ => (Identity { certificate: None }, token),
    }
}

fn act_request(act: &Act, token: Option<&str>) -> http::Request<Full<Bytes>> {
    let mut builder = http::Request::builder().method(act.method).uri(&act.path);
    builder = builder
        .header("Host", "127.0.0.1")
        .header(
            "User-Agent",
            "kubectl/v1.32.5 (linux/amd64) kubernetes/recorded",
        )
        .header("Content-Type", act.content_type);
    if let Some(token) = token {
        builder = builder.header("Authorization", token);
    }
    builder
        .body(Full::new(Bytes::from(act.body.to_string())))
        .unwrap()
}

fn outcome(command: &Command, index: usize, differences: Vec<String>) -> Outcome {
    let request = &command.requests[index];
    let class = fidelity::classify(command, request, &differences);
    Outcome {
        key: format!("{}/{index}", command.number),
        command: command.text.clone(),
        request: format!("{} {}", request.method, request.path),
        differences,
        class,
    }
}

impl Replay<'_> {
    /// Waits until controllers have nothing to do: the recording has time between its commands, the replay has not.
    async fn settle(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = self.server.cluster().revision();
        if seen == self.settled {
            return;
        }
        let mut quiet = 0;
        while quiet < 3 && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(8)).await;
            let now = self.server.cluster().revision();
            quiet = if now == seen { quiet + 1 } else { 0 };
            seen = now;
        }
        self.settled = seen;
    }

    async fn one(&mut self, command: &Command, index: usize, request: &Request) -> Outcome {
        if request.is_upgrade() {
            let why = "a connection that is upgraded is not replayed".to_owned();
            return outcome(command, index, vec![why]);
        }
        let acts = actors::of(command, index);
        if request.events().is_none() {
            for act in &acts {
                self.act(act).await;
            }
        } else if !acts.is_empty() {
            self.meanwhile(acts);
        }
        let key = format!("{}/{index}", command.number);
        let begun = Instant::now();
        let deadline = begun + PATIENCE.min(self.budget);
        let mut differences = self.attempt(command, request).await;
        let stale = |d: &String| d.contains("ours 409") && d.contains("has been modified");
        if request.status() < 300 && differences.iter().any(stale) {
            self.catch_up(request).await;
            differences = self.attempt(command, request).await;
        }
        let repeatable = request.method == "GET" && request.events().is_none();
        while repeatable
            && !differences.is_empty()
            && !self.known.has(&key)
            && Instant::now() < deadline
        {
            tokio::time::sleep(Duration::from_millis(40)).await;
            differences = self.attempt(command, request).await;
        }
        if repeatable {
            self.budget = self.budget.saturating_sub(begun.elapsed());
        }
        if request.method != "GET" {
            self.settled = 0;
        }
        outcome(command, index, differences)
    }

    /// Controllers were faster than in the recording: reads what they made of the object, so that the next try fits.
    async fn catch_up(&mut self, request: &Request) {
        self.settle().await;
        let path = self.mapping.translate_path(&request.path);
        let path = path.split('?').next().unwrap_or_default().to_owned();
        let act = Act {
            method: "GET",
            path,
            content_type: "application/json",
            body: Value::Null,
        };
        let read = act_request(&act, self.admin.as_deref());
        let Ok(answer) = self.clients.get_mut(&true).unwrap().send(read).await else {
            return;
        };
        let answer = answer.value();
        let Some(current) = answer["metadata"]["resourceVersion"].as_str() else {
            return;
        };
        self.mapping
            .move_versions(&request.value["requestBody"], current);
    }

    /// Does what someone else did while the recording was made.
    async fn act(&mut self, act: &Act) {
        let request = act_request(act, self.admin.as_deref());
        let answer = self
            .clients
            .get_mut(&true)
            .unwrap()
            .send(request)
            .await
            .unwrap();
        if answer.status >= 300 && answer.status != 409 {
            println!(
                "{} {}: {} {}",
                act.method,
                act.path,
                answer.status,
                answer.value()
            );
        }
        self.settle().await;
    }

    /// The same during a watch.
    fn meanwhile(&self, acts: Vec<Act>) {
        let mut client = self.clients[&true].another();
        let admin = self.admin.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(80)).await;
            for act in acts {
                let _ = client.send(act_request(&act, admin.as_deref())).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    }

    async fn attempt(&mut self, command: &Command, request: &Request) -> Vec<String> {
        let ours = match self.build(command, request) {
            Ok(built) => self.send(command, request, built).await,
            Err(why) => Err(why),
        };
        match ours {
            Ok(answer) => self.judge(request, &answer),
            Err(why) => vec![format!("no answer: {why}")],
        }
    }

    async fn send(
        &mut self,
        command: &Command,
        request: &Request,
        built: http::Request<Full<Bytes>>,
    ) -> Result<Answer, String> {
        let certificate = command.user == "admin" && request.sent("Authorization").is_none();
        let client = self.clients.get_mut(&certificate).unwrap();
        match request.events() {
            None => client.send(built).await,
            Some(expected) => {
                let wanted = expected.len();
                let patience = if wanted == 0 {
                    Duration::from_millis(30)
                } else {
                    PATIENCE
                };
                client
                    .watch(built, |body| events(body).len() >= wanted, patience)
                    .await
            }
        }
    }

    fn build(
        &self,
        command: &Command,
        request: &Request,
    ) -> Result<http::Request<Full<Bytes>>, String> {
        let path = self.mapping.translate_path(&request.path);
        let mut builder = http::Request::builder()
            .method(request.method.as_str())
            .uri(path);
        builder = builder.header("Host", "127.0.0.1").header(
            "User-Agent",
            "kubectl/v1.32.5 (linux/amd64) kubernetes/recorded",
        );
        for (name, values) in request.sent_headers() {
            // Whether the index has changed within a second depends on how fast the replay is.
            let by_chance = name == "If-Modified-Since" && request.status() == 200;
            if name != "Transfer-Encoding" && !by_chance {
                for value in values {
                    builder = builder.header(name, self.mapping.translate_header(value));
                }
            }
        }
        if let (Some(token), None, "admin") = (
            &self.admin,
            request.sent("Authorization"),
            command.user.as_str(),
        ) {
            builder = builder.header("Authorization", token);
        }
        let body = match request.body() {
            Body::Nothing => Vec::new(),
            Body::Text(text) => self.mapping.translate(&text).into_bytes(),
            Body::Json(mut value) => {
                self.mapping.translate_value(&mut value);
                value.to_string().into_bytes()
            }
            Body::Protobuf { bytes, json } => {
                let mut value = json.clone();
                self.mapping.translate_value(&mut value);
                if value == json {
                    bytes
                } else {
                    navarch_sandbox::proto::encode(&value).map_err(|e| e.to_string())?
                }
            }
        };
        builder
            .body(Full::new(Bytes::from(body)))
            .map_err(|e| e.to_string())
    }

    fn judge(&mut self, request: &Request, answer: &Answer) -> Vec<String> {
        let mut differences = Vec::new();
        let index = request.path.starts_with("/openapi/v3?") || request.path == "/openapi/v3";
        if answer.status != request.status() && !(index && [200, 304].contains(&answer.status)) {
            let message = answer.value()["message"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            differences.push(format!(
                "status: recorded {}, ours {} {message}",
                request.status(),
                answer.status
            ));
            return differences;
        }
        for name in [
            "Content-Type",
            "Warning",
            "Retry-After",
            "X-Content-Type-Options",
            "Cache-Control",
            "Allow",
            "Content-Encoding",
        ] {
            let (recorded, ours) = (request.answered(name), answer.header(name));
            if recorded != ours
                && !(index && answer.status == 304)
                && !(index && request.status() == 304)
            {
                differences.push(format!(
                    "header {name}: recorded {recorded:?}, ours {ours:?}"
                ));
            }
        }
        for name in ["Etag", "Last-Modified"] {
            let (recorded, ours) = (request.answered(name), answer.header(name));
            if recorded.len() != ours.len() {
                differences.push(format!(
                    "header {name}: recorded {recorded:?}, ours {ours:?}"
                ));
            }
            self.mapping.learn_header(&recorded, &ours);
        }
        if request.status() == 304 || answer.status == 304 {
            return differences;
        }
        self.judge_body(request, answer, differences)
    }

    fn judge_body(
        &mut self,
        request: &Request,
        answer: &Answer,
        differences: Vec<String>,
    ) -> Vec<String> {
        let mut comparison = Comparison {
            mapping: &mut self.mapping,
            differences,
        };
        if let Some(recorded) = request.events() {
            let ours = answer.events();
            let kinds = |events: &[Value]| {
                events
                    .iter()
                    .map(|e| e["type"].to_string())
                    .collect::<Vec<_>>()
                    .join(" ")
            };
            if kinds(recorded) != kinds(&ours) {
                comparison.differences.push(format!(
                    "events: recorded {}, ours {}",
                    kinds(recorded),
                    kinds(&ours)
                ));
            }
            for (number, (a, b)) in recorded.iter().zip(&ours).enumerate() {
                comparison.compare(&format!("event {number} "), a, b);
            }
        } else if let Some(recorded) = request.answer() {
            comparison.compare("", &recorded, &answer.value());
        }
        comparison.differences
    }
}
