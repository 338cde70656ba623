//! Tests of `followings`: who is woken by what a leader says.

use navarch_crds::v1alpha1::FederatedTypeConfigSpec;
use serde_json::{Value, json};

use super::*;

fn type_configs(names: &[&str]) -> TypeConfigs {
    let configs = TypeConfigs::default();
    for config in navarch_crds::type_configs::defaults() {
        let name = config.metadata.name.clone().unwrap_or_default();
        if names.contains(&name.as_str()) {
            let spec: FederatedTypeConfigSpec = config.spec;
            configs.put(&name, config.metadata.annotations.as_ref(), spec);
        }
    }
    configs
}

fn leader(followers: &Value, clusters: &[&str]) -> FederatedEntry {
    let placement: Vec<Value> = clusters
        .iter()
        .map(|name| json!({ "cluster": name }))
        .collect();
    let annotation = followers
        .as_str()
        .map_or_else(|| followers.to_string(), str::to_owned);
    let object = json!({
        "metadata": { "name": "web-deployments.apps", "namespace": "shop", "uid": "u", "annotations": {
            "internal.kubeadmiral.io/enable-follower-scheduling": "true",
            "kubeadmiral.io/followers": annotation } },
        "spec": { "placements": [{ "controller": "x", "placement": placement }],
            "template": { "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
                "spec": { "template": { "spec": {} } } } } });
    FederatedEntry::new(object, &TypeConfigs::default())
}

fn key(name: &str) -> Key {
    Key::new(Some("shop"), name)
}

fn set(names: &[&str]) -> BTreeSet<Key> {
    names.iter().map(|name| key(name)).collect()
}

#[test]
fn who_is_named_moved_or_dropped_is_woken() {
    let configs = type_configs(&["configmaps", "services", "roles.rbac.authorization.k8s.io"]);
    let followings = Followings::default();
    let web = key("web-deployments.apps");
    let both = json!([{ "kind": "ConfigMap", "name": "a" }, { "kind": "Service", "name": "b" },
        { "group": "rbac.authorization.k8s.io", "kind": "Role", "name": "never" }]);
    let one = json!([{ "kind": "ConfigMap", "name": "a" }]);
    let all = ["a-configmaps", "b-services"];
    for (name, state, named, moved, leads) in [
        (
            "new",
            Some(leader(&both, &["c1"])),
            &all[..],
            &[][..],
            &all[..],
        ),
        ("same", Some(leader(&both, &["c1"])), &[], &[], &all[..]),
        (
            "moved",
            Some(leader(&both, &["c2"])),
            &[],
            &all[..],
            &all[..],
        ),
        (
            "unreadable",
            Some(leader(&json!("nonsense"), &["c2"])),
            &[],
            &[],
            &all[..],
        ),
        (
            "fewer",
            Some(leader(&one, &["c2"])),
            &all[1..],
            &[],
            &all[..1],
        ),
        ("gone", None, &all[..1], &[], &[]),
    ] {
        let woken = followings.settle(&web, &configs, || state);
        assert_eq!(woken.named, set(named), "{name}");
        assert_eq!(woken.moved, set(moved), "{name}");
        for follower in all {
            let led = !followings.leaders(&key(follower), &[]).is_empty();
            assert_eq!(led, leads.contains(&follower), "{name}: {follower}");
            assert_eq!(
                followings.is_named(&key(follower)),
                led,
                "{name}: {follower}"
            );
        }
    }
}

#[test]
fn a_leader_that_cannot_be_read_after_a_restart_keeps_who_followed_it() {
    let configs = type_configs(&["configmaps"]);
    let followings = Followings::default();
    let odd = leader(&json!("nonsense"), &["c1"]);
    let web = odd.leading.as_ref().unwrap().leader.clone();
    followings.settle(&key("web-deployments.apps"), &configs, || Some(odd));
    let other = LeaderReference {
        name: "other".to_owned(),
        ..web.clone()
    };
    let map = key("a-configmaps");
    assert_eq!(followings.leaders(&map, &[other]).len(), 0);
    assert_eq!(followings.leaders(&map, &[web]).len(), 1);
}

#[test]
fn a_type_config_may_come_later() {
    let followings = Followings::default();
    let web = key("web-deployments.apps");
    let state = leader(&json!([{ "kind": "ConfigMap", "name": "a" }]), &["c1"]);
    let woken = followings.settle(&web, &type_configs(&[]), || Some(state));
    assert_eq!(woken, Woken::default());
    let configs = type_configs(&["configmaps"]);
    assert_eq!(
        followings.settle_type_configs(&configs),
        set(&["a-configmaps"])
    );
    assert!(followings.settle_type_configs(&configs).is_empty());
    assert_eq!(
        followings.named(&key("a-configmaps")),
        Some((Arc::from("configmaps"), "a".to_owned()))
    );
}
