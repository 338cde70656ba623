//! navarch-e2e. The map of the house: docs/architecture.md
