//! Policy rules of RBAC and whether one allows something. Pure (kubernetes.io "Using RBAC Authorization").

use serde_json::Value;

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Verb, in lower case.
    pub verb: String,
    /// API group.
    pub group: String,
    /// Plural resource; empty for a path that is no resource.
    pub resource: String,
    /// Subresource, or empty.
    pub subresource: String,
    /// Namespace, or empty for the cluster's scope.
    pub namespace: String,
    /// Name, or empty.
    pub name: String,
    /// The path, when it is no resource.
    pub path: String,
}

impl Attributes {
    /// `deployments/status`, or `deployments`.
    pub fn whole_resource(&self) -> String {
        if self.subresource.is_empty() {
            self.resource.clone()
        } else {
            format!("{}/{}", self.resource, self.subresource)
        }
    }

    /// The sentence of a refusal, without the part before "is forbidden".
    pub fn refusal(&self, user: &str) -> String {
        if self.resource.is_empty() {
            return format!(
                "User \"{user}\" cannot {} path \"{}\"",
                self.verb, self.path
            );
        }
        let scope = if self.namespace.is_empty() {
            "at the cluster scope".to_owned()
        } else {
            format!("in the namespace \"{}\"", self.namespace)
        };
        format!(
            "User \"{user}\" cannot {} resource \"{}\" in API group \"{}\" {scope}",
            self.verb,
            self.whole_resource(),
            self.group
        )
    }
}

fn list<'a>(rule: &'a Value, field: &str) -> impl Iterator<Item = &'a str> {
    rule[field]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

/// Whether a rule (as it stands in a role) allows what is asked for.
pub fn allows(rule: &Value, asked: &Attributes) -> bool {
    let verb = list(rule, "verbs").any(|verb| verb == "*" || verb == asked.verb);
    if !verb {
        return false;
    }
    if asked.resource.is_empty() {
        return list(rule, "nonResourceURLs").any(|path| path_matches(path, &asked.path));
    }
    let group = list(rule, "apiGroups").any(|group| group == "*" || group == asked.group);
    let whole = asked.whole_resource();
    let resource = list(rule, "resources").any(|resource| {
        resource == "*"
            || resource == whole
            || (!asked.subresource.is_empty() && resource == format!("*/{}", asked.subresource))
    });
    let mut names = list(rule, "resourceNames").peekable();
    let name = names.peek().is_none() || names.any(|name| name == asked.name);
    group && resource && name
}

fn path_matches(rule: &str, path: &str) -> bool {
    rule == "*"
        || rule == path
        || rule
            .strip_suffix('*')
            .is_some_and(|prefix| path.starts_with(prefix))
}

/// Whether `rules` allow everything that `rule` allows: nobody may give away what they do not have.
pub fn cover(rules: &[Value], rule: &Value) -> bool {
    list(rule, "verbs").all(|verb| {
        let resources = list(rule, "apiGroups").all(|group| {
            list(rule, "resources").all(|resource| {
                let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
                let mut names: Vec<&str> = list(rule, "resourceNames").collect();
                if names.is_empty() {
                    names.push("");
                }
                names.iter().all(|name| {
                    let asked = Attributes {
                        verb: verb.to_owned(),
                        group: group.to_owned(),
                        resource: resource.to_owned(),
                        subresource: subresource.to_owned(),
                        name: (*name).to_owned(),
                        ..Attributes::default()
                    };
                    rules.iter().any(|have| allows(have, &asked))
                })
            })
        });
        let paths = list(rule, "nonResourceURLs").all(|path| {
            let asked = Attributes {
                verb: verb.to_owned(),
                path: path.to_owned(),
                ..Attributes::default()
            };
            rules.iter().any(|have| allows(have, &asked))
        });
        resources && paths
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn asked(verb: &str, group: &str, resource: &str, name: &str) -> Attributes {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        Attributes {
            verb: verb.to_owned(),
            group: group.to_owned(),
            resource: resource.to_owned(),
            subresource: subresource.to_owned(),
            name: name.to_owned(),
            ..Attributes::default()
        }
    }

    #[test]
    fn rules_allow_what_they_say_and_no_more() {
        let rule = |text: Value| text;
        let pods = rule(
            json!({"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods", "*/scale"]}),
        );
        let named = rule(
            json!({"verbs": ["*"], "apiGroups": ["apps"], "resources": ["deployments"], "resourceNames": ["web"]}),
        );
        for (name, rule, asked, expected) in [
            ("verb", &pods, asked("get", "", "pods", "a"), true),
            ("other verb", &pods, asked("delete", "", "pods", "a"), false),
            (
                "other group",
                &pods,
                asked("get", "apps", "pods", "a"),
                false,
            ),
            (
                "subresource is another resource",
                &pods,
                asked("get", "", "pods/log", "a"),
                false,
            ),
            (
                "any resource's scale",
                &pods,
                asked("get", "", "replicationcontrollers/scale", "a"),
                true,
            ),
            (
                "by name",
                &named,
                asked("patch", "apps", "deployments", "web"),
                true,
            ),
            (
                "by another name",
                &named,
                asked("patch", "apps", "deployments", "db"),
                false,
            ),
            (
                "no name",
                &named,
                asked("list", "apps", "deployments", ""),
                false,
            ),
        ] {
            assert_eq!(allows(rule, &asked), expected, "{name}");
        }
        let paths = json!({"verbs": ["get"], "nonResourceURLs": ["/healthz", "/api/*"]});
        for (path, expected) in [
            ("/healthz", true),
            ("/healthz/etcd", false),
            ("/api/v1", true),
            ("/apis", false),
        ] {
            let asked = Attributes {
                verb: "get".to_owned(),
                path: path.to_owned(),
                ..Attributes::default()
            };
            assert_eq!(allows(&paths, &asked), expected, "{path}");
        }
    }

    #[test]
    fn nobody_gives_away_what_they_lack() {
        let have = [json!({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]})];
        assert!(cover(
            &have,
            &json!({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"], "resourceNames": ["a"]})
        ));
        assert!(!cover(
            &have,
            &json!({"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"]})
        ));
        assert!(!cover(
            &have,
            &json!({"verbs": ["get"], "nonResourceURLs": ["/x"]})
        ));
    }
}
