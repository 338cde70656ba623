//! `navarch fault`: makes things go wrong in a running sandbox, and mends them. Talks to the socket beside its kubeconfig.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use navarch_sandbox::control::{self, ControlError, FaultKind, InForce, Order, Selection};

use crate::error::CliError;
use crate::output;

#[derive(Args, Debug)]
pub(crate) struct FaultFlags {
    /// The sandbox's folder (its --dir); default: that of the file $KUBECONFIG names
    #[arg(long, global = true, value_name = "DIR")]
    dir: Option<PathBuf>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Make requests of a server go wrong
    Add(AddFlags),
    /// Show what goes wrong
    List,
    /// End one fault, those of a server, or all
    Mend {
        /// host, member-1, …; default: all
        server: Option<String>,
        /// The fault's number, as `list` shows it
        #[arg(long, requires = "server")]
        id: Option<u64>,
    },
}

#[derive(Args, Debug)]
struct AddFlags {
    /// host, member-1, …
    server: String,
    /// delay=MS, status=CODE, reset, lose-answer, cut-watch=EVENTS, stale-list or partition
    #[arg(value_parser = kind)]
    fault: FaultKind,
    /// get, list, watch, create, update, patch, apply, delete or deletecollection; default: all
    #[arg(long)]
    verb: Option<String>,
    /// Resource in the plural, for example deployments; default: all
    #[arg(long)]
    resource: Option<String>,
    /// Subresource, for example status
    #[arg(long)]
    subresource: Option<String>,
    /// Namespace
    #[arg(long, short)]
    namespace: Option<String>,
    /// Name of the object
    #[arg(long)]
    name: Option<String>,
    /// How often; default: until it is mended
    #[arg(long)]
    times: Option<u32>,
}

/// A fault as it is typed.
fn kind(text: &str) -> Result<FaultKind, String> {
    let (word, value) = match text.split_once('=') {
        Some((word, value)) => (word, Some(value)),
        None => (text, None),
    };
    let wrong = || format!("{word} takes a number: {word}=NUMBER");
    let number = || value.ok_or_else(wrong);
    Ok(match word {
        "delay" => FaultKind::Delay(number()?.parse().map_err(|_none| wrong())?),
        "status" => FaultKind::Status(number()?.parse().map_err(|_none| wrong())?),
        "cut-watch" => FaultKind::CutWatch(number()?.parse().map_err(|_none| wrong())?),
        _ if value.is_some() => return Err(format!("{word} takes no value, or is no fault")),
        "reset" => FaultKind::Reset,
        "lose-answer" => FaultKind::LoseAnswer,
        "stale-list" => FaultKind::StaleList,
        "partition" => FaultKind::Partition,
        _ => {
            return Err(
                "there are delay=MS, status=CODE, reset, lose-answer, cut-watch=EVENTS, stale-list and partition"
                    .to_owned(),
            );
        }
    })
}

pub(crate) async fn run(flags: FaultFlags) -> Result<(), CliError> {
    let order = match flags.action {
        Action::List => Order::List,
        Action::Mend { server, id } => Order::Mend { server, id },
        Action::Add(add) => Order::Add {
            server: add.server,
            fault: add.fault,
            when: Selection {
                verb: add.verb,
                resource: add.resource,
                subresource: add.subresource,
                namespace: add.namespace,
                name: add.name,
                times: add.times,
            },
        },
    };
    let socket = folder(flags.dir)?.join(control::SOCKET);
    let faults = control::order(&socket, &order)
        .await
        .map_err(|error| refused(&error))?;
    output::print(&shown(&faults))
}

/// The folder of the sandbox that is meant.
fn folder(given: Option<PathBuf>) -> Result<PathBuf, CliError> {
    let of_kubeconfig = || {
        let path = PathBuf::from(std::env::var_os("KUBECONFIG")?);
        path.parent().map(PathBuf::from)
    };
    given
        .or_else(of_kubeconfig)
        .ok_or_else(|| CliError::Refused {
            message: "which sandbox is meant?".to_owned(),
            advice: "Set KUBECONFIG as `navarch sandbox` says, or name its folder with --dir."
                .to_owned(),
        })
}

fn refused(error: &ControlError) -> CliError {
    let advice = match error {
        ControlError::Reach { .. } => {
            "Start `navarch sandbox`, and set KUBECONFIG as it says or name its folder with --dir."
        }
        _ => "`navarch fault add --help` shows what there is.",
    };
    CliError::Refused {
        message: error.to_string(),
        advice: advice.to_owned(),
    }
}

fn shown(faults: &[InForce]) -> String {
    if faults.is_empty() {
        return "Nothing goes wrong.".to_owned();
    }
    faults.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// `member-1 0: status=503 for create configmaps, 3 times`
fn line(fault: &InForce) -> String {
    let id = fault.id.map(|id| format!(" {id}")).unwrap_or_default();
    let what = match &fault.fault {
        FaultKind::Delay(milliseconds) => format!("delay={milliseconds}"),
        FaultKind::Status(code) => format!("status={code}"),
        FaultKind::CutWatch(events) => format!("cut-watch={events}"),
        FaultKind::Reset => "reset".to_owned(),
        FaultKind::LoseAnswer => "lose-answer".to_owned(),
        FaultKind::StaleList => "stale-list".to_owned(),
        FaultKind::Partition => "partition".to_owned(),
    };
    let when = &fault.when;
    let parts = [
        ("", &when.verb),
        ("", &when.resource),
        ("/", &when.subresource),
        ("in ", &when.namespace),
        ("named ", &when.name),
    ];
    let words = parts
        .iter()
        .filter_map(|(before, part)| part.as_ref().map(|p| format!("{before}{p}")));
    let words = words.collect::<Vec<_>>().join(" ");
    let when_text = if words.is_empty() {
        "everything".to_owned()
    } else {
        words
    };
    let times = when
        .times
        .map(|n| format!(", {n} times"))
        .unwrap_or_default();
    format!("{}{id}: {what} for {when_text}{times}", fault.server)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_as_they_are_typed() {
        let cases = [
            ("delay=20", Some(FaultKind::Delay(20))),
            ("status=503", Some(FaultKind::Status(503))),
            ("cut-watch=0", Some(FaultKind::CutWatch(0))),
            ("partition", Some(FaultKind::Partition)),
            ("stale-list", Some(FaultKind::StaleList)),
            ("delay", None),
            ("status=often", None),
            ("reset=1", None),
            ("fire", None),
        ];
        for (text, expected) in cases {
            assert_eq!(kind(text).ok(), expected, "{text}");
        }
    }
}
