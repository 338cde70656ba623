//! What the demo sees: the Deployment in the host and its copies in the members, followed by watches. No polling.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::api::apps::v1::Deployment;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, ResourceExt};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::error::CliError;
use crate::output::live::Screen;
use crate::output::table;

/// A Deployment as far as the demo shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Copy {
    /// `spec.replicas`
    pub(super) wanted: i32,
    /// `status.readyReplicas`
    pub(super) ready: i32,
    /// Whether the status speaks of the present spec.
    observed: bool,
}

impl Copy {
    fn of(deployment: &Deployment) -> Self {
        let status = deployment.status.clone().unwrap_or_default();
        let wanted = deployment
            .spec
            .as_ref()
            .and_then(|spec| spec.replicas)
            .unwrap_or(1);
        let observed = status.observed_generation == deployment.metadata.generation;
        // Old replicas that are still there count as not finished.
        let settled =
            observed && status.replicas.unwrap_or(0) == status.updated_replicas.unwrap_or(0);
        Self {
            wanted,
            ready: status.ready_replicas.unwrap_or(0),
            observed: settled,
        }
    }

    /// Everything that is wanted is ready, and nothing else is there.
    pub(super) fn is_settled(self) -> bool {
        self.observed && self.ready == self.wanted
    }
}

/// The host's view and each member's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// The source object.
    pub(super) host: Option<Copy>,
    /// The copies.
    pub(super) members: BTreeMap<String, Option<Copy>>,
    /// Members that are cut off: what is shown of them is the last that was seen.
    pub(super) down: Vec<String>,
}

impl Seen {
    /// Replicas ready in all members.
    pub(super) fn ready(&self) -> i32 {
        self.members.values().flatten().map(|copy| copy.ready).sum()
    }

    /// What a member's copy wants.
    pub(super) fn wanted_in(&self, member: &str) -> i32 {
        self.members
            .get(member)
            .copied()
            .flatten()
            .map_or(0, |copy| copy.wanted)
    }

    /// Every copy has what it wants, together they make `total`, and the host says so.
    pub(super) fn is_settled_at(&self, total: i32) -> bool {
        self.ready() == total
            && self
                .members
                .values()
                .all(|copy| copy.is_some_and(Copy::is_settled))
            && self
                .host
                .is_some_and(|host| host.wanted == total && host.ready == total && host.observed)
    }

    fn lines(&self) -> Vec<String> {
        let mut headers = vec!["DEPLOYMENT shop"];
        headers.extend(self.members.keys().map(String::as_str));
        headers.push("HOST SAYS");
        // One width from the first line to the last, or plain output would not line up.
        let cell = |copy: Option<Copy>| match copy {
            Some(copy) => format!("{:<11}", format!("{}/{} ready", copy.ready, copy.wanted)),
            None => format!("{:<11}", "none"),
        };
        let mut row = vec![String::new()];
        for (name, copy) in &self.members {
            row.push(if self.down.contains(name) {
                format!("{:<11}", "down")
            } else {
                cell(*copy)
            });
        }
        row.push(cell(self.host));
        row[0] = "  replicas".to_owned();
        table::render(&headers, &[row])
            .lines()
            .map(|line| format!("   {line}"))
            .collect()
    }
}

/// The followed picture.
pub(super) struct Picture {
    seen: watch::Sender<Seen>,
    /// Ends the watches when it is dropped.
    _watches: JoinSet<()>,
}

impl Picture {
    /// Begins to follow Deployment `name` in the host and the members.
    pub(super) fn follow(name: &'static str, host: &Client, members: &[(String, Client)]) -> Self {
        let members_seen = members
            .iter()
            .map(|(member, _)| (member.clone(), None))
            .collect();
        let (seen, _) = watch::channel(Seen {
            members: members_seen,
            ..Seen::default()
        });
        let mut watches = JoinSet::new();
        watches.spawn(follow(host.clone(), name, seen.clone(), |seen, copy| {
            seen.host = copy;
        }));
        for (member, client) in members {
            let member = member.clone();
            watches.spawn(follow(
                client.clone(),
                name,
                seen.clone(),
                move |seen, copy| {
                    seen.members.insert(member.clone(), copy);
                },
            ));
        }
        Self {
            seen,
            _watches: watches,
        }
    }

    /// Marks a member as cut off, or as back.
    pub(super) fn mark_down(&self, member: &str, down: bool) {
        self.seen.send_modify(|seen| {
            seen.down.retain(|name| name != member);
            if down {
                seen.down.push(member.to_owned());
            }
        });
    }

    /// Shows the picture until it is as expected.
    pub(super) async fn until(
        &self,
        screen: &mut Screen,
        what: &str,
        expected: impl Fn(&Seen) -> bool,
    ) -> Result<Seen, CliError> {
        let mut changes = self.seen.subscribe();
        let waiting = async {
            loop {
                let seen = changes.borrow_and_update().clone();
                let there = expected(&seen);
                screen.show(&seen.lines(), there)?;
                if there {
                    return Ok(seen);
                }
                if changes.changed().await.is_err() {
                    return Err(CliError::Demo(format!("the watches ended before {what}")));
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), waiting)
            .await
            .unwrap_or_else(|_elapsed| {
                Err(CliError::Demo(format!(
                    "{what}: not seen within 30 s; last: {:?}",
                    *self.seen.borrow()
                )))
            })
    }
}

async fn follow(
    client: Client,
    name: &'static str,
    seen: watch::Sender<Seen>,
    set: impl Fn(&mut Seen, Option<Copy>) + Send,
) {
    let deployments: Api<Deployment> = Api::namespaced(client, "default");
    let config = watcher::Config::default()
        .fields(&format!("metadata.name={name}"))
        .timeout(60);
    let mut events = std::pin::pin!(watcher::watcher(deployments, config));
    let mut listed = false;
    loop {
        let copy = match events.next().await {
            Some(Ok(Event::Apply(object))) => Some(Copy::of(&object)),
            Some(Ok(Event::InitApply(object))) => {
                listed = true;
                Some(Copy::of(&object))
            }
            Some(Ok(Event::Delete(object))) if object.name_any() == name => None,
            Some(Ok(Event::InitDone)) if !listed => None,
            Some(Ok(Event::Init)) => {
                listed = false;
                continue;
            }
            Some(Ok(_)) => continue,
            // A member that is cut off on purpose: try again soon.
            Some(Err(_unreachable)) => {
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
            None => return,
        };
        seen.send_if_modified(|seen| {
            let before = seen.clone();
            set(seen, copy);
            *seen != before
        });
    }
}
