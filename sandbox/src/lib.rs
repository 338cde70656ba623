//! navarch-sandbox. The map of the house: docs/architecture.md
