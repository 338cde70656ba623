//! The roles and bindings that a cluster has from the start, so that credentials with few rights behave as on a real
//! server (kubernetes.io "Using RBAC Authorization", default roles). The roles of the control plane's own components
//! are left out: nothing here runs under them.

use serde_json::{Value, json};

/// Resources that `view`, `edit` and `admin` are about: group, resources to read, resources to change.
const NAMESPACED: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "configmaps",
            "endpoints",
            "persistentvolumeclaims",
            "pods",
            "replicationcontrollers",
            "replicationcontrollers/scale",
            "serviceaccounts",
            "services",
        ],
    ),
    (
        "apps",
        &[
            "controllerrevisions",
            "daemonsets",
            "deployments",
            "deployments/scale",
            "replicasets",
            "replicasets/scale",
            "statefulsets",
            "statefulsets/scale",
        ],
    ),
    ("autoscaling", &["horizontalpodautoscalers"]),
    ("batch", &["cronjobs", "jobs"]),
    ("discovery.k8s.io", &["endpointslices"]),
    ("networking.k8s.io", &["ingresses", "networkpolicies"]),
    ("policy", &["poddisruptionbudgets"]),
];

/// Core resources that may be read and not changed by `edit`.
const READ_ONLY: &[&str] = &[
    "bindings",
    "events",
    "limitranges",
    "namespaces",
    "namespaces/status",
    "pods/log",
    "pods/status",
    "replicationcontrollers/status",
    "resourcequotas",
    "resourcequotas/status",
];

const READ: &[&str] = &["get", "list", "watch"];
const CHANGE: &[&str] = &["create", "delete", "deletecollection", "patch", "update"];
const PUBLIC_PATHS: &[&str] = &["/healthz", "/livez", "/readyz", "/version", "/version/"];
const DISCOVERY_PATHS: &[&str] = &[
    "/api",
    "/api/*",
    "/apis",
    "/apis/*",
    "/healthz",
    "/livez",
    "/openapi",
    "/openapi/*",
    "/readyz",
    "/version",
    "/version/",
];
const ISSUER_PATHS: &[&str] = &[
    "/.well-known/openid-configuration",
    "/.well-known/openid-configuration/",
    "/openid/v1/jwks",
    "/openid/v1/jwks/",
];

/// Every ClusterRole and ClusterRoleBinding.
pub fn bootstrap() -> Vec<Value> {
    let everything = json!([
        {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
        {"verbs": ["*"], "nonResourceURLs": ["*"]},
    ]);
    let reviews = json!([
        {"verbs": ["create"], "apiGroups": ["authorization.k8s.io"],
            "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"]},
        {"verbs": ["create"], "apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"]},
    ]);
    let paths = |paths: &[&str]| json!([{"verbs": ["get"], "nonResourceURLs": paths}]);
    let mut objects = vec![
        role("cluster-admin", &everything, None),
        role("system:basic-user", &reviews, None),
        role("system:discovery", &paths(DISCOVERY_PATHS), None),
        role("system:public-info-viewer", &paths(PUBLIC_PATHS), None),
        role(
            "system:service-account-issuer-discovery",
            &paths(ISSUER_PATHS),
            None,
        ),
        aggregated("admin", &["admin"]),
        aggregated("edit", &["edit"]),
        aggregated("view", &["view"]),
        role(
            "system:aggregate-to-view",
            &json!(read_rules()),
            Some(&["view", "edit", "admin"]),
        ),
        role(
            "system:aggregate-to-edit",
            &json!(change_rules()),
            Some(&["edit", "admin"]),
        ),
        role(
            "system:aggregate-to-admin",
            &json!(role_rules()),
            Some(&["admin"]),
        ),
    ];
    for (name, role, groups) in [
        ("cluster-admin", "cluster-admin", &[super::MASTERS][..]),
        (
            "system:basic-user",
            "system:basic-user",
            &[super::AUTHENTICATED],
        ),
        (
            "system:discovery",
            "system:discovery",
            &[super::AUTHENTICATED],
        ),
        (
            "system:public-info-viewer",
            "system:public-info-viewer",
            &[super::AUTHENTICATED, super::UNAUTHENTICATED],
        ),
        (
            "system:service-account-issuer-discovery",
            "system:service-account-issuer-discovery",
            &["system:serviceaccounts"],
        ),
    ] {
        objects.push(binding(name, role, groups));
    }
    objects
}

fn metadata(name: &str) -> Value {
    json!({
        "name": name,
        "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"},
        "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
    })
}

fn role(name: &str, rules: &Value, aggregate_to: Option<&[&str]>) -> Value {
    let mut metadata = metadata(name);
    for target in aggregate_to.unwrap_or_default() {
        metadata["labels"][format!("rbac.authorization.k8s.io/aggregate-to-{target}")] =
            json!("true");
    }
    json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": metadata, "rules": rules})
}

/// A role that is the sum of those labelled for it. The rules are summed when somebody asks.
fn aggregated(name: &str, labels: &[&str]) -> Value {
    let selectors: Vec<Value> = labels
        .iter()
        .map(|label| json!({"matchLabels": {format!("rbac.authorization.k8s.io/aggregate-to-{label}"): "true"}}))
        .collect();
    json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": metadata(name),
        "aggregationRule": {"clusterRoleSelectors": selectors}, "rules": []})
}

fn binding(name: &str, role: &str, groups: &[&str]) -> Value {
    let subjects: Vec<Value> = groups
        .iter()
        .map(|group| json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group}))
        .collect();
    json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": metadata(name),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}, "subjects": subjects})
}

fn read_rules() -> Vec<Value> {
    let mut rules = vec![json!({"verbs": READ, "apiGroups": [""], "resources": READ_ONLY})];
    rules.extend(NAMESPACED.iter().map(
        |(group, resources)| json!({"verbs": READ, "apiGroups": [group], "resources": resources}),
    ));
    rules
}

fn change_rules() -> Vec<Value> {
    let mut rules = vec![
        json!({"verbs": READ, "apiGroups": [""],
            "resources": ["pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "secrets", "services/proxy"]}),
        json!({"verbs": ["impersonate"], "apiGroups": [""], "resources": ["serviceaccounts"]}),
        json!({"verbs": CHANGE, "apiGroups": [""], "resources": ["pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "secrets"]}),
        json!({"verbs": ["create"], "apiGroups": [""], "resources": ["pods/eviction", "serviceaccounts/token"]}),
    ];
    rules.extend(NAMESPACED.iter().map(
        |(group, resources)| json!({"verbs": CHANGE, "apiGroups": [group], "resources": resources}),
    ));
    rules
}

fn role_rules() -> Vec<Value> {
    let verbs: Vec<&str> = READ.iter().chain(CHANGE).copied().collect();
    vec![
        json!({"verbs": ["create"], "apiGroups": ["authorization.k8s.io"], "resources": ["localsubjectaccessreviews"]}),
        json!({"verbs": verbs, "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["rolebindings", "roles"]}),
    ]
}
