//! Tests of `tree`, `problem` and `matching`: what is wrong with quotas, and who is charged where.

use serde_json::{Value, json};

use super::*;

fn build(specs: &Value) -> Tree {
    Tree::build(&serde_json::from_value(specs.clone()).unwrap())
}

fn reasons(tree: &Tree) -> Vec<(&str, &str)> {
    let mut reasons: Vec<_> = tree
        .nodes()
        .filter_map(|node| Some((tree.name(node), tree.problem(node)?.reason)))
        .collect();
    reasons.sort_unstable();
    reasons
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

#[expect(clippy::too_many_lines, reason = "a table")]
#[test]
fn what_is_wrong_is_told() {
    let pods = |guaranteed: &str, limit: &str| json!([{ "name": "pods", "guaranteed": guaranteed, "limit": limit }]);
    for (name, specs, expected) in [
        (
            "nothing",
            json!({ "a": {}, "b": { "parentName": "a", "selector": {} } }),
            &[][..],
        ),
        (
            "a cycle, and who hangs on it",
            json!({ "a": { "parentName": "b" }, "b": { "parentName": "c" }, "c": { "parentName": "b" }, "d": { "parentName": "a" }, "e": {} }),
            &[
                ("a", "ParentInactive"),
                ("b", "Cycle"),
                ("c", "Cycle"),
                ("d", "ParentInactive"),
            ],
        ),
        (
            "above itself",
            json!({ "a": { "parentName": "a" } }),
            &[("a", "Cycle")],
        ),
        (
            "nobody above",
            json!({ "a": { "parentName": "gone" }, "b": { "parentName": "a" } }),
            &[("a", "ParentMissing"), ("b", "ParentInactive")],
        ),
        (
            "unknown resources",
            json!({ "a": { "resources": [{ "name": "cpus", "limit": "1" }] }, "b": { "clusters": [{ "names": ["x"], "resources": [{ "name": "cpus", "limit": "1" }] }] } }),
            &[("a", "UnknownResource"), ("b", "UnknownResource")],
        ),
        (
            "amounts",
            json!({
                "a": { "resources": pods("-1", "") },
                "b": { "resources": pods("", "many") },
                "c": { "resources": [{ "name": "pods", "lendingLimit": "-1" }] },
                "d": { "clusters": [{ "names": ["x"], "resources": [{ "name": "pods", "limit": "" }] }] },
            }),
            &[
                ("a", "InvalidAmount"),
                ("b", "InvalidAmount"),
                ("c", "InvalidAmount"),
                ("d", "InvalidAmount"),
            ],
        ),
        (
            "more guaranteed than allowed",
            json!({ "a": { "resources": pods("5", "4") } }),
            &[("a", "GuaranteeExceedsLimit")],
        ),
        (
            "one resource under two names",
            json!({ "a": { "resources": [{ "name": "cpu", "limit": "1" }, { "name": "requests.cpu", "limit": "2" }] } }),
            &[("a", "DuplicateResource")],
        ),
        (
            "children have more than their parent",
            json!({
                "a": { "resources": pods("10", "20") },
                "b": { "parentName": "a", "resources": pods("6", "") },
                "c": { "parentName": "a" },
                "d": { "parentName": "c", "resources": pods("5", "") },
                "e": { "parentName": "a", "resources": pods("", "5") },
            }),
            &[
                ("b", "GuaranteesExceedParent"),
                ("c", "GuaranteesExceedParent"),
                ("d", "ParentInactive"),
            ],
        ),
        (
            "children have more than the limit of a parent without a guarantee",
            json!({ "a": { "resources": pods("", "4") }, "b": { "parentName": "a", "resources": pods("5", "") } }),
            &[("b", "GuaranteesExceedParent")],
        ),
        (
            "selectors",
            json!({
                "a": { "selector": { "objectSelector": { "matchExpressions": [{ "key": "x", "operator": "Is" }] } } },
                "b": { "selector": { "kinds": ["apps/Deployment"] } },
                "c": { "selector": { "namespaceSelector": { "matchLabels": { "-": "x" } } } },
                "d": { "clusters": [{ "selector": { "matchLabels": { "-": "x" } } }] },
            }),
            &[
                ("a", "InvalidSelector"),
                ("b", "InvalidSelector"),
                ("c", "InvalidSelector"),
                ("d", "InvalidSelector"),
            ],
        ),
        (
            "a selector above children",
            json!({ "a": { "selector": {} }, "b": { "parentName": "a" } }),
            &[("a", "SelectorOnParent"), ("b", "ParentInactive")],
        ),
    ] {
        assert_eq!(reasons(&build(&specs)), expected, "{name}");
    }
}

#[test]
fn the_cycle_is_spelled_out() {
    let tree = build(&json!({ "a": { "parentName": "b" }, "b": { "parentName": "a" } }));
    let problem = tree.problem(tree.node("b").unwrap()).unwrap();
    assert!(problem.message.contains("a → b"), "{}", problem.message);
}

#[test]
fn nodes_know_their_place() {
    let tree = build(&json!({
        "r": { "mode": "Warn", "queueing": { "weight": 3, "strategy": "StrictFIFO" } },
        "a": { "parentName": "r", "onExceeded": "Partial" },
        "a1": { "parentName": "a" },
        "a2": { "parentName": "a" },
        "b": { "parentName": "r" },
        "other": { "mode": "Sometimes" },
    }));
    let node = |name: &str| tree.node(name).unwrap();
    let names: Vec<_> = tree.nodes().map(|node| tree.name(node)).collect();
    assert_eq!(names, ["other", "r", "a", "a1", "a2", "b"]);
    let path: Vec<_> = tree.path(node("a2")).map(|node| tree.name(node)).collect();
    assert_eq!(path, ["a2", "a", "r"]);
    assert_eq!(tree.root(node("a1")), node("r"));
    assert_eq!(tree.parent(node("r")), None);
    assert!(tree.is_leaf(node("a1")) && tree.is_leaf(node("other")) && !tree.is_leaf(node("a")));
    assert_eq!(tree.below(node("a")), node("a").0..node("b").0);
    assert_eq!(tree.below(node("r")).len(), 5);
    assert_eq!(
        (tree.mode(node("r")), tree.mode(node("other"))),
        (Mode::Warn, Mode::Enforce)
    );
    assert_eq!(tree.on_exceeded(node("a")), OnExceeded::Partial);
    assert_eq!(tree.on_exceeded(node("b")), OnExceeded::Wait);
    assert_eq!(tree.strategy(node("r")), Strategy::StrictFifo);
    assert_eq!(tree.strategy(node("a")), Strategy::BestEffortFifo);
    assert_eq!((tree.weight(node("r")), tree.weight(node("a"))), (3, 1));
    assert_eq!(tree.node("gone"), None);
    let gone = NodeId(99);
    assert_eq!(
        (
            tree.path(gone).count(),
            tree.name(gone),
            tree.below(gone).len()
        ),
        (0, "", 0)
    );
}

fn who(tree: &Tree, leaves: &Leaves) -> Vec<String> {
    leaves
        .nodes()
        .iter()
        .map(|node| tree.name(*node).to_owned())
        .collect()
}

#[expect(clippy::too_many_lines, reason = "a table")]
#[test]
fn who_is_charged_where() {
    let tree = build(&json!({
        "tenants": {},
        "search": { "parentName": "tenants", "selector": { "namespaces": ["search", "shared"] } },
        "shop": { "parentName": "tenants", "selector": {
            "namespaces": ["shared"], "namespaceSelector": { "matchLabels": { "tenant": "shop" } } } },
        "gpu": { "selector": { "objectSelector": { "matchLabels": { "tier": "gpu" } } } },
        "batch": { "selector": { "kinds": ["Job.batch", "ConfigMap"], "priorityClasses": ["low", "lowest"] } },
        "nobody": {},
        "broken": { "selector": { "namespaces": ["broken"], "objectSelector": { "matchLabels": { "-": "x" } } } },
        "blind": { "selector": { "namespaceSelector": { "matchLabels": { "-": "x" } } } },
    }));
    let (none, shop, gpu) = (
        labels(&[]),
        labels(&[("tenant", "shop")]),
        labels(&[("tier", "gpu")]),
    );
    let deployment = ("apps", "Deployment");
    for (name, namespace, namespace_labels, (group, kind), labels, class, expected) in [
        (
            "by namespace",
            "search",
            &none,
            deployment,
            &none,
            "",
            &["search"][..],
        ),
        (
            "by the namespace's labels",
            "x",
            &shop,
            deployment,
            &none,
            "",
            &["shop"],
        ),
        (
            "of two trees",
            "search",
            &none,
            deployment,
            &gpu,
            "",
            &["gpu", "search"],
        ),
        ("nobody", "x", &none, deployment, &none, "", &[]),
        ("in no namespace", "", &shop, deployment, &gpu, "", &["gpu"]),
        (
            "by kind and class",
            "x",
            &none,
            ("batch", "Job"),
            &none,
            "low",
            &["batch"],
        ),
        (
            "by kind of the core",
            "x",
            &none,
            ("", "ConfigMap"),
            &none,
            "lowest",
            &["batch"],
        ),
        ("class alone", "x", &none, deployment, &none, "low", &[]),
        ("kind alone", "x", &none, ("batch", "Job"), &none, "", &[]),
        (
            "kind of another group",
            "x",
            &none,
            ("", "Job"),
            &none,
            "low",
            &[],
        ),
        (
            "what cannot be read is left out",
            "broken",
            &none,
            deployment,
            &none,
            "",
            &["broken"],
        ),
    ] {
        let subject = Subject {
            namespace,
            namespace_labels,
            group,
            kind,
            labels,
            priority_class: class,
        };
        let leaves = tree.leaves_of(&subject);
        assert_eq!(who(&tree, &leaves), expected, "{name}");
        assert!(!matches!(leaves, Leaves::Ambiguous { .. }), "{name}");
        assert_eq!(leaves.is_none(), expected.is_empty(), "{name}");
    }
    let subject = Subject {
        namespace: "shared",
        namespace_labels: &none,
        group: "apps",
        kind: "Deployment",
        labels: &gpu,
        priority_class: "",
    };
    let leaves = tree.leaves_of(&subject);
    assert_eq!(who(&tree, &leaves), ["gpu", "search"]);
    let Leaves::Ambiguous { names, .. } = leaves else {
        panic!("two of one tree");
    };
    assert_eq!(*names, ["search".to_owned(), "shop".to_owned()]);
    // Both of its namespace conditions hold: it is there once.
    assert_eq!(
        tree.in_namespace("shared", &shop),
        tree.in_namespace("shared", &none)
    );
}

#[test]
fn an_empty_selector_takes_everything_and_no_selector_nothing() {
    let tree = build(&json!({ "all": { "selector": {} }, "none": {} }));
    let none = labels(&[]);
    for namespace in ["x", ""] {
        let subject = Subject {
            namespace,
            namespace_labels: &none,
            group: "",
            kind: "Secret",
            labels: &none,
            priority_class: "",
        };
        assert_eq!(who(&tree, &tree.leaves_of(&subject)), ["all"]);
    }
}

#[test]
fn a_thousand_quotas_in_a_row_and_side_by_side() {
    let mut specs = serde_json::Map::new();
    for number in 0..1000 {
        let above = |number: i32| format!("q{:04}", number - 1);
        let resources = json!([{ "name": "cpu", "guaranteed": "1" }]);
        let deep = if number == 0 {
            String::new()
        } else {
            above(number)
        };
        specs.insert(format!("q{number:04}"), json!({ "parentName": deep }));
        specs.insert(
            format!("s{number:04}"),
            json!({ "parentName": "q0999", "resources": resources, "selector": { "namespaces": [format!("n{number}")] } }),
        );
    }
    let tree = build(&specs.into());
    let (root, leaf) = (tree.node("q0000").unwrap(), tree.node("s0123").unwrap());
    assert_eq!(tree.path(leaf).count(), 1001);
    assert_eq!(tree.below(root).len(), 2000);
    assert_eq!(tree.nodes[root.place()].shares[0].subtree, 1_000_000);
    let candidates = tree.in_namespace("n123", &labels(&[]));
    let none = labels(&[]);
    let subject = Subject {
        namespace: "n123",
        namespace_labels: &none,
        group: "",
        kind: "Pod",
        labels: &none,
        priority_class: "",
    };
    assert_eq!(tree.among(&candidates, &subject).nodes(), [leaf]);
}
