//! `navarch demo`: a voyage in six steps on a sandbox, each shown and each checked. Ends with an error if what is
//! shown is not what was promised.

mod picture;

use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Secret, Service};
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, Client};
use navarch_crds::v1alpha1::{FederatedCluster, FederatedObject, PropagationPolicy};
use serde_json::{Value, json};

use self::picture::Picture;
use crate::commands::interrupted;
use crate::error::CliError;
use crate::federation;
use crate::output::live::Screen;
use crate::playground::{Playground, PlaygroundOptions};

const APPLICATION: &str = include_str!("shop.yaml");
const NAME: &str = "shop";

#[derive(Args, Debug)]
pub(crate) struct DemoFlags {
    /// Leave everything running at the end, to look around with kubectl
    #[arg(long)]
    keep: bool,
}

pub(crate) async fn run(flags: DemoFlags) -> Result<ExitCode, CliError> {
    let started = Instant::now();
    let mut screen = Screen::new();
    screen.say("Navarch demo: one host, three member clusters, one application.\n")?;
    let playground = Playground::start(PlaygroundOptions::default()).await?;
    playground.wait_until_joined().await?;
    screen.say(&format!(
        "1. A sandbox is up: a host and three members, joined and Ready ({:.1} s)",
        started.elapsed().as_secs_f32()
    ))?;
    let voyage = Voyage::new(&playground)?;
    let outcome = Box::pin(voyage.sail(&mut screen)).await;
    if outcome.is_ok() {
        screen.say(&format!(
            "\nEverything went as promised, in {:.1} s.",
            started.elapsed().as_secs_f32()
        ))?;
        if flags.keep {
            screen.say(&playground.how_to_use())?;
            screen.say("Ctrl-C ends it.")?;
            interrupted().await;
        } else {
            screen
                .say("Next: navarch sandbox    (the same clusters, for you to use with kubectl)")?;
        }
    }
    playground.stop().await;
    outcome.map(|()| ExitCode::SUCCESS)
}

/// The clients and the picture that the steps share.
struct Voyage<'a> {
    playground: &'a Playground,
    host: Client,
    members: Vec<(String, Client)>,
    picture: Picture,
}

impl<'a> Voyage<'a> {
    fn new(playground: &'a Playground) -> Result<Self, CliError> {
        let host = playground.host_client();
        let members = playground.member_clients();
        let picture = Picture::follow(NAME, &host, &members);
        Ok(Self {
            playground,
            host,
            members,
            picture,
        })
    }

    async fn sail(&self, screen: &mut Screen) -> Result<(), CliError> {
        Box::pin(self.apply(screen)).await?;
        Box::pin(self.change_weights(screen)).await?;
        Box::pin(self.repair(screen)).await?;
        Box::pin(self.lose_a_member(screen)).await?;
        Box::pin(self.find_it_again(screen)).await
    }

    async fn apply(&self, screen: &mut Screen) -> Result<(), CliError> {
        screen.say("\n2. kubectl apply: policy everywhere (weights 1:1:1), Deployment shop with 9 replicas, its Service, ConfigMap and Secret")?;
        self.playground.apply(APPLICATION).await?;
        self.picture
            .until(screen, "three ready copies of three", |seen| {
                seen.is_settled_at(9)
                    && seen
                        .members
                        .keys()
                        .all(|member| seen.wanted_in(member) == 3)
            })
            .await?;
        for (member, client) in &self.members {
            self.has_the_rest(member, client).await?;
        }
        screen.say("   Service, ConfigMap and Secret are in every member, too")
    }

    /// The objects beside the Deployment have been placed at the same time: they are there, or it is an error.
    async fn has_the_rest(&self, member: &str, client: &Client) -> Result<(), CliError> {
        let there = |kind: &str| format!("waiting for {kind} shop in {member}");
        let secrets: Api<Secret> = Api::default_namespaced(client.clone());
        exists(secrets, &there("Secret")).await?;
        let services: Api<Service> = Api::default_namespaced(client.clone());
        exists(services, &there("Service")).await?;
        let config_maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
        exists(config_maps, &there("ConfigMap")).await
    }

    async fn change_weights(&self, screen: &mut Screen) -> Result<(), CliError> {
        screen.say("\n3. The policy's weights become 4:1:1, so replicas move to member-1")?;
        let policies: Api<PropagationPolicy> = Api::default_namespaced(self.host.clone());
        let weight = |member: &str, weight: i64| json!({"cluster": member, "preferences": {"weight": weight}});
        let placement = [
            weight("member-1", 4),
            weight("member-2", 1),
            weight("member-3", 1),
        ];
        merge(
            &policies,
            "everywhere",
            &json!({"spec": {"placement": placement}}),
        )
        .await?;
        self.picture
            .until(screen, "six replicas in member-1", |seen| {
                seen.is_settled_at(9) && seen.wanted_in("member-1") == 6
            })
            .await
            .map(|_seen| ())
    }

