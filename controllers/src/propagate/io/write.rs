//! The one write of a pass. One that changes what an object is charged goes through the ledger; what has become of it is
//! never guessed (decision 0030).

use navarch_crds::quota::OpenObject;
use serde_json::Value;

use super::PropagateError;
use crate::fleet::request::RequestError;
use crate::host::charges::end_admission;
use crate::host::context::Context;
use crate::host::take::{federated_kind, put_federated};
use crate::propagate::decide::{Decided, Write};
use crate::quota::{Fenced, PlaceError, open_name};
use crate::runtime::key::Key;
use crate::runtime::queue::Priority;

/// Makes the write. The inner error is the API server's, and says that nothing was written.
pub(super) async fn write(
    ctx: &Context,
    key: &Key,
    decided: &Decided,
) -> Result<Result<Option<Value>, RequestError>, PropagateError> {
    let kind = federated_kind(key);
    Ok(match &decided.write {
        Write::Nothing => Ok(None),
        Write::Create(object) => {
            let created = ctx.host.create(&kind, key.namespace(), object).await;
            created.map(Some)
        }
        Write::Update(object) if decided.recharges => match ctx.ledger.place(object).await {
            Ok(object) => Ok(Some(object)),
            Err(PlaceError::Refused(error)) => Err(error),
            Err(PlaceError::NotOpened(error)) => return Err(error.into()),
            Err(PlaceError::Unanswered(error)) => return Err(error.into()),
        },
        Write::Update(object) => {
            let replaced = ctx
                .host
                .replace(&kind, key.namespace(), &key.name, object)
                .await;
            replaced.map(Some)
        }
    })
}

/// The object as the ledger names it.
fn named(ctx: &Context, key: &Key) -> Option<OpenObject> {
    let entry = ctx.federated.get(key)?;
    Some(open_name(key, &entry.object.uid))
}

/// An earlier pass does not know what became of its write: before anything else is done, that write is kept from coming
/// late.
pub(super) async fn settle_doubt(ctx: &Context, key: &Key) -> Result<(), PropagateError> {
    if !ctx.quotas.in_use() {
        return Ok(());
    }
    let Some(object) = named(ctx, key).filter(|object| ctx.ledger.in_doubt(object)) else {
        return Ok(());
    };
    let fenced = ctx.ledger.fence(&object).await?;
    match fenced {
        Fenced::Written(object) | Fenced::Newer(object) | Fenced::Replaced(object) => {
            put_federated(ctx, object, Priority::Live);
        }
        // Its watch tells.
        Fenced::Gone => {}
    }
    Ok(())
}

/// What was admitted stands on the object now, or does not come; unless nobody knows.
pub(super) fn end_look(ctx: &Context, key: &Key) {
    if ctx.quotas.in_use() {
        let in_doubt = named(ctx, key).is_some_and(|object| ctx.ledger.in_doubt(&object));
        end_admission(ctx, key, in_doubt);
    }
}
