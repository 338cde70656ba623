//! Sends the steps of an area to a server.

use crate::answer;
use crate::client::{Answer, Client};
use crate::server::Server;
use crate::set;
use crate::steps::{Area, Memory, Step, Until};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What was answered to a step.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Answered {
    pub(crate) name: String,
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    /// The body as JSON, or as text; of a watch the list of its events.
    pub(crate) body: Value,
}

impl Answered {
    /// A place of the body. Of a recorded answer only the compared places may be left, by their pointers.
    pub(crate) fn at(&self, pointer: &str) -> Option<&Value> {
        self.body
            .get(pointer)
            .or_else(|| self.body.pointer(pointer))
    }

    /// Keeps of the body what is compared: documents are large.
    pub(crate) fn keep(&mut self, only: &[String]) {
        if only.is_empty() || self.status >= 400 {
            return;
        }
        let kept = only
            .iter()
            .filter_map(|p| Some((p.clone(), self.at(p)?.clone())));
        self.body = Value::Object(kept.collect());
    }
}

/// Headers that say something about the answer and not about the connection.
const HEADERS: [&str; 8] = [
    "allow",
    "cache-control",
    "content-encoding",
    "content-type",
    "location",
    "retry-after",
    "warning",
    "x-content-type-options",
];

/// How long a state is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

struct Connections {
    administrator: Client,
    anonymous: Client,
}

/// All answers of an area, in the order of its steps.
pub(crate) async fn area(server: &Server, area: &Area) -> Vec<Answered> {
    let mut connections = Connections {
        administrator: server.administrator(),
        anonymous: server.anonymous(),
    };
    clean(&mut connections.administrator, area).await;
    prepare(&mut connections.administrator, area).await;
    let mut memory = Memory::of(area);
    let mut answers = Vec::new();
    for step in &area.steps {
        let asked = Instant::now();
        let answered = waited(&mut connections, &memory, area, step).await;
        for (name, pointer) in &step.remember {
            let value = answered.body.pointer(pointer);
            // An answer of another kind shows itself in the comparison.
            let text = value.map_or_else(|| "missing".to_owned(), text_of);
            memory.put(name, &text);
        }
        if set("NAVARCH_CORPUS_SHOW") {
            let took = asked.elapsed().as_millis();
            println!(
                "{}: {took} ms: {} {}",
                step.name, answered.status, answered.body
            );
        }
        answers.push(answered);
    }
    clean(&mut connections.administrator, area).await;
    answers
}

