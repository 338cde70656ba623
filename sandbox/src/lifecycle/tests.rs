//! What the controllers of `lifecycle` bring about, waited for through watches.

use super::*;
use crate::auth::authority::Authority;
use crate::auth::tokens::TokenIssuer;
use crate::cluster::{DeleteOptions, Propagation, WriteOptions};
use crate::object;
use crate::status::Status;
use serde_json::{Value, json};
use std::time::Duration;

struct World {
    cluster: Cluster,
    authentication: Arc<Authentication>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl World {
    fn new() -> Self {
        let cluster = Cluster::in_memory();
        let authentication = Arc::new(Authentication {
            authority: Authority::new("test").unwrap(),
            tokens: TokenIssuer::new().unwrap(),
        });
        let stop = CancellationToken::new();
        prepare(&cluster);
        let tasks = start(&cluster, &authentication, &stop);
        Self {
            cluster,
            authentication,
            stop,
            tasks,
        }
    }

    fn create(&self, resource: &str, namespace: &str, object: Value) -> Arc<Value> {
        self.try_create(resource, namespace, object).unwrap()
    }

    fn try_create(
        &self,
        resource: &str,
        namespace: &str,
        object: Value,
    ) -> Result<Arc<Value>, Status> {
        let gvr = gvr(resource);
        Ok(self
            .cluster
            .create(&gvr, namespace, object, &WriteOptions::by("test"))?
            .object)
    }

    /// Waits until an object is as expected; `None`: it is gone.
    async fn until(
        &self,
        resource: &str,
        namespace: &str,
        name: &str,
        expected: impl Fn(Option<&Value>) -> bool,
    ) {
        let mut watch = self
            .cluster
            .watch(&gvr(resource), namespace, &WatchOptions::default())
            .unwrap();
        let waiting = async {
            loop {
                let now = self.cluster.get(&gvr(resource), namespace, name).ok();
                if expected(now.as_deref()) {
                    return;
                }
                watch.next().await.expect("the watch goes on");
            }
        };
        tokio::time::timeout(Duration::from_secs(10), waiting)
            .await
            .unwrap_or_else(|_| panic!("{resource} {namespace}/{name} did not become as expected"));
    }

    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(10), self.tasks.wait())
            .await
            .expect("all controllers end");
    }
}

fn gvr(resource: &str) -> Gvr {
    let group = if resource == "replicasets" {
        "apps"
    } else {
        ""
    };
    Gvr::new(group, "v1", resource)
}

fn config_map(name: &str, owner: Option<(&Value, bool)>) -> Value {
    let mut object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
    if let Some((owner, block)) = owner {
        object["metadata"]["ownerReferences"] = json!([{"apiVersion": "v1", "kind": "ConfigMap",
            "name": object::name(owner), "uid": object::uid(owner), "blockOwnerDeletion": block}]);
    }
    object
}

#[tokio::test]
async fn namespaces_have_an_account_and_end_with_their_content() {
    let world = World::new();
    world.create(
        "namespaces",
        "",
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}),
    );
    world
        .until("serviceaccounts", "shop", "default", |account| {
            account.is_some()
        })
        .await;
    world
        .until("configmaps", "shop", "kube-root-ca.crt", |map| {
            map.is_some()
        })
        .await;
    let mut held = config_map("held", None);
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    world.create("configmaps", "shop", held);
    world
        .cluster
        .delete(&gvr("namespaces"), "", "shop", &DeleteOptions::default())
        .unwrap();
    world
        .until("namespaces", "", "shop", |namespace| {
            namespace.is_some_and(|namespace| {
                let conditions = namespace["status"]["conditions"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default();
                conditions.iter().any(|c| {
                    c["message"]
                        == "Some resources are remaining: configmaps. has 1 resource instances"
                })
            })
        })
        .await;
    let refused = world
        .try_create("configmaps", "shop", config_map("late", None))
        .unwrap_err()
        .to_value();
    assert_eq!(
        refused["details"]["causes"][0]["reason"],
        "NamespaceTerminating"
    );
    world
        .cluster
        .mutate(
            &gvr("configmaps"),
            "shop",
            "held",
            &WriteOptions::by("test"),
            |object| {
                object::metadata_mut(object).remove("finalizers");
                Ok(())
            },
        )
        .unwrap();
    world
        .until("namespaces", "", "shop", |namespace| namespace.is_none())
        .await;
    world.stop().await;
}

