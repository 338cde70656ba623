//! Asking plugins: one client a configuration, bounded in calls, time and size, and decisions run until nothing is
//! wanted any more. Nothing is followed to where no administrator pointed, nothing is tried twice within a decision,
//! and no body is ever logged. Dropping the work at any point leaves nothing behind.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderValue, Request, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use jiff::Timestamp;
use kube::client::ConfigExt;
use navarch_crds::names::ClusterName;
use navarch_crds::v1alpha1::FederatedCluster;
use navarch_scheduler::plugins::webhook::{Answer, Answered, Answers, Ask, Question};
use navarch_scheduler::profile::Profile;
use navarch_scheduler::snapshot::Snapshot;
use navarch_scheduler::unit::Unit;
use navarch_scheduler::verdict::PluginError;
use navarch_scheduler::{Broken, Decision, schedule};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::answer;
use super::configuration::{Configuration, ConfigurationError, Point, Security, Version};
use super::desk::Webhooks;
use super::payload::{self, UnitTexts};
use crate::runtime::key::Key;
use crate::runtime::metrics::Metrics;
use crate::runtime::shutdown::caught;

/// Calls to one plugin at once, whatever they are about: a server that answers in 10 ms then decides about 1,600
/// clusters in a second, and one that hangs is not piled up upon.
const CALLS_MAX: usize = 16;
/// The largest answer: the names of ten thousand clusters with reasons fit in.
const ANSWER_BYTES: usize = 4 << 20;
/// Connecting may take no longer, even where an administrator allows calls more time.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an unused connection is kept, as Go's client does.
const IDLE: Duration = Duration::from_secs(90);
/// Each round answers all that was wanted; there are as many as plugins at the points, and nobody has so many.
const ROUNDS_MAX: usize = 64;

type HttpClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Why a plugin gave no answer.
#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error("it did not answer within {0:?}")]
    TimedOut(Duration),
    #[error("it cannot be reached ({0})")]
    Unreachable(String),
    #[error("the connection broke while it answered ({0})")]
    Broken(String),
    #[error("it answered with status {0}; only 200 is an answer")]
    Status(u16),
    #[error(
        "it redirects (status {0}), which is not followed: write the final address into urlPrefix"
    )]
    Redirect(u16),
    #[error("its answer is larger than {ANSWER_BYTES} bytes")]
    TooLarge,
    #[error("the webhook has no {0}: add it, or do not enable the plugin there")]
    NoPath(&'static str),
    #[error("the question cannot be written")]
    Question,
}

/// A configured plugin.
pub(crate) struct Webhook {
    pub(crate) name: Arc<str>,
    /// Tells configurations of one name apart.
    pub(crate) revision: u64,
    /// What of the configuration can change a decision.
    pub(crate) bearing: Arc<str>,
    usable: Result<Usable, ConfigurationError>,
}

struct Usable {
    configuration: Configuration,
    client: HttpClient,
    permits: Semaphore,
    authorization: Option<HeaderValue>,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let usable = self.usable.as_ref().map(|usable| &usable.configuration);
        out.debug_struct("Webhook")
            .field("name", &self.name)
            .field("revision", &self.revision)
            .field("usable", &usable)
            .finish_non_exhaustive()
    }
}

impl Webhook {
    /// Prepares a plugin; nothing is sent. One that cannot be used fails every decision that asks it.
    pub(crate) fn new(
        name: &str,
        revision: u64,
        bearing: Arc<str>,
        configuration: Result<Configuration, ConfigurationError>,
    ) -> Self {
        let usable = configuration.and_then(|configuration| {
            let client = client(&configuration)?;
            let basic = configuration.prefix.basic.as_ref();
            let authorization = basic
                .and_then(|basic| HeaderValue::from_str(&format!("Basic {basic}")).ok())
                .map(|mut value| {
                    value.set_sensitive(true);
                    value
                });
            Ok(Usable {
                configuration,
                client,
                permits: Semaphore::new(CALLS_MAX),
                authorization,
            })
        });
        Self {
            name: name.into(),
            revision,
            bearing,
            usable,
        }
    }

    /// Why it cannot be used, if so.
    pub(crate) fn problem(&self) -> Option<&ConfigurationError> {
        self.usable.as_ref().err()
    }
}

impl Usable {
    async fn post(
        &self,
        point: Point,
        body: impl FnOnce() -> Option<String>,
    ) -> Result<Bytes, CallError> {
        let url = self.configuration.url(point);
        let url = url.ok_or(CallError::NoPath(point.field()))?.clone();
        let Ok(_permit) = self.permits.acquire().await else {
            return Err(CallError::Question);
        };
        let body = body().ok_or(CallError::Question)?;
        // KubeAdmiral's headers, so that a server that looks at them answers.
        let mut request = Request::post(url)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, "kubeadmiral-scheduler");
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let request = request
            .body(Full::new(Bytes::from(body)))
            .map_err(|_error| CallError::Question)?;
        let limit = self.configuration.timeout;
        tokio::time::timeout(limit, self.answer(request))
            .await
            .map_err(|_error| CallError::TimedOut(limit))?
    }

    async fn answer(&self, request: Request<Full<Bytes>>) -> Result<Bytes, CallError> {
        let response = self.client.request(request).await;
        let response = response.map_err(|error| CallError::Unreachable(causes(&error)))?;
        let status = response.status();
        if status.is_redirection() {
            return Err(CallError::Redirect(status.as_u16()));
        }
        if status != http::StatusCode::OK {
            return Err(CallError::Status(status.as_u16()));
        }
        match Limited::new(response.into_body(), ANSWER_BYTES)
            .collect()
            .await
        {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(CallError::TooLarge),
            Err(error) => Err(CallError::Broken(causes(error.as_ref()))),
        }
    }
}

