//! `navarch install`: makes a host API server ready for the controllers. Run again, it changes nothing.

use clap::Args;

use crate::error::CliError;
use crate::kubeconfig::HostFlags;
use crate::output;

#[derive(Args, Debug)]
pub(crate) struct InstallFlags {
    #[command(flatten)]
    host: HostFlags,
}

pub(crate) async fn run(flags: InstallFlags) -> Result<(), CliError> {
    let target = flags.host.target().await?;
    let report = navarch_controllers::install::install(&target.client)
        .await
        .map_err(|error| CliError::Install {
            context: target.context.clone(),
            source: Box::new(error),
        })?;
    output::print(&format!(
        "Navarch is installed in context {:?}: {} resource definitions, {} type configs.\nNext: navarch controller-manager --context {}, then navarch join NAME --host-context {} --member-context MEMBER",
        target.context,
        report.definitions.len(),
        report.type_configs.len(),
        target.context,
        target.context
    ))
}
