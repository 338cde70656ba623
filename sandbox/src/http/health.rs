//! `/healthz`, `/livez`, `/readyz`: always well, in the words of a real server.

use super::exchange::{Exchange, Reply};
use http::header::X_CONTENT_TYPE_OPTIONS;

/// The checks a 1.34 server lists.
pub(super) const CHECKS: [&str; 32] = [
    "ping",
    "log",
    "etcd",
    "poststarthook/start-apiserver-admission-initializer",
    "poststarthook/generic-apiserver-start-informers",
    "poststarthook/priority-and-fairness-config-consumer",
    "poststarthook/priority-and-fairness-filter",
    "poststarthook/storage-object-count-tracker-hook",
    "poststarthook/start-apiextensions-informers",
    "poststarthook/start-apiextensions-controllers",
    "poststarthook/crd-informer-synced",
    "poststarthook/start-system-namespaces-controller",
    "poststarthook/start-cluster-authentication-info-controller",
    "poststarthook/start-kube-apiserver-identity-lease-controller",
    "poststarthook/start-kube-apiserver-identity-lease-garbage-collector",
    "poststarthook/start-legacy-token-tracking-controller",
    "poststarthook/start-service-ip-repair-controllers",
    "poststarthook/rbac/bootstrap-roles",
    "poststarthook/scheduling/bootstrap-system-priority-classes",
    "poststarthook/priority-and-fairness-config-producer",
    "poststarthook/bootstrap-controller",
    "poststarthook/start-kubernetes-service-cidr-controller",
    "poststarthook/aggregator-reload-proxy-client-cert",
    "poststarthook/start-kube-aggregator-informers",
    "poststarthook/apiservice-status-local-available-controller",
    "poststarthook/apiservice-status-remote-available-controller",
    "poststarthook/apiservice-registration-controller",
    "poststarthook/apiservice-discovery-controller",
    "poststarthook/kube-apiserver-autoregistration",
    "autoregister-completion",
    "poststarthook/apiservice-openapi-controller",
    "poststarthook/apiservice-openapiv3-controller",
];

/// Checks only `/readyz` has, after `etcd`.
pub(super) const READY_ONLY: [&str; 2] = ["etcd-readiness", "informer-sync"];

pub(super) fn health(exchange: &Exchange, check: Option<&str>) -> Reply {
    let name = exchange
        .path
        .trim_matches('/')
        .split('/')
        .next()
        .unwrap_or_default();
    let ready = name == "readyz";
    if let Some(check) = check {
        let known = CHECKS.contains(&check) || (ready && READY_ONLY.contains(&check));
        if !known {
            return exchange.text(404, "404 page not found\n");
        }
        let mut reply = exchange.text(200, "ok");
        reply.headers_mut().remove(X_CONTENT_TYPE_OPTIONS);
        return reply;
    }
    if !exchange.query.has("verbose") {
        return exchange.text(200, "ok");
    }
    let excluded = exchange.query.all("exclude");
    let mut text = String::new();
    for check in CHECKS {
        let mark = if excluded.contains(&check) {
            "excluded: ok"
        } else {
            "ok"
        };
        text.push_str(&format!("[+]{check} {mark}\n"));
        if check == "etcd" && ready {
            for check in READY_ONLY {
                text.push_str(&format!("[+]{check} ok\n"));
            }
        }
    }
    if ready {
        text.push_str("[+]shutdown ok\n");
    }
    text.push_str(&format!("{name} check passed\n"));
    exchange.text(200, &text)
}
