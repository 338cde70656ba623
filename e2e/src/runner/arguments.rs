//! What the command line says: filters and flags as Rust's own test programs take them, and where to play. Pure.

use std::path::PathBuf;

use clap::Parser;

use crate::backend::Stage;
use crate::failure::{Failure, Outcome};

/// Plays stories: what a user does and sees
#[derive(Debug, Parser)]
#[command(name = "scenarios", max_term_width = 110)]
pub(super) struct Arguments {
    /// Play only stories whose name contains one of these
    filters: Vec<String>,
    /// The filters are whole names
    #[arg(long)]
    exact: bool,
    /// Leave out stories whose name contains this
    #[arg(long, value_name = "FILTER")]
    skip: Vec<String>,
    /// Name the stories and play none
    #[arg(long)]
    pub(super) list: bool,
    /// How many stories play at a time
    #[arg(long, env = "RUST_TEST_THREADS", value_name = "COUNT")]
    test_threads: Option<usize>,
    /// Where to play: sandbox, real or kubeconfig
    #[arg(
        long,
        env = "NAVARCH_E2E_BACKEND",
        default_value = "sandbox",
        value_name = "NAME"
    )]
    backend: String,
    /// real: play on the control plane that is up in this folder (e2e/realcp/up.sh), instead of a new one
    #[arg(long, env = "NAVARCH_E2E_CONTROL_PLANE", value_name = "FOLDER")]
    control_plane: Option<PathBuf>,
    /// kubeconfig: the file with the contexts
    #[arg(long, env = "NAVARCH_E2E_KUBECONFIG", value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// kubeconfig: the host
    #[arg(long, env = "NAVARCH_E2E_HOST_CONTEXT", value_name = "CONTEXT")]
    host_context: Option<String>,
    /// kubeconfig: the members, three or more
    #[arg(
        long,
        env = "NAVARCH_E2E_MEMBER_CONTEXTS",
        value_delimiter = ',',
        value_name = "CONTEXTS"
    )]
    member_contexts: Vec<String>,
    #[command(flatten)]
    ignored: Ignored,
}

/// What `cargo test` may pass to every test program, and what changes nothing here: stories hide no output.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Taken and not used")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "flags of another program, each as it is"
)]
struct Ignored {
    #[arg(long, hide = true)]
    nocapture: bool,
    #[arg(long, hide = true)]
    no_capture: bool,
    #[arg(long, hide = true)]
    show_output: bool,
    #[arg(long, short, hide = true)]
    quiet: bool,
    #[arg(long, hide = true)]
    include_ignored: bool,
    #[arg(long, hide = true)]
    color: Option<String>,
    #[arg(long, hide = true)]
    format: Option<String>,
}

impl Arguments {
    /// Whether a story is to be played.
    pub(super) fn chooses(&self, name: &str) -> bool {
        let fits = |filter: &String| {
            if self.exact {
                name == filter
            } else {
                name.contains(filter.as_str())
            }
        };
        (self.filters.is_empty() || self.filters.iter().any(fits)) && !self.skip.iter().any(fits)
    }

    /// How many stories at a time: as many as there are processors if nothing is said.
    pub(super) fn threads(&self) -> usize {
        let processors = || std::thread::available_parallelism().map_or(1, usize::from);
        self.test_threads.unwrap_or_else(processors).max(1)
    }

    /// Where to play.
    pub(super) fn stage(&self) -> Outcome<Stage> {
        let wanted = |what: &str| {
            Failure::Backend(format!(
                "--backend kubeconfig also wants --kubeconfig FILE, --host-context CONTEXT and --member-contexts A,B,C; {what} is missing"
            ))
        };
        match self.backend.as_str() {
            "" | "sandbox" => Ok(Stage::Sandbox),
            "real" => Ok(Stage::Real(self.control_plane.clone())),
            "kubeconfig" => Ok(Stage::Kubeconfig {
                file: self.kubeconfig.clone().ok_or_else(|| wanted("the file"))?,
                host: self
                    .host_context
                    .clone()
                    .ok_or_else(|| wanted("the host"))?,
                members: self.member_contexts.clone(),
            }),
            other => Err(Failure::Backend(format!(
                "--backend {other}: there is sandbox, real and kubeconfig"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Arguments {
        let words = std::iter::once("scenarios").chain(line.split_whitespace());
        Arguments::try_parse_from(words).unwrap()
    }

    #[test]
    fn stories_are_chosen_as_rusts_own_test_programs_choose() {
        for (line, chosen) in [
            ("", vec!["drift", "drift_of_others", "scale"]),
            ("drift", vec!["drift", "drift_of_others"]),
            ("drift --exact", vec!["drift"]),
            ("--skip drift --nocapture", vec!["scale"]),
            ("scale others", vec!["drift_of_others", "scale"]),
        ] {
            let arguments = parsed(line);
            let mut found = vec!["drift", "drift_of_others", "scale"];
            found.retain(|name| arguments.chooses(name));
            assert_eq!(found, chosen, "{line}");
        }
    }

    #[test]
    fn the_backend_is_named_with_all_it_needs() {
        assert_eq!(parsed("--backend sandbox").stage().unwrap(), Stage::Sandbox);
        assert_eq!(parsed("--backend real").stage().unwrap(), Stage::Real(None));
        assert!(
            parsed("--backend moon")
                .stage()
                .unwrap_err()
                .to_string()
                .contains("moon")
        );
        assert!(
            parsed("--backend kubeconfig")
                .stage()
                .unwrap_err()
                .to_string()
                .contains("the file")
        );
        let line = "--backend kubeconfig --kubeconfig f --host-context h --member-contexts a,b,c";
        let Stage::Kubeconfig { members, .. } = parsed(line).stage().unwrap() else {
            panic!("another stage");
        };
        assert_eq!(members, ["a", "b", "c"]);
    }
}
