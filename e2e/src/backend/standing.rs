//! Clusters that stand for a whole run: their federation is made as a user makes it, with the commands `install`,
//! `join` and `controller-manager` of `navarch`. `real` and `kubeconfig` say which clusters these are.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use futures::future::{LocalBoxFuture, try_join_all};
use kube::Client;
use kube::config::Kubeconfig;
use navarch_scheduler::unit::ObjectOverrides;
use tokio::process::Child;
use tokio::sync::Mutex;

use super::audit::AuditLog;
use super::process::{end, join, kill, navarch, navarch_bound, unjoin};
use super::proxy::Proxy;
use super::{Backend, Breakage, Need, Request, Steer, webhook};
use crate::failure::{Failure, Outcome};

/// Which clusters, and what may be done to them.
pub(super) struct Clusters {
    pub(super) name: &'static str,
    /// Every context.
    pub(super) kubeconfig: Kubeconfig,
    pub(super) host: String,
    pub(super) members: Vec<String>,
    /// For the kubeconfig, logs and the like.
    pub(super) folder: PathBuf,
    /// The audit log of each cluster, where there are any.
    pub(super) audit: BTreeMap<String, PathBuf>,
    /// Whether everything that is made is removed at the end: the clusters go on without us.
    pub(super) remove: bool,
    /// What the clusters run in, if it is ours. Ends with us.
    pub(super) control_plane: Option<Child>,
}

/// A federation of standing clusters.
pub(super) struct Standing {
    name: &'static str,
    kubeconfig: PathBuf,
    host: String,
    members: Vec<String>,
    /// Wires to the members that can be cut; none to a member whose certificate does not name this machine.
    proxies: BTreeMap<String, Proxy>,
    audit: BTreeMap<String, RefCell<AuditLog>>,
    log: PathBuf,
    controllers: Mutex<Option<Controllers>>,
    remove: bool,
    control_plane: Mutex<Option<Child>>,
}

/// The controllers, and the bounds that they were started with.
struct Controllers {
    child: Child,
    bounds: ObjectOverrides,
}

impl Standing {
    /// Federates the clusters. What was made of it goes again if that fails.
    pub(super) async fn federate(clusters: Clusters) -> Outcome<Self> {
        let Clusters {
            name,
            mut kubeconfig,
            host,
            members,
            folder,
            audit,
            remove,
            control_plane,
        } = clusters;
        let mut proxies = BTreeMap::new();
        for member in &members {
            if let Some(proxy) = lay_wire(&mut kubeconfig, member).await? {
                proxies.insert(member.clone(), proxy);
            }
        }
        let path = folder.join("kubeconfig-of-stories");
        write_private(&path, &kubeconfig)?;
        let standing = Self {
            name,
            kubeconfig: path,
            host,
            members,
            proxies,
            audit: audit
                .into_iter()
                .map(|(cluster, path)| (cluster, RefCell::new(AuditLog::new(path))))
                .collect(),
            log: folder.join("navarch.log"),
            controllers: Mutex::new(None),
            remove,
            control_plane: Mutex::new(control_plane),
        };
        if let Err(error) = standing.make().await {
            standing.stop().await;
            return Err(error);
        }
        Ok(standing)
    }

    async fn make(&self) -> Outcome {
        let install = ["install", "--context", &self.host];
        navarch(&self.kubeconfig, &install, "").await?;
        self.steer(Steer::Start).await?;
        let members = self.members.iter();
        try_join_all(members.map(|member| join(&self.kubeconfig, &self.host, member)))
            .await
            .map(drop)
    }

    /// Takes away what [`Self::make`] made, the last first.
    async fn unmake(&self) -> Outcome {
        for member in &self.members {
            unjoin(&self.kubeconfig, &self.host, member).await?;
        }
        self.steer(Steer::Stop).await?;
        super::uninstall::uninstall(&self.client(&self.host).await?).await
    }

    async fn client(&self, cluster: &str) -> Outcome<Client> {
        crate::world::client(&self.kubeconfig, cluster).await
    }

    fn start_controllers(&self, bounds: ObjectOverrides) -> Outcome<Controllers> {
        let kubeconfig = self.kubeconfig.to_string_lossy();
        // An outage is noticed in a second instead of minutes, as in the sandbox.
        let arguments = [
            "-v",
            "controller-manager",
            "--kubeconfig",
            &kubeconfig,
            "--context",
            &self.host,
            "--admin-address",
            "none",
            "--cluster-health-check-period",
            "1s",
            "--cluster-status-threshold",
            "500ms",
            "--object-overrides",
            // Named as users write them.
            &format!("{bounds:?}"),
        ];
        let child = navarch_bound(&arguments, &self.log)?;
        Ok(Controllers { child, bounds })
    }

    fn audit_of(&self, cluster: &str) -> Outcome<std::cell::RefMut<'_, AuditLog>> {
        let log = self.audit.get(cluster);
        Ok(log
            .ok_or_else(|| self.lacks("tell what was asked"))?
            .borrow_mut())
    }
}

