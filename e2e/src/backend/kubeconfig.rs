//! Clusters that exist already, by the contexts of a kubeconfig. Whatever is made in them is deleted again.

use std::collections::BTreeMap;
use std::path::Path;

use kube::config::Kubeconfig;

use super::standing::{Clusters, Standing};
use super::uninstall;
use crate::failure::{Failure, Outcome};

/// As it is asked for.
pub(super) const NAME: &str = "kubeconfig";
/// Stories name three members.
const MEMBERS_MIN: usize = 3;

/// Federates the contexts, unless they are federated already.
pub(super) async fn federate(
    file: &Path,
    host: &str,
    members: &[String],
    folder: &Path,
) -> Outcome<Standing> {
    if members.len() < MEMBERS_MIN || members.iter().any(|member| member == host) {
        return Err(Failure::Backend(format!(
            "give the contexts of at least {MEMBERS_MIN} members, without the host: --member-contexts a,b,c (there is {members:?})"
        )));
    }
    let kubeconfig = Kubeconfig::read_from(file)
        .map_err(|error| Failure::Backend(format!("reading {}: {error}", file.display())))?;
    uninstall::is_absent(&crate::world::client(file, host).await?).await?;
    Standing::federate(Clusters {
        name: NAME,
        kubeconfig,
        host: host.to_owned(),
        members: members.to_vec(),
        folder: folder.to_owned(),
        audit: BTreeMap::new(),
        remove: true,
        control_plane: None,
    })
    .await
}
