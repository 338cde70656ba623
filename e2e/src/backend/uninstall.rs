//! Takes Navarch's API out of a host again, for clusters that go on without us.

use kube::Client;
use kube::api::DeleteParams;
use navarch_crds::keys;

use crate::failure::{Failure, Outcome};
use crate::world::kinds::{DEFINITION, NAMESPACE};
use crate::world::waiting::{Look, until};

/// Fails if the host has anything that `install` would make: it would not be ours to remove.
pub(super) async fn is_absent(client: &Client) -> Outcome {
    let failed = |error: kube::Error| Failure::Backend(format!("reading the host: {error}"));
    for name in definitions() {
        let found = DEFINITION.api(client, None).get_opt(&name).await;
        if found.map_err(failed)?.is_some() {
            return Err(Failure::Backend(format!(
                "the host has {name} already: it is a federation, or was one. Choose a host that is none; the stories remove all they make"
            )));
        }
    }
    Ok(())
}

/// Removes the definitions, with every object of theirs, and the system namespace.
pub(super) async fn uninstall(client: &Client) -> Outcome {
    let mut all: Vec<_> = definitions()
        .into_iter()
        .map(|name| (DEFINITION, name))
        .collect();
    all.push((NAMESPACE, keys::SYSTEM_NAMESPACE.to_owned()));
    for (kind, name) in &all {
        let deleted = kind
            .api(client, None)
            .delete(name, &DeleteParams::background())
            .await;
        match deleted {
            Ok(_going) => {}
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => {
                return Err(Failure::Backend(format!(
                    "deleting {} {name}: {error}",
                    kind.kind
                )));
            }
        }
    }
    for (kind, name) in &all {
        let what = format!("{} {name} is gone", kind.kind);
        until(&what, async || {
            match kind.api(client, None).get_opt(name).await {
                Ok(None) => Look::Seen(()),
                Ok(Some(object)) => Look::NotYet(object.data.to_string()),
                Err(error) => Look::NotYet(error.to_string()),
            }
        })
        .await?;
    }
    Ok(())
}

fn definitions() -> Vec<String> {
    let all = navarch_crds::definitions::all();
    all.into_iter()
        .filter_map(|definition| definition.metadata.name)
        .collect()
}
