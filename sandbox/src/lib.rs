//! A Kubernetes-compatible API server (v1.34) in the process, for development and tests; never a production store.
//!
//! `server` starts one; `http` speaks to clients, `cluster` is the pipeline of every read and write, `store` keeps the
//! objects, `registry` knows which resources exist. `schema`, `patch`, `apply`, `table`, `proto`, `openapi` and
//! `discovery` are pure and driven by recorded data. `simulate` and `lifecycle` act on a `Cluster` as controllers do.
//! `stub` is what a cluster may call. Nothing in here knows of federation.

pub mod apply;
pub mod auth;
pub mod cluster;
pub mod control;
pub mod discovery;
pub mod faults;
pub mod http;
pub mod kubeconfig;
pub mod lifecycle;
pub mod object;
pub mod openapi;
pub mod patch;
pub mod proto;
pub mod registry;
pub mod request_log;
pub mod schema;
pub mod server;
pub mod simulate;
pub mod status;
pub mod store;
pub mod stub;
pub mod table;

#[cfg(test)]
mod recorded;
