//! The commands of `navarch` that a story types.

use serde_json::Value;

use super::World;
use super::kinds::{CLUSTER, Target};
use super::place::Place;
use crate::backend::{join, navarch, unjoin};
use crate::failure::{Failure, Outcome};

impl World {
    /// `navarch explain`: why an object is where it is.
    pub(crate) async fn explained(&self, target: &Target) -> Outcome<Value> {
        let object = format!("{}/{}", target.kind.full_name(), target.name);
        self.answered(&["explain", &object, "--namespace", self.namespace()], "")
            .await
    }

    /// `navarch plan`: what would move if manifests were applied.
    pub(crate) async fn planned(&self, manifests: &str) -> Outcome<Value> {
        self.answered(&["plan", "--filename", "-"], manifests).await
    }

    async fn answered(&self, command: &[&str], input: &str) -> Outcome<Value> {
        let about = ["--output", "json", "--context", &self.host().name];
        let arguments = [command, &about].concat();
        let said = navarch(self.backend.kubeconfig(), &arguments, input).await?;
        serde_json::from_str(&said).map_err(|error| Failure::Request {
            action: format!("reading what navarch {} says", command.join(" ")),
            message: format!("{error}: {said}"),
        })
    }

    /// `navarch join`: waits until the member is Ready.
    pub(crate) async fn join(&self, member: &Place) -> Outcome {
        join(self.backend.kubeconfig(), &self.host().name, &member.name).await
    }

    /// `navarch unjoin`: waits until the federation has let the member go.
    pub(crate) async fn unjoin(&self, member: &Place) -> Outcome {
        unjoin(self.backend.kubeconfig(), &self.host().name, &member.name).await
    }

    /// The FederatedCluster of a member.
    pub(crate) fn cluster(&self, member: &Place) -> Target {
        self.target(CLUSTER, &member.name)
    }
}
