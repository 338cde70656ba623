//! The controllers of a playground, in an asynchronous runtime of their own: so that a crash can take everything they
//! are at once, as the end of a process does.

use std::time::Duration;

use navarch_controllers::{RunError, RunOptions};
use tokio::runtime::Runtime;
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::error::CliError;

/// A thread that is in the middle of something when everything ends gets to its next await point in much less.
const LAST_STEPS: Duration = Duration::from_secs(10);

/// Controllers at work. Dropped, they crash.
#[derive(Debug)]
pub(super) struct Running {
    /// Here until it is ended.
    runtime: Option<Runtime>,
    run: JoinHandle<Result<(), RunError>>,
    shutdown: CancellationToken,
}

impl Running {
    /// Starts them.
    ///
    /// # Errors
    /// When the machine has no threads left.
    pub(super) fn start(options: RunOptions) -> Result<Self, CliError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_name("controllers")
            .enable_all()
            .build()
            .map_err(|error| CliError::Refused {
                message: format!("starting the controllers: {error}"),
                advice: "End something else on this machine.".to_owned(),
            })?;
        let shutdown = CancellationToken::new();
        let run = runtime.spawn(navarch_controllers::run(options, shutdown.clone()));
        Ok(Self {
            runtime: Some(runtime),
            run,
            shutdown,
        })
    }

    /// Asks them to end and waits until they have.
    pub(super) async fn stop(mut self) {
        self.shutdown.cancel();
        report_end((&mut self.run).await);
        self.crash().await;
    }

    /// Ends them wherever they are, and waits until nothing of them is left: no task, no connection.
    pub(super) async fn crash(mut self) {
        let Some(runtime) = self.runtime.take() else {
            return;
        };
        let ending = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(LAST_STEPS));
        if let Err(error) = ending.await {
            tracing::error!(%error, "the controllers could not be ended");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Dropping it would wait, which an asynchronous context does not allow.
            runtime.shutdown_background();
        }
    }
}

fn report_end(ended: Result<Result<(), RunError>, JoinError>) {
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "the controllers ended with an error"),
        Err(error) => tracing::error!(%error, "the controllers did not end by themselves"),
    }
}
