//! Global quotas proposed from what runs and from the ResourceQuotas of a host: one for each namespace, or for each value
//! of a label of namespaces. Pure, and a proposal only: people decide.

use super::documents::{Documents, OfflineError, Reading};
use crate::copies::charge::{self, charge_of};
use crate::federated::Federated;
use crate::pointer;
use crate::propagate::quota::difference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use navarch_crds::go::quantity::{self, Quantity};
use navarch_crds::names::ClusterName;
use navarch_crds::quota::{
    API_VERSION, Charge, GlobalQuotaSpec, Mode, QuotaSelector, ResourceShare,
};
use navarch_crds::select::Labels;
use navarch_scheduler::quota::resource::amount_text;
use navarch_scheduler::quota::{ResourceName, Subject, Tree, need};
use navarch_scheduler::unit;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What the proposal should be like.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// A label of namespaces: those with one value share a quota. Else each namespace has its own.
    pub by_label: Option<String>,
    /// So much more than what is used, in percent.
    pub headroom: u32,
    /// The quota to stand under; empty for none.
    pub parent: String,
}

/// What is proposed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Suggested {
    /// One for each group of namespaces that uses or may use anything, by name.
    pub quotas: Vec<SuggestedQuota>,
    /// What was not looked at, and why.
    pub left_out: Vec<String>,
}

/// A quota that is proposed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SuggestedQuota {
    /// As it would be applied.
    pub quota: Value,
    /// What was seen.
    pub notes: Vec<String>,
}

/// What was seen of one namespace.
#[derive(Default)]
struct Seen {
    objects: usize,
    used: BTreeMap<String, i64>,
    /// The least that a ResourceQuota leaves, and of which one.
    limits: BTreeMap<String, (i64, String)>,
    /// Quotas that have objects of it already.
    held: BTreeSet<String>,
}

/// Proposes quotas. The documents are federated objects, clusters, type configs, namespaces, core ResourceQuotas and the
/// GlobalQuotas that are there already.
///
/// # Errors
/// A document that is no object.
pub fn suggest(documents: Vec<Value>, wishes: &Wishes) -> Result<Suggested, OfflineError> {
    let documents = Documents::read(documents, Reading::Stored)?;
    let mut suggested = Suggested::default();
    let mut seen = used(&documents, &mut suggested.left_out);
    limited(&documents, &mut seen, &mut suggested.left_out);
    let mut groups: BTreeMap<String, Vec<(String, Seen)>> = BTreeMap::new();
    for (namespace, seen) in seen {
        let group = match &wishes.by_label {
            None => Some(namespace.clone()),
            Some(label) => {
                let labels = documents.namespaces.get(&namespace);
                labels.and_then(|labels| labels.get(label)).cloned()
            }
        };
        match group.filter(|group| !group.is_empty()) {
            Some(group) => groups.entry(group).or_default().push((namespace, seen)),
            None => suggested.left_out.push(format!(
                "namespace {namespace} has no label {}",
                wishes.by_label.as_deref().unwrap_or_default()
            )),
        }
    }
    let mut taken: BTreeSet<String> = documents.quotas.keys().cloned().collect();
    for (group, members) in groups {
        suggested
            .quotas
            .extend(proposal(&group, &members, wishes, &mut taken));
    }
    Ok(suggested)
}

