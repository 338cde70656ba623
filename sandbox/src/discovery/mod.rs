//! The discovery documents, from what the registry holds; pure.
