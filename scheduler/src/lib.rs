//! navarch-scheduler. The map of the house: docs/architecture.md