#[tokio::test]
async fn dependents_go_with_their_last_owner_or_are_let_go() {
    let world = World::new();
    for (owner, propagation) in [
        ("a", Propagation::Background),
        ("b", Propagation::Foreground),
        ("c", Propagation::Orphan),
    ] {
        let made = world.create("configmaps", "default", config_map(owner, None));
        let dependent = format!("{owner}-dependent");
        world.create(
            "configmaps",
            "default",
            config_map(&dependent, Some((&made, true))),
        );
        let options = DeleteOptions {
            propagation: Some(propagation),
            ..DeleteOptions::default()
        };
        world
            .cluster
            .delete(&gvr("configmaps"), "default", owner, &options)
            .unwrap();
        world
            .until("configmaps", "default", owner, |object| object.is_none())
            .await;
        let orphan = propagation == Propagation::Orphan;
        world
            .until("configmaps", "default", &dependent, |object| match object {
                Some(object) => orphan && object::owner_references(object).is_empty(),
                None => !orphan,
            })
            .await;
    }
    let owner = json!({"metadata": {"name": "never-was", "uid": "u"}});
    world.create(
        "configmaps",
        "default",
        config_map("lost", Some((&owner, false))),
    );
    world
        .until("configmaps", "default", "lost", |object| object.is_none())
        .await;
    world.stop().await;
}

#[tokio::test]
async fn a_secret_that_asks_for_a_token_gets_one_that_proves_who_asks() {
    let world = World::new();
    world.create(
        "serviceaccounts",
        "default",
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "clerk"}}),
    );
    world.create("secrets", "default", json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
        "metadata": {"name": "clerk", "annotations": {"kubernetes.io/service-account.name": "clerk"}}}));
    world
        .until("secrets", "default", "clerk", |secret| {
            secret.is_some_and(|secret| secret.pointer("/data/token").is_some())
        })
        .await;
    let secret = world
        .cluster
        .get(&gvr("secrets"), "default", "clerk")
        .unwrap();
    use base64::Engine as _;
    let token = base64::engine::general_purpose::STANDARD
        .decode(secret["data"]["token"].as_str().unwrap())
        .unwrap();
    let header = format!("Bearer {}", String::from_utf8(token).unwrap());
    let shown = crate::auth::authentication::Shown {
        authorization: Some(&header),
        ..Default::default()
    };
    let user = world.authentication.user(&world.cluster, shown, 0).unwrap();
    assert_eq!(user.name, "system:serviceaccount:default:clerk");
    world
        .cluster
        .delete(
            &gvr("serviceaccounts"),
            "default",
            "clerk",
            &DeleteOptions::default(),
        )
        .unwrap();
    assert!(
        world.authentication.user(&world.cluster, shown, 0).is_err(),
        "the account is gone"
    );
    world.stop().await;
}

#[tokio::test]
async fn services_get_addresses_and_keep_them() {
    let world = World::new();
    let service = |name: &str, spec: Value| json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec});
    let ports = json!([{"port": 80}]);
    let one = world.create(
        "services",
        "default",
        service("one", json!({"ports": ports})),
    );
    let two = world.create(
        "services",
        "default",
        service("two", json!({"type": "NodePort", "ports": ports})),
    );
    assert_ne!(one["spec"]["clusterIP"], two["spec"]["clusterIP"]);
    assert!(two["spec"]["ports"][0]["nodePort"].is_u64());
    let headless = world.create(
        "services",
        "default",
        service("headless", json!({"clusterIP": "None", "ports": ports})),
    );
    assert_eq!(headless["spec"]["clusterIPs"], json!(["None"]));
    let mut clash = service("clash", json!({"ports": ports}));
    clash["spec"]["clusterIP"] = one["spec"]["clusterIP"].clone();
    assert_eq!(
        world
            .try_create("services", "default", clash)
            .unwrap_err()
            .code,
        422
    );
    let again = service(
        "two",
        json!({"type": "NodePort", "ports": [{"port": 80, "protocol": "TCP"}]}),
    );
    let updated = world
        .cluster
        .update(
            &gvr("services"),
            "default",
            "two",
            again,
            &WriteOptions::by("test"),
        )
        .unwrap();
    assert_eq!(
        updated.object["spec"]["clusterIP"],
        two["spec"]["clusterIP"]
    );
    assert_eq!(
        updated.object["spec"]["ports"][0]["nodePort"],
        two["spec"]["ports"][0]["nodePort"]
    );
    world.stop().await;
}

