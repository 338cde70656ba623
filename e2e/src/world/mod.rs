//! What a story gets: the host, the members, a namespace of its own, and the powers of the backend. Nothing here says
//! which backend that is.

mod client;
mod copies;
mod hands;
pub(crate) mod kinds;
mod kubectl;
mod navarch;
pub(crate) mod place;
pub(crate) mod read;
pub(crate) mod waiting;

use std::path::Path;
use std::rc::Rc;

use futures::future::try_join_all;
use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};

use self::client::ClientHands;
use self::hands::Hands;
use self::kinds::{Kind, Target};
use self::kubectl::Kubectl;
use self::place::Place;
use self::waiting::{Look, until};
use crate::backend::{Backend, Breakage, Need, Request, Steer};
use crate::failure::{Failure, Outcome};

/// A federation, and a fresh namespace of one story in it.
pub(crate) struct World {
    backend: Rc<dyn Backend>,
    namespace: String,
    host: Place,
    members: Vec<Place>,
}

impl World {
    /// Looks around in a backend and makes the namespace.
    pub(crate) async fn new(backend: Rc<dyn Backend>, story: &str) -> Outcome<Self> {
        let mut namespace = story.replace('_', "-");
        if backend.is_shared() {
            // An earlier run may have left one of that name.
            let now = jiff::Timestamp::now().as_millisecond();
            namespace = format!("{namespace}-{}", now % 1_000_000);
        }
        let with_kubectl = kubectl::is_installed().await;
        let place = |context: String| {
            let (kubeconfig, namespace) = (backend.kubeconfig().to_owned(), namespace.clone());
            async move {
                let client = client(&kubeconfig, &context).await?;
                let hands: Box<dyn Hands> = if with_kubectl {
                    Box::new(Kubectl::new(&kubeconfig, &context, &namespace))
                } else {
                    Box::new(ClientHands::new(client.clone(), &context, &namespace))
                };
                Ok::<_, Failure>(Place::new(&context, &namespace, client, hands))
            }
        };
        let host = place(backend.host()).await?;
        let members = try_join_all(backend.members().into_iter().map(place)).await?;
        let world = Self {
            backend,
            namespace,
            host,
            members,
        };
        let manifest = format!(
            "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {}\n",
            world.namespace
        );
        world.host.apply(&manifest).await?;
        Ok(world)
    }

    /// Ends the story: where others play in the same clusters, what it left behind goes, and what it broke is mended.
    pub(crate) async fn end(&self, alone: bool) -> Outcome {
        if !self.backend.is_shared() {
            return Ok(());
        }
        if alone {
            self.backend.restore().await?;
            for member in &self.members {
                self.put_back(member).await?;
            }
        }
        // The host first: the copies go with their sources, and what stays after that is the story's own.
        self.host.clear().await?;
        try_join_all(self.members.iter().map(Place::clear))
            .await
            .map(|_all| ())
    }

    /// Makes a member what it was before the story: joined and Ready, without labels and taints.
    async fn put_back(&self, member: &Place) -> Outcome {
        let cluster = self.cluster(member);
        match self.host.find(&cluster).await? {
            None => self.join(member).await?,
            Some(found) => {
                let (labels, taints) = ("/metadata/labels", "/spec/taints");
                if [labels, taints]
                    .iter()
                    .any(|part| found.pointer(part).is_some())
                {
                    let neither = json!({"metadata": {"labels": null}, "spec": {"taints": null}});
                    self.patch(&cluster, &neither).await?;
                }
            }
        }
        self.host
            .until(&cluster, "is Ready", is_ready)
            .await
            .map(drop)
    }

    /// The story's namespace.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The host.
    pub(crate) fn host(&self) -> &Place {
        &self.host
    }

    /// The members, by name.
    pub(crate) fn members(&self) -> &[Place] {
        &self.members
    }

    /// The first, second or third member: stories need three and name none.
    pub(crate) fn member(&self, index: usize) -> Outcome<&Place> {
        self.members.get(index).ok_or_else(|| {
            Failure::Backend(format!(
                "{} has {} members",
                self.backend.name(),
                self.members.len()
            ))
        })
    }

    /// An object in the story's namespace.
    pub(crate) fn target(&self, kind: Kind, name: &str) -> Target {
        Target::new(kind, &self.namespace, name)
    }

    /// Applies manifests to the host.
    pub(crate) async fn apply(&self, manifests: &str) -> Outcome {
        self.host.apply(manifests).await
    }

    /// Applies several manifests to the host at once.
    pub(crate) async fn apply_all(&self, manifests: &[String]) -> Outcome {
        self.host.apply(&manifests.concat()).await
    }

    /// Changes a part of an object of the host.
    pub(crate) async fn patch(&self, target: &Target, change: &Value) -> Outcome {
        self.host.hands().patch(target, change).await
    }

    /// Sets an annotation of an object of the host; `None`: takes it off.
    pub(crate) async fn annotate(
        &self,
        target: &Target,
        key: &str,
        value: Option<&str>,
    ) -> Outcome {
        let change = json!({"metadata": {"annotations": {key: value}}});
        self.patch(target, &change).await
    }

    /// Waits until the host says that every copy of an object is as it should be; answers its federated object.
    pub(crate) async fn until_propagated(&self, target: &Target) -> Outcome<Value> {
        self.host
            .until(&target.federated(), "is propagated", read::is_propagated)
            .await
    }