/// What runs, by namespace.
fn used(documents: &Documents, left_out: &mut Vec<String>) -> BTreeMap<String, Seen> {
    let mut seen: BTreeMap<String, Seen> = BTreeMap::new();
    let tree = Tree::build(&documents.quotas);
    let nodes: BTreeMap<&str, i64> = documents
        .clusters
        .iter()
        .filter_map(|cluster| {
            let status = cluster.object.status.as_ref()?;
            let name = cluster.object.metadata.name.as_deref()?;
            Some((name, status.resources.schedulable_nodes?))
        })
        .collect();
    let nodes = |cluster: &ClusterName| nodes.get(cluster.as_str()).copied().unwrap_or_default();
    for numbered in &documents.federated {
        let federated = &numbered.object;
        let Some(config) = documents.type_config(&federated.spec.template) else {
            left_out.push(format!(
                "{}: there is no FederatedTypeConfig for it",
                shown(federated)
            ));
            continue;
        };
        if federated.namespace().is_empty() {
            continue;
        }
        let charge = charge::of(federated).unwrap_or_else(|| {
            let (need, unclear) = charge_of(federated, &config.spec, nodes);
            let problems = unclear.into_iter();
            left_out.extend(problems.map(|(cluster, error)| {
                format!("{} in cluster {cluster}: {error}", shown(federated))
            }));
            need
        });
        if charge == Charge::default() {
            continue;
        }
        let there = seen.entry(federated.namespace().to_owned()).or_default();
        there.objects += 1;
        for (resource, amount) in difference(&Charge::default(), &charge) {
            add(&mut there.used, &resource, amount);
        }
        let (kind, none) = (unit::resource(&config.spec), Labels::new());
        let leaves = tree.leaves_of(&Subject {
            namespace: federated.namespace(),
            namespace_labels: documents
                .namespaces
                .get(federated.namespace())
                .unwrap_or(&none),
            group: &kind.group,
            kind: &kind.kind,
            labels: &pointer::texts(&federated.spec.template, "labels"),
            priority_class: need::priority_class(&kind, &federated.spec.template),
        });
        let names = leaves.nodes().iter();
        there
            .held
            .extend(names.map(|leaf| tree.name(*leaf).to_owned()));
    }
    seen
}

/// What the host's ResourceQuotas leave. Those that hold for some pods only say nothing of the whole.
fn limited(documents: &Documents, seen: &mut BTreeMap<String, Seen>, left_out: &mut Vec<String>) {
    for source in &documents.sources {
        let object = &source.object;
        let text = |steps: &[&str]| pointer::text(object, steps);
        if (text(&["apiVersion"]), text(&["kind"])) != ("v1", "ResourceQuota") {
            continue;
        }
        let (namespace, name) = (
            text(&["metadata", "namespace"]).to_owned(),
            text(&["metadata", "name"]),
        );
        let of = format!("ResourceQuota {namespace}/{name}");
        let scoped = !pointer::list(object, &["spec", "scopes"]).is_empty()
            || pointer::get(object, &["spec", "scopeSelector"]).is_some_and(Value::is_object);
        if scoped {
            left_out.push(format!("{of} has scopes: it holds for some pods only"));
            continue;
        }
        let hard = pointer::get(object, &["spec", "hard"]).and_then(Value::as_object);
        for (resource, amount) in hard.into_iter().flatten() {
            let resource = ResourceName::parse(resource);
            let amount = amount.as_str().map(ToOwned::to_owned);
            let read = resource.and_then(|resource| {
                let limit = resource.limit(&amount.unwrap_or_default())?;
                Ok((resource, limit))
            });
            match read {
                Ok((resource, limit)) => {
                    let there = seen.entry(namespace.clone()).or_default();
                    let limits = &mut there.limits;
                    let known = limits.get(resource.as_str());
                    if known.is_none_or(|(known, _)| limit < *known) {
                        limits.insert(resource.to_string(), (limit, of.clone()));
                    }
                }
                Err(error) => left_out.push(format!("{of}: {error}")),
            }
        }
    }
}

/// One quota for a group; `None`: there is nothing to limit.
fn proposal(
    group: &str,
    members: &[(String, Seen)],
    wishes: &Wishes,
    taken: &mut BTreeSet<String>,
) -> Option<SuggestedQuota> {
    let mut notes = Vec::new();
    let objects: usize = members.iter().map(|(_, seen)| seen.objects).sum();
    let names: Vec<String> = members.iter().map(|(name, _)| name.clone()).collect();
    notes.push(format!(
        "{objects} federated objects run in {}",
        names.join(", ")
    ));
    let used = members.iter().flat_map(|(_, seen)| &seen.used);
    let limited = members.iter().flat_map(|(_, seen)| seen.limits.keys());
    // How many objects there are rarely needs a limit: only where somebody has set one.
    let resources: BTreeSet<&String> = used
        .map(|(resource, _)| resource)
        .filter(|resource| !resource.starts_with("count/") && !resource.starts_with("limits."))
        .chain(limited)
        .collect();
    let shares = resources.into_iter().map(|resource| {
        let (limit, note) = limit(resource, members, wishes.headroom);
        notes.push(note);
        ResourceShare {
            name: resource.clone(),
            limit: amount_text(resource, limit),
            ..ResourceShare::default()
        }
    });
    let resources: Vec<ResourceShare> = shares.collect();
    if resources.is_empty() {
        return None;
    }
    let held: BTreeSet<&String> = members.iter().flat_map(|(_, seen)| &seen.held).collect();
    let held: Vec<&str> = held.into_iter().map(String::as_str).collect();
    if !held.is_empty() {
        notes.push(format!(
            "some of them are charged to {} already: two leaves of one tree must not have one object",
            held.join(", ")
        ));
    }
    let selector = match &wishes.by_label {
        None => QuotaSelector {
            namespaces: names,
            ..QuotaSelector::default()
        },
        Some(label) => QuotaSelector {
            namespace_selector: Some(LabelSelector {
                match_labels: Some(BTreeMap::from([(label.clone(), group.to_owned())])),
                ..LabelSelector::default()
            }),
            ..QuotaSelector::default()
        },
    };
    let spec = GlobalQuotaSpec {
        parent_name: wishes.parent.clone(),
        selector: Some(selector),
        resources,
        mode: Mode::Observe,
        ..GlobalQuotaSpec::default()
    };
    let quota = json!({"apiVersion": API_VERSION, "kind": "GlobalQuota", "metadata": {"name": free_name(group, taken)},
        "spec": spec});
    Some(SuggestedQuota { quota, notes })
}

