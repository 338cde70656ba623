//! From `--kubeconfig` and `--context` to a client. Says which contexts exist when one does not.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use kube::config::{KubeConfigOptions, Kubeconfig};

use crate::error::CliError;

/// The flags of every command that talks to one API server.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct HostFlags {
    /// Kubeconfig file; default: $KUBECONFIG, then ~/.kube/config
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Context of the host API server in it; default: its current context
    #[arg(long, value_name = "CONTEXT")]
    pub(crate) context: Option<String>,
}

/// One API server as the user named it.
pub(crate) struct Target {
    /// The context's name, for messages.
    pub(crate) context: String,
    /// Address and credentials.
    pub(crate) config: kube::Config,
    /// A client for it.
    pub(crate) client: kube::Client,
}

impl HostFlags {
    /// The client of the host, in the cluster when no kubeconfig is there at all.
    pub(crate) async fn target(&self) -> Result<Target, CliError> {
        connect(self.kubeconfig.as_deref(), self.context.as_deref()).await
    }
}

/// Reads `file` (or the default places) and builds a client for `context` (or the current one).
pub(crate) async fn connect(
    file: Option<&Path>,
    context: Option<&str>,
) -> Result<Target, CliError> {
    if file.is_none() && context.is_none() && is_in_cluster() {
        return in_cluster();
    }
    let from = match (file, std::env::var("KUBECONFIG")) {
        (Some(path), _) => path.display().to_string(),
        (None, Ok(named)) if !named.is_empty() => format!("{named} (from $KUBECONFIG)"),
        (None, _) => "~/.kube/config".to_owned(),
    };
    let text = match file {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    }
    .map_err(|source| CliError::Kubeconfig {
        from: from.clone(),
        source: Box::new(source),
    })?;
    let known: Vec<String> = text
        .contexts
        .iter()
        .map(|context| context.name.clone())
        .collect();
    let chosen = match context
        .map(str::to_owned)
        .or_else(|| text.current_context.clone())
    {
        Some(chosen) if known.contains(&chosen) => chosen,
        None if context.is_none() => {
            return Err(CliError::Refused {
                message: format!("the kubeconfig {from} has no current context"),
                advice: format!("Name one: {}.", known.join(", ")),
            });
        }
        other => {
            return Err(CliError::NoContext {
                context: other.unwrap_or_default(),
                from,
                known,
            });
        }
    };
    let options = KubeConfigOptions {
        context: Some(chosen.clone()),
        ..Default::default()
    };
    let mut config = kube::Config::from_custom_kubeconfig(text, &options)
        .await
        .map_err(|source| CliError::Kubeconfig {
            from,
            source: Box::new(source),
        })?;
    config.connect_timeout = Some(Duration::from_secs(10));
    let client = kube::Client::try_from(config.clone()).map_err(|source| CliError::Client {
        context: chosen.clone(),
        source: Box::new(source),
    })?;
    Ok(Target {
        context: chosen,
        config,
        client,
    })
}

/// A pod without a kubeconfig speaks to its own cluster.
fn is_in_cluster() -> bool {
    std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
        && std::env::var_os("KUBECONFIG").is_none()
}

fn in_cluster() -> Result<Target, CliError> {
    let context = "in-cluster".to_owned();
    let config = kube::Config::incluster().map_err(|error| CliError::Refused {
        message: format!("the service account of this pod cannot be used: {error}"),
        advice: "Mount a service account token, or give a kubeconfig with --kubeconfig.".to_owned(),
    })?;
    let client = kube::Client::try_from(config.clone()).map_err(|source| CliError::Client {
        context: context.clone(),
        source: Box::new(source),
    })?;
    Ok(Target {
        context,
        config,
        client,
    })
}
