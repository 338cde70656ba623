//! Protobuf bodies to JSON and back; pure.
