//! The work: rooms that read, decide and act. A room is a folder of pure files and one or few that do
//! I/O; rooms do not call each other, they share `runtime`, `fleet` and the types of `navarch-crds`.
//! Nothing here knows the sandbox. The map: `docs/architecture.md`.

pub mod dispatch;
pub mod federated;
pub mod offline;
pub mod pointer;
pub mod propagate;
pub mod status;
