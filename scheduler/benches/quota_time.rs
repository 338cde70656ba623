//! What quotas cost: 100,000 objects under 1,000 quotas, `cargo bench -p navarch-scheduler --bench quota_time`. Prints, and
//! fails where all of them take more than a second to take in, as after a start, or where what one decision asks takes
//! more than a hundred microseconds.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use navarch_crds::names::ClusterName;
use navarch_crds::quota::{Charge, ClusterCharge, GlobalQuotaSpec};
use navarch_crds::select::Labels;
use navarch_scheduler::quota::{Account, Leaves, Subject, Tree};
use serde_json::{Value, json};

type Outcome<T> = Result<T, Box<dyn Error>>;

const OBJECTS: usize = 100_000;
/// Tenants of ten departments of one company: with these 1,011 quotas.
const TENANTS: usize = 1_000;
const DEPARTMENTS: usize = 10;
const CLUSTERS: usize = 100;
/// Clusters that one object is in.
const PLACES: usize = 3;
/// What a start may take to know them all.
const START_LIMIT: Duration = Duration::from_secs(1);
/// What a decision may spend on them.
const DECISION_LIMIT: Duration = Duration::from_micros(100);
const ROUNDS: usize = 20_000;

fn specs() -> Outcome<BTreeMap<String, GlobalQuotaSpec>> {
    let spec = |value: Value| -> Outcome<GlobalQuotaSpec> { Ok(serde_json::from_value(value)?) };
    let mut specs = BTreeMap::new();
    let company = json!({"resources": [{"name": "cpu", "limit": "10000000"}, {"name": "memory", "limit": "40000Ti"}]});
    specs.insert("company".to_owned(), spec(company)?);
    for department in 0..DEPARTMENTS {
        let resources = json!([{"name": "cpu", "guaranteed": "100000"}, {"name": "memory", "guaranteed": "400Ti"}]);
        let value = json!({"parentName": "company", "resources": resources});
        specs.insert(format!("department-{department}"), spec(value)?);
    }
    for tenant in 0..TENANTS {
        let parent = format!("department-{}", tenant % DEPARTMENTS);
        let value = json!({
            "parentName": parent,
            "selector": {"namespaces": [format!("tenant-{tenant}")]},
            "resources": [{"name": "cpu", "guaranteed": "900", "limit": "5000"}, {"name": "memory", "guaranteed": "3Ti"}],
            "clusters": [{"selector": {"matchLabels": {"zone": "z1"}}, "resources": [{"name": "cpu", "limit": "4000"}]}],
        });
        specs.insert(format!("tenant-{tenant}"), spec(value)?);
    }
    Ok(specs)
}

fn clusters() -> Outcome<BTreeMap<ClusterName, Labels>> {
    let one = |index: usize| -> Outcome<(ClusterName, Labels)> {
        let zone = [("zone".to_owned(), format!("z{}", index % 5))];
        Ok((ClusterName::new(&format!("cluster-{index}"))?, zone.into()))
    };
    (0..CLUSTERS).map(one).collect()
}

/// A Deployment of three replicas in each of three clusters.
fn charge(object: usize, names: &[ClusterName], replicas: i64) -> Charge {
    let each: BTreeMap<String, i64> = [
        ("requests.cpu".to_owned(), 100),
        ("requests.memory".to_owned(), 64 << 20),
        ("pods".to_owned(), 1),
    ]
    .into();
    let copy = ClusterCharge {
        replicas,
        each,
        ..ClusterCharge::default()
    };
    let places = (0..PLACES).filter_map(|place| names.get((object + place * 7) % names.len()));
    Charge {
        once: [("count/deployments.apps".to_owned(), 1)].into(),
        clusters: places.map(|name| (name.clone(), copy.clone())).collect(),
    }
}

fn leaves(tree: &Tree, object: usize) -> Leaves {
    let none = Labels::default();
    tree.leaves_of(&Subject {
        namespace: &format!("tenant-{}", object % TENANTS),
        namespace_labels: &none,
        group: "apps",
        kind: "Deployment",
        labels: &none,
        priority_class: "",
    })
}

/// Of this process, in MiB; nothing where the system does not say.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<usize>().ok()? / 1024)
}

fn within(what: &str, took: Duration, limit: Duration) -> Outcome<()> {
    println!("{what}: {took:.1?}");
    if took > limit {
        return Err(format!("{what}: {took:?}, more than {limit:?}").into());
    }
    Ok(())
}

fn main() -> Outcome<()> {
    let (specs, clusters) = (specs()?, clusters()?);
    let names: Vec<ClusterName> = clusters.keys().cloned().collect();
    // As they stand on the objects: a start reads them from there.
    let stored: Vec<String> = (0..OBJECTS)
        .map(|object| serde_json::to_string(&charge(object, &names, 3)))
        .collect::<Result<_, _>>()?;
    let before = resident();

    let start = Instant::now();
    let tree = Arc::new(Tree::build(&specs));
    let mut account: Account<usize> = Account::new(Arc::clone(&tree), &clusters);
    for (object, text) in stored.iter().enumerate() {
        let charge: Charge = serde_json::from_str(text)?;
        account.charge(&object, &leaves(&tree, object), Some(&charge));
    }
    let took = start.elapsed();
    if let (Some(before), Some(after)) = (before, resident()) {
        println!(
            "{OBJECTS} objects under {} quotas: {} MiB",
            specs.len(),
            after.saturating_sub(before)
        );
    }
    within(
        "a start: read, attribute and sum up all charges",
        took,
        START_LIMIT,
    )?;

    let start = Instant::now();
    let mut room = 0_i64;
    for round in 0..ROUNDS {
        let object = round * 5 % OBJECTS;
        let (leaves, wanted) = (leaves(&tree, object), charge(object, &names, 4));
        for (cluster, copy) in &wanted.clusters {
            room = room.saturating_add(account.headroom(&object, &leaves, copy, cluster));
        }
        let freed = account.reserve(&object, &leaves, &wanted);
        freed.map_err(|refusal| format!("object {object} was refused: {refusal:?}"))?;
        account.charge(&object, &leaves, Some(&wanted));
        account.unreserve(&object);
    }
    black_box(room);
    let each = start.elapsed() / u32::try_from(ROUNDS)?;
    within(
        "a decision: room in three clusters, admission, charge",
        each,
        DECISION_LIMIT,
    )?;

    let start = Instant::now();
    account.set_tree(Arc::new(Tree::build(&specs)), |object| {
        leaves(&tree, *object)
    });
    within(
        "a quota was edited: all attributed and summed up again",
        start.elapsed(),
        START_LIMIT,
    )
}
