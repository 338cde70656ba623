//! Runs plugins. What a plugin is (`traits`), which there are (`registry`), which of them a profile
//! uses (`profile`), and in which order they are asked (`cycle`). No rule about clusters lives here.

pub mod assessment;
pub mod cycle;
pub mod kept;
pub mod profile;
pub mod registry;
pub mod signature;
pub mod traits;