/// What is below an error: its own text only says in which step it happened.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut texts = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    // Wrappers often repeat what they wrap.
    texts.dedup();
    texts.pop().unwrap_or_else(|| error.to_string())
}

fn client(configuration: &Configuration) -> Result<HttpClient, ConfigurationError> {
    let Security {
        insecure,
        server_name,
        authorities,
        identity,
    } = configuration.security.clone();
    let wrong = |field, problem: String| ConfigurationError::Tls { field, problem };
    // The rules of client-go for certificates are kube's, too; its address plays no part here.
    let mut tls = kube::Config::new(http::Uri::from_static("https://localhost"));
    tls.accept_invalid_certs = insecure;
    tls.root_cert = authorities;
    if let Some((certificate, key)) = identity {
        tls.auth_info.client_certificate_data = Some(certificate);
        tls.auth_info.client_key_data = Some(key.into());
    }
    let mut tls = tls
        .rustls_client_config()
        // The cause could hold a part of a key.
        .map_err(|_error| {
            wrong(
                "certData",
                "certificate, key or authorities cannot be used".to_owned(),
            )
        })?;
    // hyper-rustls sets the protocols itself and asserts that nobody did before.
    tls.alpn_protocols.clear();
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT));
    let mut https = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http();
    if let Some(name) = server_name {
        let fixed = rustls::pki_types::ServerName::try_from(name)
            .map_err(|error| wrong("serverName", error.to_string()))?;
        https = https.with_server_name_resolver(hyper_rustls::FixedServerNameResolver::new(fixed));
    }
    Ok(Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(CALLS_MAX)
        .build(https.enable_all_versions().wrap_connector(tcp)))
}

/// A decision that needs answers.
pub(crate) struct Consultation {
    pub(crate) unit: Unit,
    pub(crate) texts: UnitTexts,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) profile: Profile,
    pub(crate) answers: Answers,
    pub(crate) hooks: BTreeMap<Arc<str>, Arc<Webhook>>,
    pub(crate) clusters: BTreeMap<ClusterName, Arc<FederatedCluster>>,
    pub(crate) now: Timestamp,
    pub(crate) metrics: Arc<Metrics>,
}

/// Questions that one call answers.
struct Call {
    hook: Arc<str>,
    point: Point,
    questions: Vec<Question>,
}

/// Runs a consultation in a task of its own, and hands its outcome to the desk.
pub(super) fn start(
    desk: &Webhooks,
    key: &Key,
    number: u64,
    consultation: Consultation,
    stop: CancellationToken,
) {
    let (desk_of_task, key) = (desk.clone(), key.clone());
    desk.tasks().spawn(async move {
        let outcome = tokio::select! {
            () = stop.cancelled() => return,
            outcome = caught(run(Arc::new(consultation))) => outcome,
        };
        let outcome = outcome.unwrap_or_else(|panic| Err(failed("webhooks", None, panic)));
        desk_of_task.finish(&key, number, outcome);
    });
}

/// Decides, asks what is wanted, decides again.
async fn run(consultation: Arc<Consultation>) -> Result<Decision, Broken> {
    for _ in 0..ROUNDS_MAX {
        let Consultation {
            unit,
            snapshot,
            profile,
            now,
            ..
        } = &*consultation;
        let outcome = schedule(unit, snapshot, profile, *now);
        let wanted = consultation.answers.wanted();
        if wanted.is_empty() {
            return outcome;
        }
        ask(&consultation, wanted).await?;
    }
    let why = format!("there were still questions after {ROUNDS_MAX} rounds");
    Err(failed("webhooks", None, why))
}

/// Gets all these answers. The first failure, in the order of plugins and clusters, ends it: nothing could be decided
/// any more, and what is told is the same at every attempt.
async fn ask(consultation: &Arc<Consultation>, wanted: Vec<Question>) -> Result<(), Broken> {
    let calls = calls(consultation, wanted).into_iter();
    let answers = calls.map(|call| answer_of(Arc::clone(consultation), call));
    let mut answers = futures::stream::iter(answers).buffered(CALLS_MAX);
    while let Some(answered) = answers.next().await {
        for (question, answer) in answered {
            if let Err(error) = answer {
                let cluster = match &question.ask {
                    Ask::Filter(cluster) | Ask::Score(cluster) => Some(cluster.as_str().to_owned()),
                    Ask::Select(_) => None,
                };
                return Err(Broken {
                    plugin: question.plugin.to_string(),
                    cluster,
                    error,
                });
            }
            consultation.answers.put(question, answer);
        }
    }
    Ok(())
}

