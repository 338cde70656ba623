//! `navarch join NAME`: makes a service account, roles and a token in the member, a Secret and a FederatedCluster
//! in the host, and waits until the controllers find the member Ready. Run again, it changes nothing.
//! Who may join whom is decided by [`check`], which sees only names and uids.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt};
use navarch_crds::keys;
use navarch_crds::v1alpha1::FederatedCluster;

use crate::error::CliError;
use crate::kubeconfig::{Target, connect};
use crate::member_access::{self, MemberCredentials};
use crate::{federation, output};

#[derive(Args, Debug)]
pub(crate) struct JoinFlags {
    /// Name of the member in the federation
    name: String,
    /// Context of the host API server
    #[arg(long, value_name = "CONTEXT")]
    host_context: Option<String>,
    /// Context of the member to join
    #[arg(long, value_name = "CONTEXT")]
    member_context: Option<String>,
    /// Kubeconfig with both contexts; default: $KUBECONFIG, then ~/.kube/config
    #[arg(long, value_name = "FILE", conflicts_with_all = ["host_kubeconfig", "member_kubeconfig"])]
    kubeconfig: Option<PathBuf>,
    /// Kubeconfig of the host
    #[arg(long, value_name = "FILE")]
    host_kubeconfig: Option<PathBuf>,
    /// Kubeconfig of the member
    #[arg(long, value_name = "FILE")]
    member_kubeconfig: Option<PathBuf>,
    /// How long to wait until the member is Ready, in seconds; 0: do not wait
    #[arg(long, default_value_t = 120, value_name = "SECONDS")]
    timeout: u64,
}

pub(crate) async fn run(flags: JoinFlags) -> Result<(), CliError> {
    check_name(&flags.name)?;
    let one_file = flags.kubeconfig.clone();
    let host_file = flags.host_kubeconfig.clone().or_else(|| one_file.clone());
    let member_file = flags.member_kubeconfig.clone().or(one_file);
    if flags.member_context.is_none() && member_file == host_file {
        return Err(CliError::Refused {
            message: "which cluster is to be joined?".to_owned(),
            advice: "Give --member-context CONTEXT (and --host-context if the host is not the current context).".to_owned(),
        });
    }
    let host = connect(host_file.as_deref(), flags.host_context.as_deref()).await?;
    let member = connect(member_file.as_deref(), flags.member_context.as_deref()).await?;
    let cluster = admit(&flags.name, &host, &member, flags.timeout).await?;
    let uid = cluster.metadata.uid.clone().unwrap_or_default();
    let credentials = member_access::grant(&member, &uid).await?;
    member_access::store(&host, &flags.name, &credentials).await?;
    announce(&host, &flags.name, &credentials).await?;
    if flags.timeout == 0 {
        return output::print(&format!(
            "{} is announced to context {:?}.\nNext: navarch get clusters --context {}",
            flags.name, host.context, host.context
        ));
    }
    let ready = wait_until_ready(&host, &flags.name, flags.timeout).await?;
    output::print(&format!(
        "{} is joined and Ready ({}).\nNext: navarch get clusters --context {}",
        flags.name, credentials.server, host.context
    ))?;
    drop(ready);
    Ok(())
}

/// Names travel in label values and in names of Secrets.
fn check_name(name: &str) -> Result<(), CliError> {
    const LENGTH_MAX: usize = 63;
    let problem = match navarch_crds::names::ClusterName::new(name) {
        Err(error) => error.to_string(),
        Ok(_checked) if name.len() > LENGTH_MAX => format!("it is longer than {LENGTH_MAX}"),
        Ok(_checked) => return Ok(()),
    };
    Err(CliError::Refused {
        message: format!("{name:?} cannot be a cluster's name: {problem}"),
        advice: "Use lower-case letters, digits and dashes, at most 63, beginning and ending with a letter or digit.".to_owned(),
    })
}

/// What is known about a member before it is joined.
#[derive(Debug)]
struct Claims<'a> {
    /// The uid that the member's system namespace carries; `None`: no such namespace. `Some("")`: one without a mark.
    marked: Option<&'a str>,
    /// The host's clusters: name, uid, address.
    host: &'a [(String, String, String)],
    /// The member's address.
    server: &'a str,
}

