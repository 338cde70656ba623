//! navarch-controllers. The map of the house: docs/architecture.md
