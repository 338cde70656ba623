//! What was asked of a server, for tests that count.