/// Whether `name` may be joined, and if not, why.
fn check(name: &str, claims: &Claims<'_>) -> Result<(), CliError> {
    let by_address = claims
        .host
        .iter()
        .find(|(other, _, server)| server == claims.server && other != name);
    if let Some((other, ..)) = by_address {
        return Err(already(name, other));
    }
    match claims.marked {
        None => Ok(()),
        Some("") => Err(CliError::Refused {
            message: format!(
                "the member already has a namespace {} that no federation made",
                keys::SYSTEM_NAMESPACE
            ),
            advice: "If it is a left-over, delete it in the member and join again.".to_owned(),
        }),
        Some(uid) => match claims.host.iter().find(|(_, host_uid, _)| host_uid == uid) {
            Some((other, ..)) if other == name => Ok(()),
            Some((other, ..)) => Err(already(name, other)),
            None => Err(CliError::Refused {
                message: "the member is joined to another host".to_owned(),
                advice: format!(
                    "Unjoin it there first. If that host is gone, delete the namespace {} in the member and join again.",
                    keys::SYSTEM_NAMESPACE
                ),
            }),
        },
    }
}

fn already(name: &str, other: &str) -> CliError {
    CliError::Refused {
        message: format!("the member is already joined as {other:?}, not {name:?}"),
        advice: format!("Use that name, or let it go first: navarch unjoin {other}"),
    }
}

/// Checks the claims and makes sure that the host has the FederatedCluster (its uid marks the member).
async fn admit(
    name: &str,
    host: &Target,
    member: &Target,
    seconds: u64,
) -> Result<FederatedCluster, CliError> {
    let clusters: Api<FederatedCluster> = Api::all(host.client.clone());
    let known = clusters
        .list(&Default::default())
        .await
        .map_err(CliError::request(format!(
            "listing clusters in context {:?}",
            host.context
        )))?;
    let namespace = system_namespace(member, seconds).await?;
    let marked = namespace.map(|namespace| {
        namespace
            .annotations()
            .get(keys::annotation::FEDERATED_CLUSTER_UID)
            .cloned()
            .unwrap_or_default()
    });
    let server = member_access::server_of(&member.config);
    let host_clusters: Vec<(String, String, String)> = known
        .items
        .iter()
        .map(|cluster| {
            (
                cluster.name_any(),
                cluster.uid().unwrap_or_default(),
                cluster.spec.api_endpoint.clone(),
            )
        })
        .collect();
    check(
        name,
        &Claims {
            marked: marked.as_deref(),
            host: &host_clusters,
            server: &server,
        },
    )?;
    if let Some(existing) = known
        .items
        .into_iter()
        .find(|cluster| cluster.name_any() == name)
    {
        return same_member(existing, marked.is_some(), &server);
    }
    let fresh = member_access::federated_cluster(name, &server);
    clusters
        .create(&Default::default(), &fresh)
        .await
        .map_err(CliError::request(format!(
            "creating FederatedCluster {name} in context {:?}",
            host.context
        )))
}

/// The member's system namespace. One that is just going says nothing of who has the member now: `unjoin` does not wait
/// for its end, so it is waited for here.
async fn system_namespace(member: &Target, seconds: u64) -> Result<Option<Namespace>, CliError> {
    let namespaces: Api<Namespace> = Api::all(member.client.clone());
    let read = async || {
        let found = namespaces.get_opt(keys::SYSTEM_NAMESPACE).await;
        found.map_err(CliError::request(format!(
            "reading namespace {} in context {:?}",
            keys::SYSTEM_NAMESPACE,
            member.context
        )))
    };
    let found = read().await?;
    let going = found
        .as_ref()
        .filter(|namespace| namespace.metadata.deletion_timestamp.is_some());
    let Some(going) = going else {
        return Ok(found);
    };
    let uid = going.uid().unwrap_or_default();
    let gone = kube::runtime::wait::await_condition(
        namespaces.clone(),
        keys::SYSTEM_NAMESPACE,
        kube::runtime::wait::conditions::is_deleted(&uid),
    );
    match tokio::time::timeout(Duration::from_secs(seconds), gone).await {
        Ok(Ok(_)) => read().await,
        _ => Err(CliError::TimedOut {
            doing: format!(
                "waiting until the namespace {} of an earlier federation is gone in context {:?}",
                keys::SYSTEM_NAMESPACE, member.context
            ),
            seconds,
            last: "it is being deleted".to_owned(),
            advice: "Run the same command again once it is gone. What keeps it: kubectl get namespace -o yaml, its conditions.".to_owned(),
        }),
    }
}

