//! Starts one server and keeps it until Ctrl-C: `cargo run -p navarch-sandbox --example serve KUBECONFIG`.

use navarch_sandbox::server::{ApiServer, ServerOptions};
use navarch_sandbox::simulate::SimulationOptions;
use std::error::Error;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "kubeconfig".to_owned());
    let options = ServerOptions {
        name: "sandbox".to_owned(),
        simulation: Some(SimulationOptions::default()),
    };
    let server = ApiServer::start(options).await?;
    tokio::fs::write(&path, server.kubeconfig()).await?;
    tokio::signal::ctrl_c().await?;
    server.stop().await;
    Ok(())
}
