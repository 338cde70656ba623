//! Hands that hold a client and nothing else, for machines without `kubectl`.

use futures::future::LocalBoxFuture;
use kube::Client;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, Preconditions};
use kube::core::GroupVersionKind;
use kube::discovery::{Scope, oneshot};
use kube::{Api, Error};
use serde_json::{Value, json};

use super::hands::Hands;
use super::kinds::Target;
use super::waiting::{Look, until};
use crate::failure::{Failure, Outcome};

/// Who writes, in managed fields.
const FIELD_MANAGER: &str = "navarch-e2e";

/// A client for one cluster.
pub(crate) struct ClientHands {
    client: Client,
    context: String,
    namespace: String,
}

impl ClientHands {
    pub(crate) fn new(client: Client, context: &str, namespace: &str) -> Self {
        Self {
            client,
            context: context.to_owned(),
            namespace: namespace.to_owned(),
        }
    }

    fn failed(&self, action: &str) -> impl FnOnce(Error) -> Failure + use<> {
        let action = format!("{action} in {}", self.context);
        move |error| Failure::Request {
            action,
            message: error.to_string(),
        }
    }

    fn api(&self, target: &Target) -> Api<DynamicObject> {
        target.kind.api(&self.client, target.namespace.as_deref())
    }

    async fn apply_one(&self, object: &Value) -> Outcome {
        let text = |pointer: &str| {
            object
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let (kind, name, api_version) =
            (text("/kind"), text("/metadata/name"), text("/apiVersion"));
        let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
        let kind = GroupVersionKind::gvk(group, version, &kind);
        let action = || format!("applying {} {name}", kind.kind);
        let (resource, capabilities) = oneshot::pinned_kind(&self.client, &kind)
            .await
            .map_err(self.failed(&action()))?;
        let namespace = Some(text("/metadata/namespace")).filter(|namespace| !namespace.is_empty());
        let namespace = namespace.unwrap_or_else(|| self.namespace.clone());
        let api: Api<DynamicObject> = match capabilities.scope {
            Scope::Cluster => Api::all_with(self.client.clone(), &resource),
            Scope::Namespaced => Api::namespaced_with(self.client.clone(), &namespace, &resource),
        };
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        api.patch(&name, &parameters, &Patch::Apply(object))
            .await
            .map_err(self.failed(&action()))?;
        Ok(())
    }
}

/// The documents of a manifest.
pub(super) fn documents(manifests: &str) -> Outcome<Vec<Value>> {
    let mut texts = vec![String::new()];
    for line in manifests.lines() {
        match texts.last_mut() {
            Some(text) if line != "---" => {
                text.push_str(line);
                text.push('\n');
            }
            _ => texts.push(String::new()),
        }
    }
    texts
        .iter()
        .filter(|text| {
            text.lines()
                .any(|line| !line.trim().is_empty() && !line.starts_with('#'))
        })
        .map(|text| {
            serde_saphyr::from_str(text).map_err(|error| Failure::Manifest(error.to_string()))
        })
        .collect()
}

impl Hands for ClientHands {
    fn apply<'a>(&'a self, manifests: &'a str) -> LocalBoxFuture<'a, Outcome> {
        Box::pin(async move {
            for object in documents(manifests)? {
                self.apply_one(&object).await?;
            }
            Ok(())
        })
    }

    fn patch<'a>(&'a self, target: &'a Target, change: &'a Value) -> LocalBoxFuture<'a, Outcome> {
        Box::pin(async move {
            let parameters = PatchParams {
                field_manager: Some(FIELD_MANAGER.to_owned()),
                ..PatchParams::default()
            };
            let patched = self
                .api(target)
                .patch(&target.name, &parameters, &Patch::Merge(change))
                .await;
            patched
                .map(|_object| ())
                .map_err(self.failed(&format!("patching {target}")))
        })
    }

    fn scale<'a>(&'a self, target: &'a Target, replicas: i64) -> LocalBoxFuture<'a, Outcome> {
        Box::pin(async move {
            let change = json!({"spec": {"replicas": replicas}});
            let parameters = PatchParams::default();
            let scaled = self
                .api(target)
                .patch_scale(&target.name, &parameters, &Patch::Merge(change))
                .await;
            scaled
                .map(|_scale| ())
                .map_err(self.failed(&format!("scaling {target}")))
        })
    }

    fn delete<'a>(&'a self, target: &'a Target) -> LocalBoxFuture<'a, Outcome> {
        Box::pin(async move {
            let parameters = DeleteParams {
                preconditions: None::<Preconditions>,
                ..DeleteParams::background()
            };
            let deleted = self.api(target).delete(&target.name, &parameters).await;
            deleted
                .map(|_answer| ())
                .map_err(self.failed(&format!("deleting {target}")))
        })
    }

    fn rollout_ends<'a>(&'a self, target: &'a Target) -> LocalBoxFuture<'a, Outcome> {
        Box::pin(async move {
            let api = self.api(target);
            until(
                &format!("the end of the rollout of {target} in {}", self.context),
                async || {
                    let object = api
                        .get(&target.name)
                        .await
                        .map_err(|error| error.to_string());
                    match object.and_then(|object| {
                        serde_json::to_value(object).map_err(|error| error.to_string())
                    }) {
                        Ok(object) if is_rolled_out(&object) => Look::Seen(()),
                        Ok(object) => Look::NotYet(crate::failure::shown(&object)),
                        Err(error) => Look::NotYet(error),
                    }
                },
            )
            .await
        })
    }

    fn ready_column<'a>(&'a self, target: &'a Target) -> LocalBoxFuture<'a, Outcome<String>> {
        Box::pin(async move {
            let object = self.api(target).get(&target.name).await;
            let object = object.map_err(self.failed(&format!("reading {target}")))?;
            let number = |pointer: &str| {
                object
                    .data
                    .pointer(pointer)
                    .and_then(Value::as_i64)
                    .unwrap_or_default()
            };
            Ok(format!(
                "{}/{}",
                number("/status/readyReplicas"),
                number("/spec/replicas")
            ))
        })
    }
}

/// As kubectl judges Deployments (`k8s.io/kubectl/pkg/polymorphichelpers/rollout_status.go`).
fn is_rolled_out(object: &Value) -> bool {
    let number = |pointer: &str| {
        object
            .pointer(pointer)
            .and_then(Value::as_i64)
            .unwrap_or_default()
    };
    let (updated, all) = (
        number("/status/updatedReplicas"),
        number("/status/replicas"),
    );
    number("/status/observedGeneration") >= number("/metadata/generation")
        && updated >= number("/spec/replicas")
        && all <= updated
        && number("/status/availableReplicas") >= updated
}
