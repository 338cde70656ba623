//! The work: rooms that read, decide and act. A room is a folder of pure files and one or few that do
//! I/O; rooms do not call each other, they share `runtime`, `fleet`, `host`, `copies` and the types of `navarch-crds`.
//! Nothing here knows the sandbox. The map: `docs/architecture.md`.

pub mod copies;
pub mod dispatch;
pub mod federated;
mod fleet;
pub mod follow;
mod host;
pub mod install;
mod membership;
mod migrate;
pub mod offline;
pub mod pending;
pub mod pointer;
pub mod propagate;
mod quota;
mod rooms;
mod run;
mod runtime;
mod status;
mod webhook;

pub use membership::credentials::{CredentialsError, member_config};
pub use run::{RunError, run};
pub use runtime::lease::LeaderElection;
pub use runtime::options::{RunOptions, Timings};
