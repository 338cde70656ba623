//! The controllers against sandbox servers: a host and members, driven as a user would. One binary.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test says what it waited for, and ends at the first thing that is not as expected"
)]

mod auto_migration;
mod bad_input;
mod clusters;
mod credentials;
mod direct;
mod followers;
mod harness;
mod katalyst;
mod knowledge;
mod members;
mod migration;
mod promised;
mod propagation;
mod resilience;
mod safety;
mod takeover;
mod webhooks;
mod withdrawal;
