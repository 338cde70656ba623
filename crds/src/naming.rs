//! Names derived from names (KubeAdmiral `pkg/util/naming/naming.go`). They are the only link from
//! a source to its federated object, so they must come out byte for byte.

use crate::go::hash::fnv1_32;
use crate::names::SUBDOMAIN_LENGTH_MAX;

/// Longest value of a label.
const LABEL_VALUE_LENGTH_MAX: usize = 63;

/// The name of the federated object of a source: `<source>-<type config>`, made a valid name.
/// A hash of the original keeps apart what the change makes equal.
#[must_use]
pub fn federated_object_name(source_name: &str, ftc_name: &str) -> String {
    let transformed = transform(source_name);
    let name = if transformed == source_name {
        format!("{transformed}-{ftc_name}")
    } else {
        format!(
            "{transformed}-{ftc_name}-{}",
            fnv1_32(source_name.as_bytes())
        )
    };
    fit(name, SUBDOMAIN_LENGTH_MAX)
}

/// The name of an endpoint slice that was imported from a cluster.
#[must_use]
pub fn imported_endpoint_slice_name(slice: &str, cluster: &str) -> String {
    fit(format!("imported-{cluster}-{slice}"), SUBDOMAIN_LENGTH_MAX)
}

/// The name of the federated object of a derived service.
#[must_use]
pub fn derived_service_object_name(service: &str) -> String {
    fit(format!("derived-{service}-services"), SUBDOMAIN_LENGTH_MAX)
}

/// A cluster name made to fit into a label value.
#[must_use]
pub fn source_cluster_value(cluster: &str) -> String {
    fit(cluster.to_owned(), LABEL_VALUE_LENGTH_MAX)
}

/// Letters in lower case, bytes that names do not have as dots, runs of dots as one.
fn transform(name: &str) -> String {
    let mut transformed = String::with_capacity(name.len());
    for byte in name.bytes() {
        let byte = match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' => byte,
            b'A'..=b'Z' => byte.to_ascii_lowercase(),
            _ => b'.',
        };
        if byte != b'.' || !transformed.ends_with('.') {
            transformed.push(char::from(byte));
        }
    }
    transformed
}

/// Cuts a name that is too long and ends it with the hash of the whole. A cut inside a character
/// (only a type config or cluster name could hold one, and valid ones do not) moves to its start.
fn fit(name: String, length_max: usize) -> String {
    if name.len() <= length_max {
        return name;
    }
    let hash = fnv1_32(name.as_bytes()).to_string();
    let mut length = length_max.saturating_sub(hash.len() + 1);
    while !name.is_char_boundary(length) {
        length -= 1;
    }
    let mut fitted = name;
    fitted.truncate(length);
    fitted.push('-');
    fitted.push_str(&hash);
    fitted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn federated_objects_are_named_as_kubeadmiral_names_them() {
        let roles = "roles.rbac.authorization.k8s.io";
        let foo = "foo".repeat(80);
        let long = format!("{foo}-r-3980386512");
        for (source, ftc, expected) in [
            ("foo", "configmaps", "foo-configmaps"),
            (
                "system:foo",
                roles,
                "system.foo-roles.rbac.authorization.k8s.io-2728495308",
            ),
            (
                "system::foo",
                roles,
                "system.foo-roles.rbac.authorization.k8s.io-2999937238",
            ),
            (
                "system...foo",
                roles,
                "system.foo-roles.rbac.authorization.k8s.io-1857674172",
            ),
            (
                "system#Foo",
                roles,
                "system.foo-roles.rbac.authorization.k8s.io-1133665787",
            ),
            (&foo, roles, long.as_str()),
        ] {
            assert_eq!(federated_object_name(source, ftc), expected, "{source}");
        }
    }

    #[test]
    fn cluster_names_fit_into_labels() {
        assert_eq!(source_cluster_value("member-1"), "member-1");
        assert_eq!(source_cluster_value(&"m".repeat(64)).len(), 63);
    }

    proptest! {
        #[test]
        fn any_text_makes_a_name_that_fits(source in ".*", ftc in ".*") {
            prop_assert!(federated_object_name(&source, &ftc).len() <= 253);
            prop_assert!(imported_endpoint_slice_name(&source, &ftc).len() <= 253);
            prop_assert!(source_cluster_value(&source).len() <= 63);
        }

        #[test]
        fn any_bytes_make_a_name(source in prop::collection::vec(any::<u8>(), 0..400)) {
            let source = String::from_utf8_lossy(&source);
            let name = federated_object_name(&source, "configmaps");
            prop_assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.'));
        }
    }
}
