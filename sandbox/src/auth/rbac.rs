//! RBAC over the roles and bindings that a cluster holds: may somebody do something, and which rules apply to them.
//! Reads the cluster, writes nothing.

use super::rules::{Attributes, allows};
use super::{MASTERS, User};
use crate::cluster::{Cluster, ListOptions};
use crate::object::{self, Gvr, Object};
use crate::status::Status;
use serde_json::{Value, json};

const GROUP: &str = "rbac.authorization.k8s.io";

/// A rule that applies to somebody, and by what.
struct Granted {
    rule: Value,
    reason: String,
}

/// Why something is allowed; `None` when it is not. The text is what a review answers (empty for system:masters).
pub fn allowed(cluster: &Cluster, user: &User, asked: &Attributes) -> Option<String> {
    if user.groups.iter().any(|group| group == MASTERS) {
        return Some(String::new());
    }
    granted(cluster, user, &asked.namespace)
        .into_iter()
        .find(|granted| allows(&granted.rule, asked))
        .map(|granted| granted.reason)
}

/// Refuses what is not allowed, with the server's words.
pub fn authorize(cluster: &Cluster, user: &User, asked: &Attributes) -> Result<(), Status> {
    if allowed(cluster, user, asked).is_some() {
        return Ok(());
    }
    let why = asked.refusal(&user.name);
    Err(Status::forbidden(
        &asked.group,
        &asked.resource,
        &asked.name,
        &why,
    ))
}

/// Every rule that applies to somebody in a namespace (or, when it is empty, at the cluster's scope).
pub fn rules(cluster: &Cluster, user: &User, namespace: &str) -> Vec<Value> {
    let mut rules = Vec::new();
    if user.groups.iter().any(|group| group == MASTERS) {
        rules.push(json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}));
        rules.push(json!({"verbs": ["*"], "nonResourceURLs": ["*"]}));
    }
    rules.extend(
        granted(cluster, user, namespace)
            .into_iter()
            .map(|granted| granted.rule),
    );
    rules
}

/// The rules of a role that a binding refers to; aggregated ones are held in the role itself by its controller.
pub fn role_rules(cluster: &Cluster, kind: &str, namespace: &str, name: &str) -> Vec<Value> {
    let (resource, namespace) = if kind == "Role" {
        ("roles", namespace)
    } else {
        ("clusterroles", "")
    };
    let Ok(role) = cluster.get(&Gvr::new(GROUP, "v1", resource), namespace, name) else {
        return Vec::new();
    };
    let own = role["rules"].as_array().cloned().unwrap_or_default();
    let selectors = role["aggregationRule"]["clusterRoleSelectors"].as_array();
    let Some(selectors) = selectors else {
        return own;
    };
    let others = list(cluster, "clusterroles", "");
    let selected = selectors.iter().flat_map(|selector| {
        let selector = crate::cluster::LabelSelector::from_object(selector);
        others
            .iter()
            .filter(move |other| selector.matches(other))
            .flat_map(|other| other["rules"].as_array().cloned().unwrap_or_default())
            .collect::<Vec<_>>()
    });
    selected.collect()
}

fn granted(cluster: &Cluster, user: &User, namespace: &str) -> Vec<Granted> {
    let mut granted = Vec::new();
    for binding in list(cluster, "clusterrolebindings", "") {
        collect(cluster, user, &binding, "", &mut granted);
    }
    if !namespace.is_empty() {
        for binding in list(cluster, "rolebindings", namespace) {
            collect(cluster, user, &binding, namespace, &mut granted);
        }
    }
    granted
}

fn collect(
    cluster: &Cluster,
    user: &User,
    binding: &Object,
    namespace: &str,
    granted: &mut Vec<Granted>,
) {
    let subject = binding["subjects"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|subject| is_subject(subject, user, namespace));
    let Some(subject) = subject else { return };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (role_kind, role) = (
        text(&binding["roleRef"]["kind"]),
        text(&binding["roleRef"]["name"]),
    );
    let (kind, whole) = if namespace.is_empty() {
        ("ClusterRoleBinding", object::name(binding).to_owned())
    } else {
        (
            "RoleBinding",
            format!("{}/{namespace}", object::name(binding)),
        )
    };
    let of = match subject["namespace"]
        .as_str()
        .filter(|namespace| !namespace.is_empty())
    {
        Some(of) => format!("{}/{of}", text(&subject["name"])),
        None => text(&subject["name"]),
    };
    let reason = format!(
        "RBAC: allowed by {kind} \"{whole}\" of {role_kind} \"{role}\" to {} \"{of}\"",
        text(&subject["kind"])
    );
    for rule in role_rules(cluster, &role_kind, namespace, &role) {
        granted.push(Granted {
            rule,
            reason: reason.clone(),
        });
    }
}

