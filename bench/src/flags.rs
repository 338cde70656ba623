//! The command line, and the plan that it makes: which contestant runs which kind in which sizes.

use std::path::PathBuf;

use clap::Parser;

use crate::error::BenchError;
use crate::kinds::Kind;

/// Measures federation controller managers from outside: real API servers, the same load, the floor beside them.
#[derive(Parser, Debug)]
#[command(name = "navarch-bench", version)]
pub(crate) struct Flags {
    /// Another contestant: its name and the folder that describes it (bench/README.md)
    #[arg(long = "peer", value_name = "NAME=DIR")]
    pub(crate) peers: Vec<String>,
    /// Contestants to run, by name; default: floor, navarch and every peer
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    pub(crate) only: Vec<String>,
    /// Kinds of object to measure
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Kind::ALL)]
    pub(crate) kinds: Vec<Kind>,
    /// How many objects, one after the other on the same control plane
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "200,1000",
        value_name = "COUNT"
    )]
    pub(crate) sizes: Vec<usize>,
    /// Member clusters
    #[arg(long, default_value_t = 3, value_name = "COUNT")]
    pub(crate) members: usize,
    /// Requests of the load in flight to the host
    #[arg(long, default_value_t = 16, value_name = "COUNT")]
    pub(crate) concurrency: usize,
    /// Folder with up.sh and down.sh, which start and end a control plane
    #[arg(long, default_value = "e2e/realcp", value_name = "DIR")]
    pub(crate) control_plane: PathBuf,
    /// The control plane's binary, if the scripts do not find it by themselves
    #[arg(long, env = "REALCP", value_name = "FILE")]
    pub(crate) realcp: Option<PathBuf>,
    /// First port of the control plane; 0: free ones
    #[arg(long, env = "PORT", default_value_t = 0)]
    pub(crate) port: u16,
    /// Folder that describes Navarch as a contestant
    #[arg(long, default_value = "bench/contestants/navarch", value_name = "DIR")]
    pub(crate) navarch_folder: PathBuf,
    /// Where control planes and logs are put while they run
    #[arg(long, default_value = "/tmp/navarch-bench", value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// Keep the folders of control planes (logs) afterwards
    #[arg(long)]
    pub(crate) keep: bool,
    /// Give up waiting when nothing happened for so many seconds
    #[arg(long, default_value_t = 120, value_name = "SECONDS")]
    pub(crate) patience: u64,
    /// Write everything that was measured here, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// A document whose part between the marks of the results is replaced by the tables
    #[arg(long, value_name = "FILE")]
    pub(crate) document: Option<PathBuf>,
    /// Measure nothing: make the tables from these files of earlier runs
    #[arg(long = "from", value_name = "FILE", value_delimiter = ',')]
    pub(crate) from: Vec<PathBuf>,
}

/// Who is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entrant {
    /// The bare loop.
    Floor,
    /// A controller manager, described by a folder.
    Peer { name: String, folder: PathBuf },
}

impl Entrant {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Floor => "floor",
            Self::Peer { name, .. } => name,
        }
    }
}

impl Flags {
    /// Who takes part, in the order in which they run.
    pub(crate) fn entrants(&self) -> Result<Vec<Entrant>, BenchError> {
        let mut all = vec![
            Entrant::Floor,
            Entrant::Peer {
                name: "navarch".to_owned(),
                folder: self.navarch_folder.clone(),
            },
        ];
        for text in &self.peers {
            let (name, folder) = text
                .split_once('=')
                .filter(|(name, folder)| !name.is_empty() && !folder.is_empty())
                .ok_or_else(|| BenchError::Refused {
                    what: format!("--peer {text:?} is not NAME=DIR"),
                    advice: "Give a name for the table and the contestant's folder.".to_owned(),
                })?;
            all.push(Entrant::Peer {
                name: name.to_owned(),
                folder: PathBuf::from(folder),
            });
        }
        for name in &self.only {
            if !all.iter().any(|entrant| entrant.name() == name) {
                let known: Vec<_> = all.iter().map(Entrant::name).collect();
                return Err(BenchError::Refused {
                    what: format!("--only {name}: there is no such contestant"),
                    advice: format!("Known: {}.", known.join(", ")),
                });
            }
        }
        if !self.only.is_empty() {
            all.retain(|entrant| self.only.iter().any(|name| name == entrant.name()));
        }
        Ok(all)
    }

    /// Refuses what cannot be measured, before anything is started.
    pub(crate) fn check(&self) -> Result<(), BenchError> {
        let what = if self.sizes.is_empty() || self.sizes.contains(&0) {
            "--sizes needs counts above 0"
        } else if self.members == 0 || self.members > 50 {
            "--members must be between 1 and 50"
        } else if self.concurrency == 0 {
            "--concurrency must be above 0"
        } else {
            return Ok(());
        };
        Err(BenchError::Refused {
            what: what.to_owned(),
            advice: "See navarch-bench --help.".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Flags {
        let mut all = vec!["navarch-bench"];
        all.extend(arguments);
        Flags::try_parse_from(all).unwrap()
    }

    #[test]
    fn who_takes_part() {
        let rows: [(&str, &[&str], &str); 5] = [
            ("by default", &[], "floor navarch"),
            (
                "with a peer",
                &["--peer", "other=/x"],
                "floor navarch other",
            ),
            (
                "only one",
                &["--peer", "other=/x", "--only", "other"],
                "other",
            ),
            (
                "a peer without a folder",
                &["--peer", "other"],
                "not NAME=DIR",
            ),
            (
                "somebody unknown",
                &["--only", "nobody"],
                "no such contestant",
            ),
        ];
        for (name, arguments, expected) in rows {
            let got = match parsed(arguments).entrants() {
                Ok(entrants) => entrants
                    .iter()
                    .map(Entrant::name)
                    .collect::<Vec<_>>()
                    .join(" "),
                Err(error) => error.to_string(),
            };
            assert!(got.contains(expected), "{name}: {got}");
        }
    }

    #[test]
    fn impossible_sizes_are_refused() {
        assert!(parsed(&["--sizes", "0"]).check().is_err());
        assert!(parsed(&["--members", "0"]).check().is_err());
        assert!(parsed(&[]).check().is_ok());
    }
}