    /// Waits until an object is in every member as `holds` says.
    pub(crate) async fn in_every_member(
        &self,
        target: &Target,
        what: &str,
        holds: impl Fn(&Value) -> bool + Copy,
    ) -> Outcome<Vec<Value>> {
        try_join_all(
            self.members
                .iter()
                .map(|member| member.until(target, what, holds)),
        )
        .await
    }

    /// Waits until an object is in no member.
    pub(crate) async fn in_no_member(&self, target: &Target) -> Outcome {
        try_join_all(self.members.iter().map(|member| member.until_gone(target)))
            .await
            .map(|_all| ())
    }

    /// Waits until the host knows that every member serves a kind: members that do not are not chosen, and by default a
    /// policy does not look again when that changes (`clusterAPIResourcesChanged`).
    pub(crate) async fn until_members_serve(&self, kind: Kind) -> Outcome {
        let serves = |cluster: &Value| {
            let types = cluster
                .pointer("/status/apiResourceTypes")
                .and_then(Value::as_array);
            types.into_iter().flatten().any(|served| {
                read::text(served, "/kind") == kind.kind
                    && read::text(served, "/group") == kind.group
            })
        };
        for member in &self.members {
            let cluster = self.cluster(member);
            self.host.until(&cluster, "serves the kind", serves).await?;
        }
        Ok(())
    }

    /// Cuts a member off and waits until the host knows.
    pub(crate) async fn cut_off(&self, member: &Place) -> Outcome {
        self.backend.cut_off(&member.name, true)?;
        let is_down = |object: &Value| !is_ready(object);
        self.host
            .until(&self.cluster(member), "is not Ready", is_down)
            .await
            .map(drop)
    }

    /// Lets a member be reached again and waits until the host knows.
    pub(crate) async fn restore(&self, member: &Place) -> Outcome {
        self.backend.cut_off(&member.name, false)?;
        self.host
            .until(&self.cluster(member), "is Ready", is_ready)
            .await
            .map(drop)
    }

    /// Makes requests of a cluster fail until they are mended.
    pub(crate) async fn break_requests(&self, place: &Place, breakage: &Breakage<'_>) -> Outcome {
        self.backend.break_requests(&place.name, breakage).await
    }

    /// Ends every failing of a cluster.
    pub(crate) async fn mend_requests(&self, place: &Place) -> Outcome {
        self.backend.mend_requests(&place.name).await
    }

    /// Stops, starts or kills the controllers.
    pub(crate) async fn steer(&self, how: Steer) -> Outcome {
        self.backend.steer(how).await
    }

    /// How many requests a cluster has been asked so far: where to count from.
    pub(crate) fn mark(&self, place: &Place) -> Outcome<usize> {
        self.backend.mark(&place.name)
    }

    /// The writes that a cluster has been asked since a mark, without leases, events and reports of members' capacity.
    pub(crate) fn writes_since(&self, place: &Place, mark: usize) -> Outcome<Vec<Request>> {
        Ok(self.writes_from(place, mark)?.0)
    }

    /// The same, and the mark after them.
    pub(crate) fn writes_from(&self, place: &Place, mark: usize) -> Outcome<(Vec<Request>, usize)> {
        let mut requests = self.backend.requests(&place.name, mark)?;
        let end = mark + requests.len();
        requests.retain(|request| request.write && !request.is_bookkeeping());
        Ok((requests, end))
    }

    /// Waits until no cluster has been asked to write anything for a while: whatever was to happen has happened.
    pub(crate) async fn until_quiet(&self) -> Outcome {
        let places = || std::iter::once(&self.host).chain(&self.members);
        let mut since = places()
            .map(|place| self.mark(place))
            .collect::<Outcome<Vec<_>>>()?;
        let mut quiet_looks = 0_u32;
        until("no cluster is written to", async || {
            let mut writes = Vec::new();
            for (place, mark) in places().zip(&mut since) {
                match self.writes_from(place, *mark) {
                    Ok((more, end)) => {
                        writes.extend(more);
                        *mark = end;
                    }
                    Err(error) => {
                        quiet_looks = 0;
                        return Look::NotYet(error.to_string());
                    }
                }
            }
            if !writes.is_empty() {
                quiet_looks = 0;
                return Look::NotYet(format!("{writes:?}"));
            }
            quiet_looks += 1;
            if quiet_looks > QUIET_LOOKS {
                Look::Seen(())
            } else {
                Look::NotYet("nothing for a while".to_owned())
            }
        })
        .await
    }
}

fn is_ready(cluster: &Value) -> bool {
    read::condition(cluster, "Ready") == "True"
}

/// Looks without a write between them that make a quiet world: more than a debounce window (200 ms) and a health
/// probe (1 s) take.
const QUIET_LOOKS: u32 = 40;

/// Whether the backend has all that is needed; what is missing if not.
pub(crate) fn missing(backend: &dyn Backend, needs: &[Need]) -> Option<Need> {
    needs.iter().copied().find(|need| !backend.can(*need))
}

/// A client for one context of a kubeconfig, without retries.
pub(crate) async fn client(kubeconfig: &Path, context: &str) -> Outcome<Client> {
    let failed =
        |error: &dyn std::error::Error| Failure::Backend(format!("context {context}: {error}"));
    let file = Kubeconfig::read_from(kubeconfig).map_err(|error| failed(&error))?;
    let options = KubeConfigOptions {
        context: Some(context.to_owned()),
        ..KubeConfigOptions::default()
    };
    let mut config = kube::Config::from_custom_kubeconfig(file, &options)
        .await
        .map_err(|error| failed(&error))?;
    // Waiting is ours: a hidden retry would hide what was last seen.
    config.default_retry = false;
    Client::try_from(config).map_err(|error| failed(&error))
}
