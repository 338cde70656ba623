//! Faults from outside: a Unix socket on which the faults of running servers are ordered, listed and mended. One line of
//! JSON asks, one answers. Only for its owner: the socket's folder says who may reach it.

use crate::faults::{Fault, Matching, Rule, RuleId, VERBS};
use crate::server::ApiServer;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

/// The socket's name in a sandbox's folder.
pub const SOCKET: &str = "faults.sock";

/// What goes wrong, as it is ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// Requests wait so many milliseconds first.
    Delay(u64),
    /// This status code is answered and nothing done.
    Status(u16),
    /// The connection is reset and nothing done.
    Reset,
    /// The request is done, and the connection reset instead of an answer.
    LoseAnswer,
    /// Watches end after so many events.
    CutWatch(usize),
    /// Lists are answered as of now, whatever happens later.
    StaleList,
    /// Nobody reaches the server; its data stays.
    Partition,
}

/// Which requests a fault strikes; absent fields match all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Selection {
    /// Verb as in the request log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verb: Option<String>,
    /// Plural resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Subresource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subresource: Option<String>,
    /// Namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How often; absent: until it is mended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
}

/// What is asked on the socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Something is to go wrong.
    Add {
        /// At this server.
        server: String,
        /// What.
        fault: FaultKind,
        /// For which requests.
        #[serde(default)]
        when: Selection,
    },
    /// What goes wrong.
    List,
    /// It is to end: one rule, all of a server, or everything.
    Mend {
        /// The server; absent: all.
        server: Option<String>,
        /// The rule; absent: all.
        id: Option<u64>,
    },
}

/// One fault in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InForce {
    /// The server.
    pub server: String,
    /// The rule's number; a partition has none.
    pub id: Option<u64>,
    /// What goes wrong.
    pub fault: FaultKind,
    /// For which requests; `times` is how often still.
    pub when: Selection,
}

/// What is answered: the faults in force after the order, or why it was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// The faults in force.
    Faults(Vec<InForce>),
    /// What was wrong with the order.
    Refused(String),
}

