//! Scenarios: what a user does and what they see, told once and played on any backend.
//!
//! `scenarios/` holds a story a file and the list of them; `world/` is what a story gets: clusters to read, hands to
//! write with, ways to wait; `backend/` is where it plays. A story knows its world and never the backend, so the same
//! list runs on the sandbox and on real control planes. `runner/` plays them; `tests/scenarios.rs` is its program.

mod backend;
mod failure;
pub mod runner;
pub mod scenarios;
mod world;

pub use failure::Failure;
