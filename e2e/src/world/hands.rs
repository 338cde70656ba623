//! What users do to a cluster, as they do it: with `kubectl` where one is installed, with a client where not. Stories
//! do not know which.

use futures::future::LocalBoxFuture;
use serde_json::Value;

use super::kinds::Target;
use crate::failure::Outcome;

/// The hands of a user, on one cluster and in one namespace.
pub(crate) trait Hands {
    /// Applies manifests; objects that name no namespace land in the story's.
    fn apply<'a>(&'a self, manifests: &'a str) -> LocalBoxFuture<'a, Outcome>;
    /// Changes a part of an object (a JSON merge patch).
    fn patch<'a>(&'a self, target: &'a Target, change: &'a Value) -> LocalBoxFuture<'a, Outcome>;
    /// Asks for a number of replicas.
    fn scale<'a>(&'a self, target: &'a Target, replicas: i64) -> LocalBoxFuture<'a, Outcome>;
    /// Deletes an object and does not wait for its end.
    fn delete<'a>(&'a self, target: &'a Target) -> LocalBoxFuture<'a, Outcome>;
    /// Waits for the end of a rollout, as `kubectl rollout status` judges it.
    fn rollout_ends<'a>(&'a self, target: &'a Target) -> LocalBoxFuture<'a, Outcome>;
    /// The column READY of `kubectl get`, for example `3/3`.
    fn ready_column<'a>(&'a self, target: &'a Target) -> LocalBoxFuture<'a, Outcome<String>>;
}