fn calls(consultation: &Consultation, wanted: Vec<Question>) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    for question in wanted {
        let point = match question.ask {
            Ask::Filter(_) => Point::Filter,
            Ask::Score(_) => Point::Score,
            Ask::Select(_) => Point::Select,
        };
        let hook = Arc::clone(&question.plugin);
        let usable = consultation.hooks.get(&hook).map(|hook| &hook.usable);
        let batched = match usable {
            Some(Ok(usable)) => usable.configuration.version == Version::Batched,
            // One error is enough.
            Some(Err(_)) | None => true,
        };
        match calls.last_mut() {
            Some(call) if batched && call.hook == hook && call.point == point => {
                call.questions.push(question);
            }
            _ => calls.push(Call {
                hook,
                point,
                questions: vec![question],
            }),
        }
    }
    calls
}

async fn answer_of(consultation: Arc<Consultation>, call: Call) -> Vec<(Question, Answered)> {
    let started = tokio::time::Instant::now();
    let answered = asked(&consultation, &call).await;
    consultation.metrics.webhook_called(
        &call.hook,
        call.point.name(),
        answered.is_ok(),
        started.elapsed(),
    );
    tracing::debug!(
        webhook = &*call.hook,
        point = call.point.field(),
        questions = call.questions.len(),
        took = ?started.elapsed(),
        failed = answered.is_err(),
        "a webhook was asked"
    );
    let questions = call.questions.into_iter();
    match answered {
        Ok(answers) => questions.zip(answers.into_iter().map(Ok)).collect(),
        Err(error) => questions
            .map(|question| (question, Err(PluginError(error.clone()))))
            .collect(),
    }
}

/// The answers in the order of the questions.
async fn asked(consultation: &Consultation, call: &Call) -> Result<Vec<Answer>, String> {
    let hook = consultation.hooks.get(&call.hook);
    let hook = hook.ok_or_else(|| "its configuration is gone".to_owned())?;
    let usable = hook.usable.as_ref().map_err(ToString::to_string)?;
    let version = usable.configuration.version;
    let body = usable
        .post(call.point, || body(consultation, call, version))
        .await
        .map_err(|error| error.to_string())?;
    read(call, version, &body).map_err(|error| error.to_string())
}

fn read(call: &Call, version: Version, body: &[u8]) -> Result<Vec<Answer>, answer::AnswerError> {
    match (call.point, version) {
        (Point::Select, _) => Ok(vec![answer::chosen(body)?]),
        (Point::Filter, Version::PerCluster) => Ok(vec![answer::filter_one(body)?]),
        (Point::Score, Version::PerCluster) => Ok(vec![answer::score_one(body)?]),
        (point, Version::Batched) => {
            let names: Vec<&str> = call.questions.iter().filter_map(cluster_of).collect();
            let mut answers = if point == Point::Filter {
                answer::filter_all(body, &names)?
            } else {
                answer::score_all(body, &names)?
            };
            let taken = names.iter().filter_map(|name| answers.remove(*name));
            Ok(taken.collect())
        }
    }
}

fn cluster_of(question: &Question) -> Option<&str> {
    match &question.ask {
        Ask::Filter(cluster) | Ask::Score(cluster) => Some(cluster.as_str()),
        Ask::Select(_) => None,
    }
}

/// The body of a call; made when it is sent, so that calls that wait hold no text.
fn body(consultation: &Consultation, call: &Call, version: Version) -> Option<String> {
    let unit = consultation.texts.of(&consultation.unit, version)?;
    let text = |name: &ClusterName| {
        let cluster = consultation.clusters.get(name)?;
        payload::cluster(cluster, version).ok()
    };
    let first = call.questions.first()?;
    match (&first.ask, version) {
        (Ask::Select(asked), _) => {
            let texts: Option<Vec<String>> = asked.iter().map(|(name, _)| text(name)).collect();
            let texts = texts?;
            let scores = asked.iter().map(|(_, score)| *score);
            let scored = texts.iter().map(String::as_str).zip(scores);
            Some(payload::choice(version, unit, scored))
        }
        (Ask::Filter(name) | Ask::Score(name), Version::PerCluster) => {
            Some(payload::about_one(unit, &text(name)?))
        }
        (Ask::Filter(_) | Ask::Score(_), Version::Batched) => {
            let texts: Option<Vec<String>> = call
                .questions
                .iter()
                .map(|question| match &question.ask {
                    Ask::Filter(name) | Ask::Score(name) => text(name),
                    Ask::Select(_) => None,
                })
                .collect();
            let texts = texts?;
            Some(payload::about_all(unit, texts.iter().map(String::as_str)))
        }
    }
}

fn failed(plugin: &str, cluster: Option<String>, why: String) -> Broken {
    Broken {
        plugin: plugin.to_owned(),
        cluster,
        error: PluginError(why),
    }
}

#[cfg(test)]
#[path = "io_tests.rs"]
mod tests;
