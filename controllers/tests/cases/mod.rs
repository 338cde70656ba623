//! Cases as they are kept: lines of JSON, packed.

use std::io::Read as _;

use serde_json::Value;

/// The cases of a packed file, in order.
pub(crate) fn read(packed: &[u8]) -> Vec<Value> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed)
        .read_to_string(&mut text)
        .unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
