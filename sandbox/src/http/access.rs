//! Who asks, and whether they may.

use super::exchange::Exchange;
use super::route::Route;
use super::transport::Peer;
use crate::auth::User;
use crate::auth::authentication::Shown;
use crate::auth::rbac;
use crate::auth::rules::Attributes;
use crate::status::Status;
use http::HeaderName;
use http::header::AUTHORIZATION;

/// The user behind a request: by client certificate, by bearer token, or nobody in particular.
pub(super) fn user(exchange: &Exchange, peer: &Peer) -> Result<User, Status> {
    let text = |name: &'static str| exchange.header(&HeaderName::from_static(name));
    let groups = exchange.headers.get_all("impersonate-group").iter();
    let groups: Vec<&str> = groups.filter_map(|v| v.to_str().ok()).collect();
    let shown = Shown {
        certificate: peer.certificates.first(),
        authorization: exchange.header(&AUTHORIZATION),
        impersonate_user: text("impersonate-user"),
        impersonate_groups: &groups,
        impersonate_uid: text("impersonate-uid"),
    };
    let shared = &exchange.shared;
    let now = jiff::Timestamp::now().as_second();
    let user = shared.authentication.user(&shared.cluster, shown, now);
    user.map_err(|mut status| {
        if status.code == 500 {
            let path = &exchange.path;
            status.message = format!("Internal Server Error: {path:?}: {}", status.message);
        }
        status
    })
}

/// Refuses what the user may not do.
pub(super) fn authorize(exchange: &Exchange, route: &Route) -> Result<(), Status> {
    let entry = &exchange.entry;
    let asked = match route {
        Route::Objects(place) => Attributes {
            verb: if entry.verb == "apply" {
                "patch".into()
            } else {
                entry.verb.clone()
            },
            group: place.group.clone(),
            resource: place.resource.clone(),
            subresource: place.subresource.clone(),
            // A namespace itself counts as lying in itself.
            namespace: match place.resource.as_str() {
                "namespaces" if place.group.is_empty() => place.name.clone(),
                _ => place.namespace.clone(),
            },
            name: place.name.clone(),
            path: String::new(),
        },
        _ => Attributes {
            verb: entry.verb.clone(),
            path: exchange.path.clone(),
            ..Attributes::default()
        },
    };
    rbac::authorize(&exchange.shared.cluster, &exchange.user, &asked)
}