/// Why faults cannot be ordered.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The socket cannot be made.
    #[error("cannot listen for orders on {path}: {source}; a socket's path has at most 107 characters", path = path.display())]
    Listen {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Nobody listens.
    #[error("no sandbox listens on {path}: {source}", path = path.display())]
    Reach {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The answer is none.
    #[error("the sandbox on {path} did not answer as a sandbox does; is it of another version?", path = path.display())]
    Answer {
        /// Where.
        path: PathBuf,
    },
    /// The order cannot be carried out.
    #[error("{0}")]
    Refused(String),
}

/// A server whose faults can be ordered.
#[derive(Debug, Clone)]
pub struct Handle {
    shared: Arc<crate::server::Shared>,
}

impl From<&ApiServer> for Handle {
    fn from(server: &ApiServer) -> Self {
        Self {
            shared: server.shared(),
        }
    }
}

impl Handle {
    fn add(&self, fault: &FaultKind, when: &Selection) -> Result<(), String> {
        if *fault == FaultKind::Partition {
            if *when != Selection::default() {
                return Err(
                    "a partition cuts everything off: it takes no verb, resource or count".into(),
                );
            }
            self.shared.partition.send_replace(true);
            return Ok(());
        }
        self.check(fault, when)?;
        let matching = Matching {
            verb: when.verb.clone().or_else(|| own_verb(fault)),
            resource: when.resource.clone(),
            subresource: when.subresource.clone(),
            namespace: when.namespace.clone(),
            name: when.name.clone(),
            times: when.times,
        };
        let fault = match fault {
            FaultKind::Delay(milliseconds) => Fault::Delay(Duration::from_millis(*milliseconds)),
            FaultKind::Status(code) => Fault::Status(*code),
            FaultKind::LoseAnswer => Fault::LoseAnswer,
            FaultKind::CutWatch(events) => Fault::CutWatch(*events),
            FaultKind::StaleList => Fault::StaleList(self.shared.cluster.revision()),
            FaultKind::Reset | FaultKind::Partition => Fault::Reset,
        };
        self.shared.faults.add(matching, fault);
        Ok(())
    }

    fn check(&self, fault: &FaultKind, when: &Selection) -> Result<(), String> {
        if let Some(verb) = when.verb.as_deref().filter(|v| !VERBS.contains(v)) {
            let known = VERBS.join(", ");
            return Err(format!("there is no verb {verb:?}; there are {known}"));
        }
        if let (Some(own), Some(verb)) = (own_verb(fault), &when.verb)
            && own != *verb
        {
            return Err(format!(
                "this fault strikes the verb {own} only, not {verb}"
            ));
        }
        let resources = self.shared.cluster.registry().resources();
        if let Some(resource) = &when.resource
            && !resources.iter().any(|info| info.plural == *resource)
        {
            return Err(format!(
                "{} has no resource {resource:?}; resources are named in the plural, as `kubectl api-resources` lists them",
                self.shared.name
            ));
        }
        match fault {
            FaultKind::Status(code) if !(400..600).contains(code) => Err(format!(
                "status {code} is no error: it must be from 400 to 599"
            )),
            _ => Ok(()),
        }
    }

    fn in_force(&self) -> Vec<InForce> {
        let server = &self.shared.name;
        let mut found: Vec<InForce> = Vec::new();
        if *self.shared.partition.borrow() {
            found.push(InForce {
                server: server.clone(),
                id: None,
                fault: FaultKind::Partition,
                when: Selection::default(),
            });
        }
        found.extend(
            self.shared
                .faults
                .rules()
                .into_iter()
                .map(|rule| told(server, rule)),
        );
        found
    }

    fn mend(&self, id: Option<u64>) -> bool {
        match id {
            Some(id) => self.shared.faults.remove(RuleId(id)),
            None => {
                self.shared.faults.clear();
                self.shared.partition.send_replace(false);
                true
            }
        }
    }
}

/// The only verb that a fault can strike, if there is one.
fn own_verb(fault: &FaultKind) -> Option<String> {
    match fault {
        FaultKind::CutWatch(_) => Some("watch".to_owned()),
        FaultKind::StaleList => Some("list".to_owned()),
        _ => None,
    }
}

fn told(server: &str, rule: Rule) -> InForce {
    let fault = match rule.fault {
        Fault::Delay(time) => FaultKind::Delay(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
        Fault::Status(code) => FaultKind::Status(code),
        Fault::Reset => FaultKind::Reset,
        Fault::LoseAnswer => FaultKind::LoseAnswer,
        Fault::CutWatch(events) => FaultKind::CutWatch(events),
        Fault::StaleList(_) => FaultKind::StaleList,
    };
    InForce {
        server: server.to_owned(),
        id: Some(rule.id.0),
        fault,
        when: Selection {
            verb: rule.matching.verb,
            resource: rule.matching.resource,
            subresource: rule.matching.subresource,
            namespace: rule.matching.namespace,
            name: rule.matching.name,
            times: rule.left,
        },
    }
}

/// Carries out an order.
fn carry_out(servers: &[Handle], order: &Order) -> Result<Vec<InForce>, String> {
    let named = |name: &str| {
        let names: Vec<&str> = servers.iter().map(|s| s.shared.name.as_str()).collect();
        let found = servers.iter().find(|s| s.shared.name == name);
        found.ok_or_else(|| {
            format!(
                "there is no server {name:?}; there are {}",
                names.join(", ")
            )
        })
    };
    match order {
        Order::List => {}
        Order::Add {
            server,
            fault,
            when,
        } => named(server)?.add(fault, when)?,
        Order::Mend { server, id } => {
            let wanted = match server {
                Some(name) => std::slice::from_ref(named(name)?),
                None if id.is_some() => {
                    return Err("which server's fault? Rules are numbered by server".into());
                }
                None => servers,
            };
            for server in wanted {
                if !server.mend(*id) {
                    let (name, id) = (&server.shared.name, id.unwrap_or_default());
                    return Err(format!("{name} has no fault {id}"));
                }
            }
        }
    }
    Ok(servers.iter().flat_map(Handle::in_force).collect())
}

/// Listens for orders until the task is aborted. An old socket that nobody listens on is replaced.
///
/// # Errors
/// When the socket cannot be made.
pub fn listen(path: &Path, servers: Vec<Handle>) -> Result<JoinHandle<()>, ControlError> {
    let failed = |source| ControlError::Listen {
        path: path.to_owned(),
        source,
    };
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    let owner_only = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(path, owner_only).map_err(failed)?;
    let servers = Arc::new(servers);
    Ok(tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let servers = servers.clone();
            tokio::spawn(async move {
                if let Err(error) = converse(stream, &servers).await {
                    tracing::debug!(%error, "an order for faults ended early");
                }
            });
        }
    }))
}

async fn converse(stream: UnixStream, servers: &[Handle]) -> std::io::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut lines = BufReader::new(reading).lines();
    while let Some(line) = lines.next_line().await? {
        let order = serde_json::from_str::<Order>(&line).map_err(|e| format!("no order: {e}"));
        let reply = match order.and_then(|order| carry_out(servers, &order)) {
            Ok(faults) => Reply::Faults(faults),
            Err(why) => Reply::Refused(why),
        };
        let mut text = serde_json::to_vec(&reply)?;
        text.push(b'\n');
        writing.write_all(&text).await?;
    }
    Ok(())
}

/// Gives an order to whoever listens; answers the faults then in force.
///
/// # Errors
/// When nobody listens, or the order is refused.
pub async fn order(path: &Path, order: &Order) -> Result<Vec<InForce>, ControlError> {
    let reach = |source| ControlError::Reach {
        path: path.to_owned(),
        source,
    };
    let stream = UnixStream::connect(path).await.map_err(reach)?;
    let (reading, mut writing) = stream.into_split();
    let mut text = serde_json::to_vec(order).map_err(|e| reach(e.into()))?;
    text.push(b'\n');
    writing.write_all(&text).await.map_err(reach)?;
    let mut line = String::new();
    let mut reading = BufReader::new(reading);
    reading.read_line(&mut line).await.map_err(reach)?;
    match serde_json::from_str(&line) {
        Ok(Reply::Faults(faults)) => Ok(faults),
        Ok(Reply::Refused(why)) => Err(ControlError::Refused(why)),
        Err(_unreadable) => Err(ControlError::Answer {
            path: path.to_owned(),
        }),
    }
}