/// What is proposed as the limit, and why.
fn limit(resource: &str, members: &[(String, Seen)], headroom: u32) -> (i64, String) {
    let (mut limit, mut used, mut of) = (0_i64, 0_i64, Vec::new());
    let mut short = false;
    for (_, seen) in members {
        let here = seen.used.get(resource).copied().unwrap_or_default();
        let more = i128::from(here) * (100 + i128::from(headroom));
        // Whole steps, upwards.
        let step = i128::from(step(resource));
        let wished = (more + 100 * step - 1) / (100 * step) * step;
        let wished = i64::try_from(wished).unwrap_or(i64::MAX);
        used = used.saturating_add(here);
        limit = limit.saturating_add(match seen.limits.get(resource) {
            Some((limit, name)) => {
                of.push(name.as_str());
                short |= *limit < here;
                if *limit < here { wished } else { *limit }
            }
            None => wished,
        });
    }
    let why = match (of.as_slice(), short) {
        ([], _) => format!("with {headroom}% on top"),
        (of, false) => format!("as {} allows", of.join(" and ")),
        (of, true) => format!(
            "more than {} allows: a member runs more than the host counts, so with {headroom}% on top",
            of.join(" and ")
        ),
    };
    let note = format!("{resource}: {} used, {why}", amount_text(resource, used));
    (limit, note)
}

/// In which steps a limit is told: tenths of a processor, mebibytes, whole numbers.
fn step(resource: &str) -> i64 {
    let text = |text: &str| quantity::parse(text).map(Quantity::nano_value).unwrap_or(0);
    let amount = amount_text(resource, 1);
    match amount.as_str() {
        "1m" => 100,
        _ if resource.ends_with("memory") || resource.ends_with("storage") => {
            i64::try_from(text("1Mi") / text("1").max(1)).unwrap_or(1)
        }
        _ => 1,
    }
}

