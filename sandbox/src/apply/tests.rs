//! Ownership against the recordings, and by property.
