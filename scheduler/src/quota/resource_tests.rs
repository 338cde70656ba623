//! Tests of `resource`: which names there are, and what amounts look like.

use proptest::prelude::*;

use super::*;

#[test]
fn names_are_spelled_out() {
    for (text, name, once) in [
        ("cpu", "requests.cpu", false),
        ("requests.cpu", "requests.cpu", false),
        ("limits.cpu", "limits.cpu", false),
        ("memory", "requests.memory", false),
        ("limits.memory", "limits.memory", false),
        ("ephemeral-storage", "requests.ephemeral-storage", false),
        ("hugepages-2Mi", "requests.hugepages-2Mi", false),
        ("limits.hugepages-1Gi", "limits.hugepages-1Gi", false),
        ("nvidia.com/gpu", "requests.nvidia.com/gpu", false),
        ("requests.nvidia.com/gpu", "requests.nvidia.com/gpu", false),
        ("pods", "pods", false),
        ("requests.storage", "requests.storage", false),
        ("services.loadbalancers", "services.loadbalancers", false),
        ("services.nodeports", "services.nodeports", false),
        ("services", "count/services", true),
        ("configmaps", "count/configmaps", true),
        ("secrets", "count/secrets", true),
        (
            "persistentvolumeclaims",
            "count/persistentvolumeclaims",
            true,
        ),
        ("count/pods", "count/pods", true),
        ("count/deployments.apps", "count/deployments.apps", true),
        (
            "count/clusterrolebindings.rbac.authorization.k8s.io",
            "count/clusterrolebindings.rbac.authorization.k8s.io",
            true,
        ),
        (
            "gold.storageclass.storage.k8s.io/requests.storage",
            "gold.storageclass.storage.k8s.io/requests.storage",
            false,
        ),
        (
            "my.gold.storageclass.storage.k8s.io/persistentvolumeclaims",
            "my.gold.storageclass.storage.k8s.io/persistentvolumeclaims",
            true,
        ),
    ] {
        let parsed = ResourceName::parse(text).unwrap();
        assert_eq!(parsed.as_str(), name, "{text}");
        assert_eq!(parsed.once(), once, "{text}");
        assert_eq!(ResourceName::parse(name).unwrap(), parsed, "{text}");
    }
}

#[test]
fn names_that_nobody_knows() {
    for text in [
        "",
        "cpus",
        "storage",
        "requests.",
        "limits.nvidia.com/gpu",
        "limits.pods",
        "requests.pods",
        "requests.requests.cpu",
        "kubernetes.io/thing",
        "hugepages-",
        "hugepages-many",
        "count/",
        "count/Deployments.apps",
        "count/deployments.",
        "count/a/b",
        "gold.storageclass.storage.k8s.io/limits.storage",
        "Gold.storageclass.storage.k8s.io/requests.storage",
        ".storageclass.storage.k8s.io/requests.storage",
        "services.ports",
        "CPU",
    ] {
        let error = ResourceName::parse(text).unwrap_err();
        assert!(error.to_string().contains("nvidia.com/gpu"), "{text}");
    }
}

#[test]
fn amounts_are_read_downwards_and_written_as_quantities() {
    for (name, text, amount, again) in [
        ("cpu", "1500m", 1500, "1500m"),
        ("cpu", "2", 2000, "2"),
        ("cpu", "0.0009", 0, "0"),
        ("limits.cpu", "1k", 1_000_000, "1k"),
        ("memory", "64Gi", 64 << 30, "64Gi"),
        ("memory", "1500", 1500, "1500"),
        ("pods", "10", 10, "10"),
        ("pods", "10.9", 10, "10"),
        ("requests.storage", "1.5Gi", 3 << 29, "1536Mi"),
        ("hugepages-2Mi", "4Mi", 4 << 20, "4Mi"),
        ("nvidia.com/gpu", "8", 8, "8"),
        ("memory", "1000Ei", LIMIT_MAX, "9223372036854775806"),
    ] {
        let resource = ResourceName::parse(name).unwrap();
        assert_eq!(resource.limit(text).unwrap(), amount, "{name} {text}");
        assert_eq!(resource.text(amount), again, "{name} {text}");
    }
    let cpu = ResourceName::parse("cpu").unwrap();
    assert!(matches!(
        cpu.limit("-1"),
        Err(ResourceError::Negative { .. })
    ));
    assert!(matches!(
        cpu.limit("many"),
        Err(ResourceError::Amount { .. })
    ));
    assert!(matches!(cpu.limit(""), Err(ResourceError::Amount { .. })));
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        amount in 0..100_000_000_000_000_000_i64,
        name in prop::sample::select(vec!["cpu", "memory", "pods", "requests.storage", "nvidia.com/gpu"]),
    ) {
        let resource = ResourceName::parse(name).unwrap();
        prop_assert_eq!(resource.limit(&resource.text(amount)).unwrap(), amount);
    }

    #[test]
    fn no_text_panics(text in ".*", other in "[a-z./-]{0,40}", amount in any::<i64>()) {
        for text in [text, other] {
            if let Ok(name) = ResourceName::parse(&text) {
                prop_assert_eq!(ResourceName::parse(name.as_str()).unwrap(), name.clone());
                let _ = name.text(amount);
            }
            let _ = amount_text(&text, amount);
        }
    }
}
