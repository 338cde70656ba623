//! The replay itself: a fresh server, all recorded requests in order, each answer compared.

use crate::actors::{self, Act};
use crate::answer::events;
use crate::client::{Answer, Client, Identity};
use crate::compare::Comparison;
use crate::fidelity;
use crate::mapping::{Mapping, object_of, put_times};
use crate::pace;
use crate::recording::{self, Body, Command, Request};
use base64::Engine;
use bytes::Bytes;
use http_body_util::Full;
use navarch_sandbox::server::{ApiServer, ServerOptions};
use navarch_sandbox::simulate::{Delays, SimulationOptions, Stepper};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

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

/// How long bytes that are on their way may take to come.
const PATIENCE: Duration = Duration::from_secs(2);

pub(crate) struct Replay {
    pub(crate) server: ApiServer,
    pub(crate) mapping: Mapping,
    pub(crate) stepper: Stepper,
    /// Since when, in recorded time, controllers may have something to do about a change.
    pub(crate) open_since: Option<Duration>,
    /// When the last request was sent, in recorded time.
    pub(crate) last: Duration,
    clients: BTreeMap<bool, Client>,
    admin: Option<String>,
}

/// Replays everything.
pub(crate) async fn run() -> Vec<Outcome> {
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
    let commands = recording::commands();
    let nobody = SimulationOptions::nodes(0);
    let mut replay = Replay {
        stepper: Stepper::new(server.cluster().clone(), nobody),
        server,
        mapping: Mapping::default(),
        last: Duration::ZERO,
        open_since: None,
        clients,
        admin,
    };
    let mut outcomes = Vec::new();
    for act in actors::beginning(&commands) {
        replay.act(&act).await;
    }
    replay.stepper = Stepper::new(replay.server.cluster().clone(), simulation_options());
    for command in commands {
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
    replay.server.stop().await;
    outcomes
}

/// As in the recording: pods run, and those of Jobs end, 1.2 s after their creation timestamp, and do not say before that
/// they are being started.
fn simulation_options() -> SimulationOptions {
    let delays = Delays {
        start: Duration::from_millis(1_200),
        from_whole_second: true,
        worth_telling: Duration::MAX,
        complete: Duration::ZERO,
        stop: Duration::ZERO,
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

impl Replay {
    async fn one(&mut self, command: &Command, index: usize, request: &Request) -> Outcome {
        if request.is_upgrade() {
            let why = "a connection that is upgraded is not replayed".to_owned();
            return outcome(command, index, vec![why]);
        }
        self.catch_up(request.at).await;
        let acts = actors::of(command, index);
        if request.events().is_some() {
            let differences = self.watch(command, request, acts).await;
            return outcome(command, index, differences);
        }
        for act in &acts {
            self.act(act).await;
        }
        let read = request.method == "GET";
        if !read {
            self.reach(request).await;
        }
        let before = self.mapping.clone();
        let mut differences = self.attempt(command, request).await;
        let latest = request.at + pace::AHEAD;
        let page = fidelity::is_page(&request.path);
        let moves = read && !page && pace::moves(&request.path);
        while moves && !differences.is_empty() && self.next_state(latest).await {
            self.mapping = before.clone();
            differences = self.attempt(command, request).await;
        }
        if page {
            let why = "which pods are on a page depends on the names that the server makes up";
            differences.push(why.to_owned());
        }
        if !differences.is_empty() {
            self.mapping.forget_versions(before);
        }
        if !read {
            self.open_since.get_or_insert(request.at);
        }
        self.settle().await;
        outcome(command, index, differences)
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

    /// Asks, and compares.
    async fn attempt(&mut self, command: &Command, request: &Request) -> Vec<String> {
        let answer = match self.ask(command, request).await {
            Ok(answer) => answer,
            Err(why) => return vec![format!("no answer: {why}")],
        };
        self.judge(request, &answer)
    }

    async fn ask(&mut self, command: &Command, request: &Request) -> Result<Answer, String> {
        let live = match request.method.as_str() {
            "PUT" => {
                let path = self.mapping.translate_path(object_of(&request.path));
                Some(self.peek(&path).await)
            }
            _ => None,
        };
        let built = self.build(command, request, live.as_ref())?;
        let certificate = command.user == "admin" && request.sent("Authorization").is_none();
        self.clients
            .get_mut(&certificate)
            .unwrap()
            .send(built)
            .await
    }

    /// An object as it is now, read by the administrator.
    pub(crate) async fn peek(&mut self, path: &str) -> Value {
        let act = Act {
            method: "GET",
            path: path.to_owned(),
            content_type: "application/json",
            body: Value::Null,
        };
        let read = act_request(&act, self.admin.as_deref());
        let answer = self.clients.get_mut(&true).unwrap().send(read).await;
        answer.map_or(Value::Null, |answer| answer.value())
    }

    /// Opens a watch, lets happen what happened during it, and compares what it tells.
    async fn watch(&mut self, command: &Command, request: &Request, acts: Vec<Act>) -> Vec<String> {
        let built = match self.build(command, request, None) {
            Ok(built) => built,
            Err(why) => return vec![format!("no request: {why}")],
        };
        let certificate = command.user == "admin" && request.sent("Authorization").is_none();
        let mut open = match self.clients[&certificate].watch(built).await {
            Ok(open) => open,
            Err(why) => return vec![format!("no answer: {why}")],
        };
        let wanted = request.events().map_or(0, Vec::len);
        let mut acts = acts.into_iter();
        let mut told = 0;
        loop {
            self.settle().await;
            open.take();
            let now = events(&open.answer.body).len();
            let more = std::mem::replace(&mut told, now) != now;
            if more && now >= wanted && self.tells(request, &open.answer) {
                break;
            }
            if let Some(act) = acts.next() {
                self.act(&act).await;
                // What follows from it at once had followed before the next.
                while self.next_state(request.at).await {
                    open.take();
                }
            } else if !self.next_state(request.until).await {
                break;
            }
        }
        while told < wanted && !open.ended {
            let before = open.answer.body.len();
            open.more(PATIENCE).await;
            told = events(&open.answer.body).len();
            if open.answer.body.len() == before {
                break;
            }
        }
        self.judge(request, &open.answer)
    }

    fn tells(&mut self, request: &Request, answer: &Answer) -> bool {
        let before = self.mapping.clone();
        let alike = self.judge(request, answer).is_empty();
        self.mapping = before;
        alike
    }

    fn build(
        &self,
        command: &Command,
        request: &Request,
        live: Option<&Value>,
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
                if let Some(live) = live {
                    put_times(&mut value, live);
                }
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