/// An existing FederatedCluster of that name must be this very member.
fn same_member(
    existing: FederatedCluster,
    marked: bool,
    server: &str,
) -> Result<FederatedCluster, CliError> {
    if marked || existing.spec.api_endpoint == server {
        return Ok(existing);
    }
    Err(CliError::Refused {
        message: format!(
            "the host has another cluster named {:?} ({})",
            existing.name_any(),
            existing.spec.api_endpoint
        ),
        advice: "Choose another name, or unjoin that one first.".to_owned(),
    })
}

/// Tells the controllers that credentials are there, where the address or the reference has changed.
async fn announce(
    host: &Target,
    name: &str,
    credentials: &MemberCredentials,
) -> Result<(), CliError> {
    let clusters: Api<FederatedCluster> = Api::all(host.client.clone());
    let patch = serde_json::json!({"spec": {"apiEndpoint": credentials.server, "secretRef": {"name": member_access::secret_name(name)}}});
    clusters
        .patch(
            name,
            &kube::api::PatchParams::default(),
            &kube::api::Patch::Merge(&patch),
        )
        .await
        .map(|_announced| ())
        .map_err(CliError::request(format!(
            "updating FederatedCluster {name} in context {:?}",
            host.context
        )))
}

/// Watches the FederatedCluster until the controllers say Ready.
pub(crate) async fn wait_until_ready(
    host: &Target,
    name: &str,
    seconds: u64,
) -> Result<FederatedCluster, CliError> {
    let clusters: Api<FederatedCluster> = Api::all(host.client.clone());
    let last = std::sync::Mutex::new("nothing yet".to_owned());
    let waiting = kube::runtime::wait::await_condition(
        clusters,
        name,
        |cluster: Option<&FederatedCluster>| {
            cluster.is_some_and(|cluster| {
                if let Ok(mut last) = last.lock() {
                    *last = federation::cluster_text(cluster);
                }
                federation::is_ready(cluster)
            })
        },
    );
    let outcome = tokio::time::timeout(Duration::from_secs(seconds), waiting).await;
    let seen = last.lock().map(|last| last.clone()).unwrap_or_default();
    match outcome {
        Ok(Ok(Some(cluster))) => Ok(cluster),
        _ => Err(CliError::TimedOut {
            doing: format!("waiting until {name} is Ready"),
            seconds,
            last: seen,
            advice: "Are the controllers running against this host (navarch controller-manager)? Can they reach the member's address? The join itself is kept: run the same command again.".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(marked: Option<&str>, name: &str) -> Result<(), String> {
        let host = vec![(
            "east".to_owned(),
            "u-1".to_owned(),
            "https://east".to_owned(),
        )];
        let server = if name == "east" {
            "https://east"
        } else {
            "https://new"
        };
        check(
            name,
            &Claims {
                marked,
                host: &host,
                server,
            },
        )
        .map_err(|error| error.to_string())
    }

    #[test]
    fn a_member_is_joined_once() {
        assert_eq!(verdict(None, "west"), Ok(()));
        assert_eq!(verdict(Some("u-1"), "east"), Ok(()));
        for (name, marked, name_to_join, expected) in [
            (
                "joined under another name",
                Some("u-1"),
                "west",
                "already joined as \"east\"",
            ),
            (
                "joined to another host",
                Some("u-9"),
                "west",
                "joined to another host",
            ),
            (
                "a namespace nobody marked",
                Some(""),
                "west",
                "that no federation made",
            ),
        ] {
            let error = verdict(marked, name_to_join).unwrap_err();
            assert!(error.contains(expected), "{name}: {error}");
        }
    }

    #[test]
    fn an_address_is_joined_once() {
        let host = vec![(
            "east".to_owned(),
            "u-1".to_owned(),
            "https://same".to_owned(),
        )];
        let claims = Claims {
            marked: None,
            host: &host,
            server: "https://same",
        };
        assert!(check("west", &claims).is_err());
        assert!(check("east", &claims).is_ok());
    }

    #[test]
    fn odd_names_are_refused_with_the_rule() {
        for name in ["", "Upper", "a_b", "-a", &"x".repeat(64)] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        assert!(check_name("member-1").is_ok());
    }
}