    async fn repair(&self, screen: &mut Screen) -> Result<(), CliError> {
        screen.say("\n4. Somebody deletes the copy in member-2 by hand; Navarch puts it back")?;
        let (_, client) = self.member("member-2")?;
        let copies: Api<Deployment> = Api::default_namespaced(client.clone());
        let old = copies
            .get(NAME)
            .await
            .map_err(CliError::request("reading the copy in member-2"))?;
        let deleted = Instant::now();
        copies
            .delete(NAME, &DeleteParams::default())
            .await
            .map_err(CliError::request("deleting the copy in member-2"))?;
        let uid = old.metadata.uid;
        let back =
            kube::runtime::wait::await_condition(copies, NAME, |copy: Option<&Deployment>| {
                copy.is_some_and(|copy| copy.metadata.uid != uid)
            });
        Box::pin(within(30, "the copy in member-2 to come back", back)).await?;
        let elapsed = deleted.elapsed();
        self.picture
            .until(screen, "the repaired copy", |seen| seen.is_settled_at(9))
            .await?;
        screen.say(&format!("   back after {} ms", elapsed.as_millis()))
    }

    async fn lose_a_member(&self, screen: &mut Screen) -> Result<(), CliError> {
        screen.say("\n5. member-3 is cut off. Nothing is moved or forgotten; meanwhile the Deployment is scaled to 12")?;
        self.playground.partition("member-3", true)?;
        self.picture.mark_down("member-3", true);
        self.cluster_is("member-3", false).await?;
        let sources: Api<Deployment> = Api::default_namespaced(self.host.clone());
        merge(&sources, NAME, &json!({"spec": {"replicas": 12}})).await?;
        self.picture
            .until(
                screen,
                "the reachable members to take their share",
                |seen| seen.wanted_in("member-1") == 8,
            )
            .await?;
        let objects: Api<FederatedObject> = Api::default_namespaced(self.host.clone());
        let object = objects
            .get("shop-deployments.apps")
            .await
            .map_err(CliError::request("reading the federated object"))?;
        let placement = federation::placement_text(&object.spec);
        if !placement.contains("member-3") {
            return Err(CliError::Demo(format!(
                "member-3 lost its placement: {placement}"
            )));
        }
        screen.say(&format!("   placement: {placement}"))
    }

    async fn find_it_again(&self, screen: &mut Screen) -> Result<(), CliError> {
        screen.say("\n6. member-3 is back and catches up")?;
        self.playground.partition("member-3", false)?;
        self.cluster_is("member-3", true).await?;
        self.picture.mark_down("member-3", false);
        self.picture
            .until(screen, "all twelve replicas", |seen| seen.is_settled_at(12))
            .await
            .map(|_seen| ())
    }

    async fn cluster_is(&self, name: &str, ready: bool) -> Result<(), CliError> {
        let clusters: Api<FederatedCluster> = Api::all(self.host.clone());
        let what = if ready { "Ready" } else { "not Ready" };
        let waiting = kube::runtime::wait::await_condition(
            clusters,
            name,
            |cluster: Option<&FederatedCluster>| {
                cluster.is_some_and(|cluster| federation::is_ready(cluster) == ready)
            },
        );
        within(30, &format!("{name} to be {what}"), waiting).await
    }

    fn member(&self, name: &str) -> Result<&(String, Client), CliError> {
        self.members
            .iter()
            .find(|(member, _)| member == name)
            .ok_or_else(|| CliError::Demo(format!("the sandbox has no {name}")))
    }
}

async fn merge<K>(api: &Api<K>, name: &str, patch: &Value) -> Result<(), CliError>
where
    K: Clone + serde::de::DeserializeOwned + std::fmt::Debug,
{
    api.patch(name, &PatchParams::default(), &Patch::Merge(patch))
        .await
        .map(|_patched| ())
        .map_err(CliError::request(format!("patching {name}")))
}

async fn exists<K>(api: Api<K>, what: &str) -> Result<(), CliError>
where
    K: Clone + serde::de::DeserializeOwned + std::fmt::Debug + kube::Resource + Send + 'static,
    K::DynamicType: Default,
{
    let waiting =
        kube::runtime::wait::await_condition(api, NAME, |object: Option<&K>| object.is_some());
    within(30, what, waiting).await
}

async fn within<T>(
    seconds: u64,
    what: &str,
    waiting: impl Future<Output = Result<T, kube::runtime::wait::Error>>,
) -> Result<(), CliError> {
    match tokio::time::timeout(std::time::Duration::from_secs(seconds), waiting).await {
        Ok(Ok(_there)) => Ok(()),
        Ok(Err(error)) => Err(CliError::Demo(format!("{what}: {error}"))),
        Err(_elapsed) => Err(CliError::Demo(format!(
            "{what}: not seen within {seconds} s"
        ))),
    }
}