fn text_of(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

async fn waited(
    connections: &mut Connections,
    memory: &Memory,
    area: &Area,
    step: &Step,
) -> Answered {
    let started = Instant::now();
    loop {
        let answered = once(connections, memory, step).await;
        let answered =
            answered.unwrap_or_else(|error| panic!("{}/{}: {error}", area.name, step.name));
        let done = step.until.as_ref().is_none_or(|u| holds(u, &answered));
        if done || started.elapsed() > PATIENCE {
            return answered;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

fn holds(until: &Until, answered: &Answered) -> bool {
    let status = until.status.is_none_or(|s| s == answered.status);
    let at = until.at.as_ref().is_none_or(|pointer| {
        let found = answered.body.pointer(pointer).unwrap_or(&Value::Null);
        *found == until.is
    });
    status && at
}

async fn once(
    connections: &mut Connections,
    memory: &Memory,
    step: &Step,
) -> Result<Answered, String> {
    let client = if step.anonymous {
        &mut connections.anonymous
    } else {
        &mut connections.administrator
    };
    let answer = match step.events {
        Some(wanted) => {
            let mut open = client.watch(request(memory, step)).await?;
            let begun = Instant::now();
            let patience = Duration::from_secs(10);
            while answer::events(&open.answer.body).len() < wanted && !open.ended {
                open.more(patience.saturating_sub(begun.elapsed())).await;
                open.take();
                if begun.elapsed() >= patience {
                    break;
                }
            }
            open.answer
        }
        None => client.send(request(memory, step)).await?,
    };
    let headers = HEADERS.iter().filter_map(|name| {
        let values = answer.header(name);
        (!values.is_empty()).then(|| ((*name).to_owned(), values.join("\n")))
    });
    Ok(Answered {
        name: step.name.clone(),
        status: answer.status,
        headers: headers.collect(),
        body: match step.events {
            // How many more came with the last piece is chance.
            Some(wanted) if answer.status == 200 => {
                Value::Array(answer.events().into_iter().take(wanted).collect())
            }
            _ => answer.value(),
        },
    })
}

fn request(memory: &Memory, step: &Step) -> Request<Full<Bytes>> {
    let mut request = Request::builder()
        .method(step.method())
        .uri(memory.fill(step.path()))
        .header("host", "127.0.0.1")
        .header("user-agent", "corpus/1");
    if !step.headers.contains_key("accept") {
        request = request.header("accept", "application/json");
    }
    for (name, value) in &step.headers {
        request = request.header(name, memory.fill(value));
    }
    let body = match (&step.body, &step.text) {
        (Some(body), _) => memory.fill(&body.to_string()),
        (None, Some(text)) => memory.fill(text),
        (None, None) => String::new(),
    };
    if !body.is_empty() {
        request = request.header("content-type", step.media_type());
    }
    request.body(Full::from(body)).unwrap()
}

/// A request of the runner's own.
async fn ask(client: &mut Client, method: &str, path: &str, body: &Value) -> Answer {
    let text = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "127.0.0.1")
        .header(
            "content-type",
            if method == "PATCH" {
                "application/merge-patch+json"
            } else {
                "application/json"
            },
        )
        .body(Full::from(text))
        .unwrap();
    client.send(request).await.unwrap()
}

/// Makes the namespaces and waits until all is there that a new namespace gets.
async fn prepare(client: &mut Client, area: &Area) {
    for namespace in &area.namespaces {
        let body = json!({"metadata": {"name": namespace}});
        let answer = ask(client, "POST", "/api/v1/namespaces", &body).await;
        assert_eq!(answer.status, 201, "{namespace}: {}", answer.value());
        let parts = ["serviceaccounts/default", "configmaps/kube-root-ca.crt"];
        for path in parts.map(|part| format!("/api/v1/namespaces/{namespace}/{part}")) {
            await_status(client, &path, 200).await;
        }
    }
}

/// Deletes all that an area may have made, and waits until it is gone.
async fn clean(client: &mut Client, area: &Area) {
    let namespaces = area.namespaces.iter();
    let namespaces = namespaces.map(|n| format!("/api/v1/namespaces/{n}"));
    let paths: Vec<String> = area.also.iter().cloned().chain(namespaces).collect();
    let now = json!({"propagationPolicy": "Background", "gracePeriodSeconds": 0});
    for path in &paths {
        ask(client, "DELETE", path, &now).await;
        release(client, path).await;
    }
    for path in &paths {
        await_status(client, path, 404).await;
    }
}

/// Kinds whose objects the steps give finalizers, or a real server gives them.
const HELD: [&str; 4] = [
    "configmaps",
    "podtemplates",
    "replicationcontrollers",
    "persistentvolumeclaims",
];

/// Takes away the finalizers that would hold something.
async fn release(client: &mut Client, path: &str) {
    let free = json!({"metadata": {"finalizers": null}});
    if !path.starts_with("/api/v1/namespaces/") {
        if !path.contains("customresourcedefinitions") {
            ask(client, "PATCH", path, &free).await;
        }
        return;
    }
    for kind in HELD {
        let all = format!("{path}/{kind}");
        let list = ask(client, "GET", &all, &Value::Null).await.value();
        let items = list["items"].as_array().cloned().unwrap_or_default();
        for name in items.iter().filter_map(|i| i["metadata"]["name"].as_str()) {
            ask(client, "PATCH", &format!("{all}/{name}"), &free).await;
        }
    }
}

async fn await_status(client: &mut Client, path: &str, status: u16) {
    let started = Instant::now();
    loop {
        let answer = ask(client, "GET", path, &Value::Null).await;
        if answer.status == status {
            return;
        }
        let late = started.elapsed() > PATIENCE;
        assert!(!late, "{path} does not answer {status}: {}", answer.value());
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}
