//! FNV-1 with 32 bits, Go's `fnv.New32`: multiply first, then xor (FNV-1a, which crates offer, does
//! it the other way round).

use super::json;
use serde::Serialize;

const OFFSET: u32 = 2_166_136_261;
const PRIME: u32 = 16_777_619;

/// The hash of the bytes.
#[must_use]
pub const fn fnv1_32(bytes: &[u8]) -> u32 {
    fnv1_32_from(OFFSET, bytes)
}

/// Continues a hash, for text in pieces.
#[must_use]
pub const fn fnv1_32_from(mut hash: u32, mut bytes: &[u8]) -> u32 {
    while let [byte, rest @ ..] = bytes {
        hash = hash.wrapping_mul(PRIME) ^ (*byte as u32);
        bytes = rest;
    }
    hash
}

/// The hash of a value's Go JSON in decimal, as the scheduler stores it
/// (`pkg/controllers/scheduler/schedulingtriggers.go`).
///
/// # Errors
/// When the value cannot be written as JSON.
pub fn of_json<T: Serialize + ?Sized>(value: &T) -> Result<String, json::JsonError> {
    Ok(fnv1_32(json::to_string(value)?.as_bytes()).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1alpha1::{ApiResource, PropagationPolicySpec, Taint};
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    #[test]
    fn bytes_hash_as_in_go() {
        for (text, expected) in [
            ("", 2_166_136_261),
            ("{}", 1_450_640_401),
            ("null", 784_127_654),
            ("[]", 913_756_753),
            ("Foo_Bar", 9_819_489),
        ] {
            assert_eq!(fnv1_32(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn values_hash_as_the_scheduler_stores_them() {
        let labels = BTreeMap::from([("b", "2"), ("a", "1")]);
        assert_eq!(of_json(&labels).unwrap(), "2560999933");
        let annotations = json!({"kubeadmiral.io/sticky-cluster": "false"});
        assert_eq!(of_json(&annotations).unwrap(), "1820391556");
        let taints: Vec<Taint> = serde_json::from_value(json!([
            {"effect": "NoExecute", "key": "k1", "value": "v"},
            {"effect": "NoSchedule", "key": "k2"},
        ]))
        .unwrap();
        assert_eq!(of_json(&taints).unwrap(), "729731651");
        let types: Vec<ApiResource> = serde_json::from_value(json!([
            {"version": "v1", "kind": "Pod", "pluralName": "pods", "scope": "Namespaced"},
            {"group": "apps", "version": "v1", "kind": "Deployment", "pluralName": "deployments",
             "scope": "Namespaced"},
        ]))
        .unwrap();
        assert_eq!(of_json(&types).unwrap(), "419764282");
        assert_eq!(of_json(&Value::Null).unwrap(), "784127654");
    }

    #[test]
    fn a_policy_hashes_as_the_scheduler_stores_it() {
        let spec: PropagationPolicySpec = serde_json::from_value(json!({
            "schedulingMode": "Divide",
            "replicasStrategy": "Spread",
            "reschedulePolicy": {
                "replicaRescheduling": {"avoidDisruption": true},
                "rescheduleWhen": {"policyContentChanged": true},
            },
        }))
        .unwrap();
        let text = concat!(
            r#"{"schedulingProfile":"","schedulingMode":"Divide","replicasStrategy":"Spread","#,
            r#""reschedulePolicy":{"rescheduleWhen":{"policyContentChanged":true,"#,
            r#""clusterJoined":false,"clusterLabelsChanged":false,"#,
            r#""clusterAPIResourcesChanged":false},"replicaRescheduling":{"avoidDisruption":true}}}"#
        );
        assert_eq!(json::to_string(&spec).unwrap(), text);
        assert_eq!(of_json(&spec).unwrap(), "3801098147");
    }
}
