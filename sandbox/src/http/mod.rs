//! The HTTP side: routing, content negotiation, watch streams, TLS.
