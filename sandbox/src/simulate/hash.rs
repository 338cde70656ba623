//! Short hashes of templates for names and labels: FNV-1a over the JSON text, in the letters of generated names
//! (k8s.io/apimachinery `util/rand.SafeEncodeString`). The value differs from a real controller's, which hashes a dump of
//! Go structures; it is as stable.

use serde_json::Value;

const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// The hash of a value and the number of collisions met so far.
pub(crate) fn of(value: &Value, collisions: i64) -> String {
    let mut hash: u32 = 0x811c_9dc5;
    let mut take = |text: &str| {
        for byte in text.bytes() {
            hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
    };
    take(&value.to_string());
    if collisions > 0 {
        take(&collisions.to_string());
    }
    let letter = |b: u8| LETTERS.get(usize::from(b) % LETTERS.len()).copied();
    let digits = hash.to_string();
    digits.bytes().filter_map(letter).map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_hash_depends_on_value_and_collisions_only() {
        let value = json!({"b": 1, "a": 2});
        assert_eq!(of(&value, 0), of(&json!({"a": 2, "b": 1}), 0));
        assert_ne!(of(&value, 0), of(&value, 1));
        assert_ne!(of(&value, 0), of(&json!({"a": 2}), 0));
    }
}
