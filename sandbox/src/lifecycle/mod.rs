//! Namespace termination, garbage collection and the objects every cluster has.
