//! navarch-crds. The map of the house: docs/architecture.md