impl Backend for Standing {
    fn name(&self) -> &'static str {
        self.name
    }

    fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    fn host(&self) -> String {
        self.host.clone()
    }

    fn members(&self) -> Vec<String> {
        self.members.clone()
    }

    fn can(&self, need: Need) -> bool {
        match need {
            Need::Partition => self.proxies.len() == self.members.len(),
            Need::RequestLog => !self.audit.is_empty(),
            Need::Faults | Need::Controllers | Need::Alone => true,
        }
    }

    fn cut_off(&self, member: &str, cut: bool) -> Outcome {
        let proxy = self.proxies.get(member);
        proxy.ok_or_else(|| self.lacks("cut members off"))?.cut(cut);
        Ok(())
    }

    fn break_requests<'a>(
        &'a self,
        cluster: &'a str,
        breakage: &'a Breakage<'_>,
    ) -> LocalBoxFuture<'a, Outcome> {
        Box::pin(
            async move { webhook::break_requests(&self.client(cluster).await?, breakage).await },
        )
    }

    fn mend_requests<'a>(&'a self, cluster: &'a str) -> LocalBoxFuture<'a, Outcome> {
        Box::pin(async move { webhook::mend_requests(&self.client(cluster).await?).await })
    }

    fn mark(&self, cluster: &str) -> Outcome<usize> {
        Ok(self.audit_of(cluster)?.requests()?.len())
    }

    fn requests(&self, cluster: &str, mark: usize) -> Outcome<Vec<Request>> {
        let mut log = self.audit_of(cluster)?;
        Ok(log.requests()?.get(mark..).unwrap_or_default().to_vec())
    }

    fn steer(&self, how: Steer) -> LocalBoxFuture<'_, Outcome> {
        Box::pin(async move {
            let mut controllers = self.controllers.lock().await;
            let bounds = match how {
                Steer::StartBounded(bounds) => bounds,
                Steer::Start | Steer::Stop | Steer::Crash => ObjectOverrides::default(),
            };
            match (how, controllers.take()) {
                (Steer::Start | Steer::StartBounded(_), None) => {
                    *controllers = Some(self.start_controllers(bounds)?);
                }
                (Steer::Start | Steer::StartBounded(_), running) => *controllers = running,
                (Steer::Stop, Some(mut running)) => {
                    let status = end(&mut running.child).await?;
                    if !status.success() {
                        return Err(Failure::Backend(format!(
                            "the controllers ended badly ({status}): see {}",
                            self.log.display()
                        )));
                    }
                }
                (Steer::Crash, Some(mut running)) => kill(&mut running.child).await?,
                (Steer::Stop | Steer::Crash, None) => {}
            }
            Ok(())
        })
    }

    fn restore(&self) -> LocalBoxFuture<'_, Outcome> {
        Box::pin(async move {
            for proxy in self.proxies.values() {
                proxy.cut(false);
            }
            for cluster in std::iter::once(&self.host).chain(&self.members) {
                self.mend_requests(cluster).await?;
            }
            let mut controllers = self.controllers.lock().await;
            let ended = controllers.as_mut().map(|running| running.child.try_wait());
            let died = match ended {
                Some(Ok(Some(status))) => Some(status),
                _ => None,
            };
            if died.is_some() {
                *controllers = None;
            }
            let bounds = controllers.as_ref().map(|running| running.bounds);
            drop(controllers);
            if bounds.is_some_and(|bounds| bounds != ObjectOverrides::default()) {
                self.steer(Steer::Stop).await?;
            }
            self.steer(Steer::Start).await?;
            died.map_or(Ok(()), |status| {
                Err(Failure::Backend(format!(
                    "the controllers had ended by themselves ({status}): see {}",
                    self.log.display()
                )))
            })
        })
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn stop(&self) -> LocalBoxFuture<'_, Vec<Failure>> {
        Box::pin(async move {
            let mut failures = Vec::new();
            if self.remove {
                failures.extend(self.unmake().await.err());
            }
            failures.extend(self.steer(Steer::Stop).await.err());
            if let Some(mut control_plane) = self.control_plane.lock().await.take() {
                // It ends when its standard input does.
                drop(control_plane.stdin.take());
                let waited =
                    tokio::time::timeout(std::time::Duration::from_secs(60), control_plane.wait())
                        .await;
                if !matches!(waited, Ok(Ok(_))) {
                    failures.push(Failure::Backend(
                        "the control plane does not end".to_owned(),
                    ));
                }
            }
            failures
        })
    }
}

/// Lays a wire to a member that runs on this machine, and puts its beginning into the kubeconfig.
async fn lay_wire(kubeconfig: &mut Kubeconfig, context: &str) -> Outcome<Option<Proxy>> {
    let named = kubeconfig
        .contexts
        .iter()
        .find(|named| named.name == context);
    let cluster = named
        .and_then(|named| named.context.as_ref())
        .map(|context| context.cluster.clone());
    let cluster = cluster
        .ok_or_else(|| Failure::Backend(format!("the kubeconfig has no context {context:?}")))?;
    let entry = kubeconfig
        .clusters
        .iter_mut()
        .find(|named| named.name == cluster);
    let Some(entry) = entry.and_then(|named| named.cluster.as_mut()) else {
        return Err(Failure::Backend(format!(
            "the kubeconfig has no cluster {cluster:?}"
        )));
    };
    let server = entry.server.clone().unwrap_or_default();
    // The certificate of such a server names the address under which the wire begins, too.
    let Some(address) = server
        .strip_prefix("https://")
        .filter(|address| address.starts_with("127.0.0.1:"))
    else {
        return Ok(None);
    };
    let proxy = Proxy::to(address.trim_end_matches('/').to_owned()).await?;
    entry.server = Some(proxy.url());
    Ok(Some(proxy))
}

fn write_private(path: &Path, kubeconfig: &Kubeconfig) -> Outcome {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let failed = |error: String| Failure::Backend(format!("writing {}: {error}", path.display()));
    // JSON is YAML.
    let text = serde_json::to_vec(kubeconfig).map_err(|error| failed(error.to_string()))?;
    std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(&text))
        .map_err(|error| failed(error.to_string()))
}
