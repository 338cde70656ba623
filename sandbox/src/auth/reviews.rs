//! The kinds that are asked, not stored: who am I, may I, may they, whose token is this, and a new token.
//! Each takes the object as sent and gives it back with its answer.

use super::authentication::Authentication;
use super::rules::Attributes;
use super::tokens::{Claims, ISSUER, LIFETIME_SECONDS};
use super::{User, rbac};
use crate::cluster::Cluster;
use crate::object::{self, Gvr};
use crate::status::{Cause, Status};
use serde_json::{Value, json};

/// `SelfSubjectReview`: who asks.
pub fn self_subject(user: &User) -> Value {
    json!({"userInfo": user.to_value()})
}

/// `SelfSubjectAccessReview`, `SubjectAccessReview` and `LocalSubjectAccessReview`: the status for a spec.
pub fn access(cluster: &Cluster, asking: &User, spec: &Value) -> Value {
    let named = spec["user"].as_str().is_some() || spec["groups"].is_array();
    let other = User {
        name: spec["user"].as_str().unwrap_or_default().to_owned(),
        groups: texts(&spec["groups"]),
        ..User::default()
    };
    let user = if named { &other } else { asking };
    match rbac::allowed(cluster, user, &attributes(spec)) {
        Some(reason) if reason.is_empty() => json!({"allowed": true}),
        Some(reason) => json!({"allowed": true, "reason": reason}),
        None => json!({"allowed": false}),
    }
}

fn attributes(spec: &Value) -> Attributes {
    let resource = &spec["resourceAttributes"];
    let path = &spec["nonResourceAttributes"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if path.is_object() {
        return Attributes {
            verb: text(&path["verb"]),
            path: text(&path["path"]),
            ..Attributes::default()
        };
    }
    Attributes {
        verb: text(&resource["verb"]),
        group: text(&resource["group"]),
        resource: text(&resource["resource"]),
        subresource: text(&resource["subresource"]),
        namespace: text(&resource["namespace"]),
        name: text(&resource["name"]),
        path: String::new(),
    }
}

fn texts(value: &Value) -> Vec<String> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

/// `SelfSubjectRulesReview`: the status for a namespace.
pub fn rules(cluster: &Cluster, user: &User, namespace: &str) -> Value {
    let mut resources = Vec::new();
    let mut paths = Vec::new();
    for rule in rbac::rules(cluster, user, namespace) {
        if rule["nonResourceURLs"]
            .as_array()
            .is_some_and(|urls| !urls.is_empty())
        {
            paths.push(json!({"verbs": rule["verbs"], "nonResourceURLs": rule["nonResourceURLs"]}));
        } else if !resources.contains(&rule) {
            resources.push(rule);
        }
    }
    json!({"resourceRules": resources, "nonResourceRules": paths, "incomplete": false})
}

/// `TokenReview`: the status for a spec.
pub fn token(authentication: &Authentication, cluster: &Cluster, spec: &Value, now: i64) -> Value {
    let token = spec["token"].as_str().unwrap_or_default();
    let wanted = texts(&spec["audiences"]);
    let Some((user, made_for)) = authentication.review(cluster, token, now) else {
        // What is no signed token at all is not even looked at by the authenticator of service accounts.
        let error = if token.split('.').count() == 3 {
            "[invalid bearer token, service account token is not valid]"
        } else {
            "invalid bearer token"
        };
        return json!({"user": {}, "error": error});
    };
    let wanted = if wanted.is_empty() {
        vec![ISSUER.to_owned()]
    } else {
        wanted
    };
    let audiences: Vec<String> = wanted
        .into_iter()
        .filter(|audience| made_for.is_empty() || made_for.contains(audience))
        .collect();
    if audiences.is_empty() {
        return json!({"user": {}, "error": "token audiences do not match"});
    }
    json!({"authenticated": true, "user": user.to_value(), "audiences": audiences})
}

/// The shortest life of a token that may be asked for.
const SHORTEST_SECONDS: i64 = 600;

/// Refuses a token that lives too short, or is bound to what is not there.
fn check_request(
    cluster: &Cluster,
    namespace: &str,
    spec: &Value,
    seconds: i64,
) -> Result<(), Status> {
    if seconds < SHORTEST_SECONDS {
        let cause = Cause {
            reason: "FieldValueInvalid".into(),
            message: format!(
                "Invalid value: {seconds}: may not specify a duration less than 10 minutes"
            ),
            field: "spec.expirationSeconds".into(),
        };
        return Err(Status::invalid(
            "authentication.k8s.io",
            "TokenRequest",
            "",
            &[cause],
        ));
    }
    let bound = &spec["boundObjectRef"];
    let text = |name: &str| bound[name].as_str().unwrap_or_default();
    if !bound.is_object() {
        return Ok(());
    }
    let (resource, namespace) = match (text("apiVersion"), text("kind")) {
        ("v1", "Pod") => ("pods", namespace),
        ("v1", "Secret") => ("secrets", namespace),
        ("v1", "Node") => ("nodes", ""),
        (version, kind) => {
            let slash = if version.contains('/') { "" } else { "/" };
            return Err(Status::bad_request(format!(
                "cannot bind token to object of type {slash}{version}, Kind={kind}"
            )));
        }
    };
    cluster.get(&Gvr::new("", "v1", resource), namespace, text("name"))?;
    Ok(())
}

/// `TokenRequest` for a service account: spec and status. `id` is the new token's, a uuid.
pub fn token_request(
    authentication: &Authentication,
    cluster: &Cluster,
    account: (&str, &str),
    spec: &Value,
    now: jiff::Timestamp,
    id: &str,
) -> Result<(Value, Value), Status> {
    let (namespace, name) = account;
    let account = cluster.get(&Gvr::new("", "v1", "serviceaccounts"), namespace, name)?;
    let mut audiences = texts(&spec["audiences"]);
    if audiences.is_empty() {
        audiences.push(ISSUER.to_owned());
    }
    let seconds = spec["expirationSeconds"]
        .as_i64()
        .unwrap_or(LIFETIME_SECONDS);
    check_request(cluster, namespace, spec, seconds)?;
    let expires = now.as_second().saturating_add(seconds);
    let claims = Claims {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        uid: object::uid(&account).to_owned(),
        audiences: audiences.clone(),
        expires: Some(expires),
        issued: now.as_second(),
        id: id.to_owned(),
        secret: None,
    };
    let token = authentication
        .tokens
        .sign(&claims)
        .ok_or_else(|| Status::internal("the token could not be signed"))?;
    let until = jiff::Timestamp::from_second(expires)
        .map_err(|_out_of_range| Status::bad_request("expirationSeconds is out of range"))?;
    let spec = json!({"audiences": audiences, "expirationSeconds": seconds, "boundObjectRef": spec["boundObjectRef"]});
    Ok((
        spec,
        json!({"token": token, "expirationTimestamp": until.to_string()}),
    ))
}
