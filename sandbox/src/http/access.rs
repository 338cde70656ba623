//! Who asks, and whether they may.

use super::exchange::Exchange;
use super::transport::Peer;
use crate::auth::User;
use crate::status::Status;
use http::header::AUTHORIZATION;

/// The user behind a request: by client certificate, by bearer token, or nobody in particular.
pub(super) fn user(exchange: &Exchange, peer: &Peer) -> Result<User, Status> {
    let authority = &exchange.shared.authority;
    let known = peer.certificates.first().and_then(|c| authority.owner(c));
    if let Some(mut user) = known {
        user.groups.push("system:authenticated".to_owned());
        return Ok(user);
    }
    let header = exchange.header(&AUTHORIZATION).unwrap_or_default();
    if header.starts_with("Bearer ") {
        return Err(Status::unauthorized());
    }
    let groups = vec!["system:unauthenticated".to_owned()];
    Ok(User {
        name: "system:anonymous".to_owned(),
        groups,
    })
}
