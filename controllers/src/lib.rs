//! The work: rooms that read, decide and act. A room is a folder of pure files and one or few that do
//! I/O; rooms do not call each other, they share `runtime`, `fleet` and the types of `navarch-crds`.
//! Nothing here knows the sandbox. The map: `docs/architecture.md`.

pub mod dispatch;
pub mod federated;
mod fleet;
pub mod install;
mod membership;
pub mod offline;
pub mod pointer;
pub mod propagate;
mod rooms;
mod runtime;
pub mod status;

pub use membership::credentials::{CredentialsError, member_config};
pub use runtime::lease::LeaderElection;
pub use runtime::options::{RunOptions, Timings};
pub use runtime::run::{RunError, run};
