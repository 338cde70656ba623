//! What members report, as numbers, and what follows for the source.