fn is_subject(subject: &Value, user: &User, namespace: &str) -> bool {
    let name = subject["name"].as_str().unwrap_or_default();
    match subject["kind"].as_str() {
        Some("User") => name == user.name,
        Some("Group") => user.groups.iter().any(|group| group == name),
        Some("ServiceAccount") => {
            let of = subject["namespace"].as_str().unwrap_or(namespace);
            user.name == format!("system:serviceaccount:{of}:{name}")
        }
        _ => false,
    }
}

fn list(cluster: &Cluster, resource: &str, namespace: &str) -> Vec<Object> {
    cluster
        .list(
            &Gvr::new(GROUP, "v1", resource),
            namespace,
            &ListOptions::default(),
        )
        .map(|listed| listed.items)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::roles;
    use crate::cluster::WriteOptions;

    fn cluster() -> Cluster {
        let cluster = Cluster::in_memory();
        for object in roles::bootstrap() {
            let resource = if object["kind"] == "ClusterRole" {
                "clusterroles"
            } else {
                "clusterrolebindings"
            };
            cluster
                .create(
                    &Gvr::new(GROUP, "v1", resource),
                    "",
                    object,
                    &WriteOptions::by("test"),
                )
                .unwrap();
        }
        cluster
    }

    fn asked(verb: &str, resource: &str, namespace: &str) -> Attributes {
        Attributes {
            verb: verb.to_owned(),
            resource: resource.to_owned(),
            namespace: namespace.to_owned(),
            ..Attributes::default()
        }
    }

    #[test]
    fn everybody_may_look_around_and_nobody_else_may_change() {
        let cluster = cluster();
        let mut clerk = User::service_account("shop", "clerk", "u");
        clerk.groups.push(crate::auth::AUTHENTICATED.to_owned());
        let path = |path: &str| Attributes {
            verb: "get".to_owned(),
            path: path.to_owned(),
            ..Attributes::default()
        };
        assert!(authorize(&cluster, &clerk, &path("/apis")).is_ok());
        assert!(authorize(&cluster, &User::anonymous(), &path("/version")).is_ok());
        let refused = authorize(&cluster, &User::anonymous(), &path("/api"))
            .unwrap_err()
            .to_value();
        assert_eq!(
            refused["message"],
            "forbidden: User \"system:anonymous\" cannot get path \"/api\""
        );
        let refused = authorize(&cluster, &clerk, &asked("list", "pods", "shop"))
            .unwrap_err()
            .to_value();
        assert_eq!(
            refused["message"],
            "pods is forbidden: User \"system:serviceaccount:shop:clerk\" cannot list resource \"pods\" in API group \"\" in the namespace \"shop\""
        );
        assert!(
            authorize(
                &cluster,
                &User::administrator(),
                &asked("delete", "nodes", "")
            )
            .is_ok()
        );
    }

    #[test]
    fn a_binding_grants_its_role_where_it_stands() {
        let cluster = cluster();
        let namespaces = Gvr::new("", "v1", "namespaces");
        for name in ["shop", "other"] {
            let namespace =
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            cluster
                .create(&namespaces, "", namespace, &WriteOptions::by("test"))
                .unwrap();
        }
        let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "clerk"},
            "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": "view"},
            "subjects": [{"kind": "ServiceAccount", "name": "clerk", "namespace": "shop"}]});
        cluster
            .create(
                &Gvr::new(GROUP, "v1", "rolebindings"),
                "shop",
                binding,
                &WriteOptions::by("test"),
            )
            .unwrap();
        let clerk = User::service_account("shop", "clerk", "u");
        let reason = allowed(&cluster, &clerk, &asked("list", "pods", "shop"));
        assert_eq!(
            reason.as_deref(),
            Some(
                "RBAC: allowed by RoleBinding \"clerk/shop\" of ClusterRole \"view\" to ServiceAccount \"clerk/shop\""
            )
        );
        assert_eq!(
            allowed(&cluster, &clerk, &asked("delete", "pods", "shop")),
            None
        );
        assert_eq!(
            allowed(&cluster, &clerk, &asked("list", "pods", "other")),
            None
        );
        assert_eq!(
            allowed(&cluster, &clerk, &asked("list", "secrets", "shop")),
            None,
            "view does not see Secrets"
        );
    }
}