#[tokio::test]
async fn pods_run_under_an_account() {
    let world = World::new();
    world
        .until("serviceaccounts", "default", "default", |account| {
            account.is_some()
        })
        .await;
    let pod = |account: &str| {
        let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}});
        if !account.is_empty() {
            pod["spec"]["serviceAccountName"] = json!(account);
        }
        pod
    };
    let refused = world
        .try_create("pods", "default", pod("nosuch"))
        .unwrap_err()
        .to_value();
    assert_eq!(
        refused["message"],
        "pods \"p\" is forbidden: error looking up service account default/nosuch: serviceaccount \"nosuch\" not found"
    );
    let made = world.create("pods", "default", pod(""));
    assert_eq!(made["spec"]["serviceAccountName"], "default");
    assert_eq!(
        made["spec"]["tolerations"].as_array().map(Vec::len),
        Some(2)
    );
    assert_eq!(
        made["spec"]["containers"][0]["volumeMounts"][0]["mountPath"],
        "/var/run/secrets/kubernetes.io/serviceaccount"
    );
    world.stop().await;
}

#[tokio::test]
async fn a_quota_counts_and_refuses_what_would_exceed_it() {
    let world = World::new();
    world.create(
        "namespaces",
        "",
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}),
    );
    let present = |map: Option<&Value>| map.is_some();
    world
        .until("configmaps", "shop", "kube-root-ca.crt", present)
        .await;
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "tight"},
        "spec": {"hard": {"configmaps": "2"}}});
    world.create("resourcequotas", "shop", quota);
    let uses = |amount: &'static str| {
        move |quota: Option<&Value>| {
            let used = quota.and_then(|q| q.pointer("/status/used/configmaps"));
            used.and_then(Value::as_str) == Some(amount)
        }
    };
    world
        .until("resourcequotas", "shop", "tight", uses("1"))
        .await;
    world.create("configmaps", "shop", config_map("first", None));
    world
        .until("resourcequotas", "shop", "tight", uses("2"))
        .await;
    let refused = world.try_create("configmaps", "shop", config_map("second", None));
    let refused = refused.expect_err("it is one too many");
    assert_eq!(refused.code, 403);
    assert_eq!(
        refused.message,
        "configmaps \"second\" is forbidden: exceeded quota: tight, requested: configmaps=1, used: configmaps=2, \
         limited: configmaps=2"
    );
    world
        .cluster
        .delete(
            &gvr("configmaps"),
            "shop",
            "first",
            &DeleteOptions::default(),
        )
        .unwrap();
    world
        .until("resourcequotas", "shop", "tight", uses("1"))
        .await;
    world.stop().await;
}

#[tokio::test]
async fn a_claim_is_bound_to_the_smallest_volume_that_fits_and_both_are_let_go() {
    let world = World::new();
    world.create(
        "namespaces",
        "",
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}),
    );
    for (name, size, class) in [
        ("large", "5Gi", "manual"),
        ("small", "2Gi", "manual"),
        ("other", "1Gi", "other"),
    ] {
        let volume = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": {
            "accessModes": ["ReadWriteOnce"], "capacity": {"storage": size}, "hostPath": {"path": "/data"},
            "storageClassName": class,
        }});
        world.create("persistentvolumes", "", volume);
    }
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": {
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "storageClassName": "manual",
    }});
    world.create("persistentvolumeclaims", "shop", claim);
    let bound = |claim: Option<&Value>| {
        claim.is_some_and(|c| c["spec"]["volumeName"] == "small" && c["status"]["phase"] == "Bound")
    };
    world
        .until("persistentvolumeclaims", "shop", "data", bound)
        .await;
    let phase = |phase: &'static str| {
        move |volume: Option<&Value>| volume.is_some_and(|v| v["status"]["phase"] == phase)
    };
    world
        .until("persistentvolumes", "", "small", phase("Bound"))
        .await;
    let options = DeleteOptions::default();
    let claims = gvr("persistentvolumeclaims");
    world
        .cluster
        .delete(&claims, "shop", "data", &options)
        .unwrap();
    world
        .until("persistentvolumes", "", "small", phase("Released"))
        .await;
    let volumes = gvr("persistentvolumes");
    world
        .cluster
        .delete(&volumes, "", "small", &options)
        .unwrap();
    let gone = |volume: Option<&Value>| volume.is_none();
    world.until("persistentvolumes", "", "small", gone).await;
    world.stop().await;
}
