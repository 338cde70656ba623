//! The OpenAPI v2 and v3 documents, from schema data; pure.
