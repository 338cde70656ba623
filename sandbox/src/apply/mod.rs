//! Managed fields and server-side apply; pure, no I/O.
