//! One table a kind: `testdata/KIND.json` holds what members report and what the source is to say.

use crate::copies::aggregate::aggregate;
use crate::copies::observe::observe;
use navarch_crds::names::ClusterName;
use navarch_crds::v1alpha1::FederatedTypeConfigSpec;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Table {
    #[serde(rename = "typeConfig")]
    type_config: FederatedTypeConfigSpec,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    name: String,
    source: Value,
    /// Cluster to object; null where nothing was seen.
    members: std::collections::BTreeMap<String, Value>,
    /// Clusters whose copy is not what was asked for.
    #[serde(default, rename = "outOfSync")]
    out_of_sync: Vec<String>,
    status: Option<Value>,
}

fn run(text: &str) {
    let table: Table = serde_json::from_str(text).unwrap();
    for row in table.rows {
        let observed: Vec<_> = row
            .members
            .iter()
            .map(|(cluster, object)| {
                let seen = (!object.is_null()).then(|| observe(&table.type_config, object));
                (ClusterName::new(cluster).unwrap(), seen)
            })
            .collect();
        let members: Vec<_> = observed
            .iter()
            .map(|(cluster, seen)| {
                let in_sync = !row.out_of_sync.iter().any(|name| name == cluster.as_str());
                (cluster.clone(), seen.as_ref(), in_sync)
            })
            .collect();
        let mut source = row.source;
        let status = aggregate(&table.type_config, &source, &members);
        assert_eq!(status, row.status, "{}", row.name);
        // Said once, it stays: nothing is written again.
        if let Some(status) = status {
            source["status"] = status.clone();
            let again = aggregate(&table.type_config, &source, &members);
            assert_eq!(again, Some(status), "{} again", row.name);
        }
    }
}

macro_rules! tables {
    ($($name:ident: $file:literal),* $(,)?) => {
        $(#[test] fn $name() { run(include_str!(concat!("testdata/", $file))); })*
    };
}

tables! {
    deployments: "deployment.json",
    stateful_sets: "stateful_set.json",
    daemon_sets: "daemon_set.json",
    jobs: "job.json",
    cron_jobs: "cron_job.json",
    services_and_ingresses: "load_balancer.json",
    pods: "pod.json",
    claims: "claim.json",
    custom_resources: "generic.json",
}

#[test]
fn nothing_is_said_where_the_host_or_nobody_is_asked() {
    let spec = |group: &str, kind: &str, enabled: bool| -> FederatedTypeConfigSpec {
        serde_json::from_value(
            json!({"sourceType": {"group": group, "version": "v1", "kind": kind},
            "statusAggregation": {"enabled": enabled}}),
        )
        .unwrap()
    };
    let object = json!({"status": {"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "True"}]}});
    for (name, type_config) in [
        (
            "host's own",
            spec("apiextensions.k8s.io", "CustomResourceDefinition", true),
        ),
        ("no status", spec("", "ConfigMap", true)),
        ("switched off", spec("apps", "Deployment", false)),
    ] {
        let observed = observe(&type_config, &object);
        let members = [(ClusterName::new("a").unwrap(), Some(&observed), true)];
        assert_eq!(aggregate(&type_config, &object, &members), None, "{name}");
    }
}