/// A name that nobody has and that Kubernetes takes.
fn free_name(group: &str, taken: &mut BTreeSet<String>) -> String {
    let lower = group.to_lowercase();
    let fit = |sign: char| sign.is_ascii_alphanumeric() || sign == '-' || sign == '.';
    let name: String = lower
        .chars()
        .map(|sign| if fit(sign) { sign } else { '-' })
        .collect();
    let name = name.trim_matches(|sign| sign == '-' || sign == '.');
    let name = if name.is_empty() { "quota" } else { name };
    let numbered = (2_u64..).map(|number| format!("{name}-{number}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    let free = names.find(|name| !taken.contains(name)).unwrap_or_default();
    taken.insert(free.clone());
    free
}

fn shown(federated: &Federated) -> String {
    format!(
        "{} {}/{}",
        federated.kind(),
        federated.namespace(),
        federated.name()
    )
}

fn add(amounts: &mut BTreeMap<String, i64>, resource: &str, more: i64) {
    let amount = amounts.entry(resource.to_owned()).or_default();
    *amount = amount.saturating_add(more);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(namespace: &str, name: &str, replicas: i64) -> Value {
        json!({"apiVersion": "core.kubeadmiral.io/v1alpha1", "kind": "FederatedObject",
            "metadata": {"name": format!("{name}-deployments.apps"), "namespace": namespace},
            "spec": {"placements": [{"controller": "test", "placement": [{"cluster": "a"}, {"cluster": "b"}]}],
                "template": {"apiVersion": "apps/v1", "kind": "Deployment",
                    "metadata": {"name": name, "namespace": namespace},
                    "spec": {"replicas": replicas, "template": {"spec": {"containers": [
                        {"name": "c", "resources": {"requests": {"cpu": "250m", "memory": "100Mi"}}}]}}}}}})
    }

    fn namespace(name: &str, team: &str) -> Value {
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"team": team}}})
    }

    fn core_quota(namespace: &str, hard: &Value) -> Value {
        json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "rq", "namespace": namespace},
            "spec": {"hard": hard}})
    }

    fn limits(suggested: &SuggestedQuota) -> BTreeMap<String, String> {
        let listed = suggested.quota["spec"]["resources"].as_array().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        listed
            .iter()
            .map(|one| (text(&one["name"]), text(&one["limit"])))
            .collect()
    }

    #[test]
    fn each_namespace_gets_what_it_uses_and_some_more() {
        let documents = vec![
            running("one", "web", 3),
            running("one", "db", 1),
            running("two", "web", 1),
            core_quota(
                "two",
                &json!({"cpu": "3", "count/secrets": "9", "memory": "1Mi"}),
            ),
        ];
        let wishes = Wishes {
            headroom: 20,
            ..Wishes::default()
        };
        let suggested = suggest(documents, &wishes).unwrap();
        let [one, two] = suggested.quotas.as_slice() else {
            panic!("{suggested:?}");
        };
        // Eight pods in two clusters: 2 processors, 800 MiB.
        let one_limits = limits(one);
        assert_eq!(one_limits["requests.cpu"], "2400m");
        assert_eq!(one_limits["requests.memory"], "960Mi");
        assert_eq!(one_limits["pods"], "10");
        assert_eq!(one_limits.len(), 3);
        assert_eq!(
            one.quota["spec"]["selector"],
            json!({"namespaces": ["one"]})
        );
        assert_eq!(one.quota["spec"]["mode"], "Observe");
        let two_limits = limits(two);
        assert_eq!(two_limits["requests.cpu"], "3");
        assert_eq!(two_limits["count/secrets"], "9");
        assert_eq!(two_limits["requests.memory"], "240Mi");
        assert!(
            two.notes
                .iter()
                .any(|note| note.contains("as ResourceQuota two/rq allows"))
        );
        assert!(
            two.notes
                .iter()
                .any(|note| note.contains("more than ResourceQuota"))
        );
        // What is proposed can be applied.
        let specs = suggested.quotas.iter().map(|one| {
            let name = one.quota["metadata"]["name"].as_str().unwrap().to_owned();
            (
                name,
                serde_json::from_value(one.quota["spec"].clone()).unwrap(),
            )
        });
        let tree = Tree::build(&specs.collect());
        assert!(tree.nodes().all(|node| tree.problem(node).is_none()));
    }

    #[test]
    fn namespaces_with_one_label_share_a_quota() {
        let existing = json!({"apiVersion": API_VERSION, "kind": "GlobalQuota", "metadata": {"name": "search"},
            "spec": {"selector": {"namespaces": ["one"]}}});
        let documents = vec![
            running("one", "web", 1),
            running("two", "web", 1),
            running("three", "web", 1),
            namespace("one", "Search"),
            namespace("two", "Search"),
            existing,
        ];
        let wishes = Wishes {
            by_label: Some("team".to_owned()),
            parent: "company".to_owned(),
            ..Wishes::default()
        };
        let suggested = suggest(documents, &wishes).unwrap();
        let [search] = suggested.quotas.as_slice() else {
            panic!("{suggested:?}");
        };
        assert_eq!(search.quota["metadata"]["name"], "search-2");
        assert_eq!(search.quota["spec"]["parentName"], "company");
        let selector = json!({"namespaceSelector": {"matchLabels": {"team": "Search"}}});
        assert_eq!(search.quota["spec"]["selector"], selector);
        assert_eq!(limits(search)["pods"], "4");
        assert!(
            search
                .notes
                .iter()
                .any(|note| note.contains("charged to search already"))
        );
        assert_eq!(suggested.left_out, ["namespace three has no label team"]);
    }
}
