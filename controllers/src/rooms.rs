//! The list of rooms: the only file that names them all.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::host::context::Context;
use crate::membership::io::{Membership, NEW_MEMBERS_MAX};
use crate::{dispatch, propagate, status};

/// Opens every room. Each registers what it waits for before anything may begin to work.
pub(crate) fn open(ctx: &Arc<Context>) {
    let (new_members, members) = mpsc::channel(NEW_MEMBERS_MAX);
    propagate::io::watch::start(ctx);
    Membership::new(Arc::clone(ctx), new_members).start();
    ctx.tasks.spawn(dispatch::io::run(Arc::clone(ctx), members));
    propagate::io::start(ctx);
    status::io::start(ctx);
}
