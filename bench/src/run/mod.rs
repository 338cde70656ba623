//! One run: a contestant, a kind, a fresh control plane; the rounds in their order.

mod idle;
mod rounds;
mod waiting;

use std::path::Path;
use std::time::Duration;

use crate::contestant::description::{self, Folder};
use crate::contestant::running::{self, Running};
use crate::error::BenchError;
use crate::flags::{Entrant, Flags};
use crate::kinds::{Kind, NAMESPACE, OTHER_NAMESPACE, ObjectId};
use crate::ledger::Ledger;
use crate::load::{self, Load};
use crate::measure::board::{Board, Goal, Mark, Times};
use crate::measure::observer::{Observer, SharedBoard};
use crate::plane::{self, Plane, PlaneOptions};
use crate::results::{Idle, Run, Size};
use crate::say;
use crate::statistics::{Spread, number};

/// How often the board is looked at: the more objects, the less often. Times are taken by the watches, not here.
fn look(objects: usize) -> Duration {
    const LEAST: Duration = Duration::from_millis(10);
    const EACH: Duration = Duration::from_micros(10);
    LEAST + EACH * u32::try_from(objects).unwrap_or(u32::MAX)
}

/// A run in progress.
pub(crate) struct Bench {
    plane: Plane,
    load: Load,
    board: SharedBoard,
    running: Option<Running>,
    patience: Duration,
    _observer: Observer,
}

/// Runs it, whatever happens, and tells what was measured.
pub(crate) async fn run(flags: &Flags, entrant: &Entrant, kind: Kind, ledger: &Ledger) -> Run {
    let mut run = Run {
        contestant: entrant.name().to_owned(),
        kind,
        members: flags.members,
        idle_mib: None,
        idle: None,
        sizes: Vec::new(),
        trouble: None,
    };
    if let Err(error) = measure(flags, entrant, &mut run, ledger).await {
        run.trouble = Some(error.to_string());
    }
    ledger.end_all().await;
    run
}

async fn measure(
    flags: &Flags,
    entrant: &Entrant,
    run: &mut Run,
    ledger: &Ledger,
) -> Result<(), BenchError> {
    let mut bench = open(flags, entrant, run.kind, ledger).await?;
    bench.warm_up().await?;
    bench.settle().await?;
    run.idle_mib = bench
        .running
        .as_ref()
        .map(|running| running.usage().resident_mib);
    let mut idle = Idle::default();
    let outcome = bench.idle(&mut idle).await;
    run.idle = Some(idle);
    outcome?;
    for (index, objects) in flags.sizes.iter().enumerate() {
        say(&format!("  {objects} objects"));
        let mut size = Size::new(*objects);
        let outcome = bench.size(&mut size, &format!("s{index}")).await;
        run.sizes.push(size);
        outcome?;
    }
    Ok(())
}

async fn open(
    flags: &Flags,
    entrant: &Entrant,
    kind: Kind,
    ledger: &Ledger,
) -> Result<Bench, BenchError> {
    let options = PlaneOptions {
        scripts: flags.control_plane.clone(),
        realcp: flags.realcp.clone(),
        port: flags.port,
        members: flags.members,
        has_pods: kind.has_pods(),
    };
    let contestant: Option<Folder> = match entrant {
        Entrant::Floor => None,
        Entrant::Peer { folder, .. } => Some(description::read(folder)?),
    };
    plane::check(&options)?;
    let folder = fresh_folder(&flags.folder, &format!("{}-{kind}", entrant.name()))?;
    ledger.plane_started(&folder);
    let plane = plane::start(&options, &folder).await?;
    for namespace in [NAMESPACE, OTHER_NAMESPACE] {
        load::make_namespace(&plane.host.client, namespace).await?;
        for member in plane.members.iter().filter(|_| contestant.is_none()) {
            load::make_namespace(&member.client, namespace).await?;
        }
    }
    let board = SharedBoard::new(Board::new(kind, flags.members));
    let observer = Observer::start(kind, plane.clients(), board.clone()).await?;
    let mut load = Load {
        kind,
        host: plane.host.client.clone(),
        copies: Vec::new(),
        members: flags.members,
        labels: Default::default(),
        concurrency: flags.concurrency,
        board: board.clone(),
    };
    let mut running = None;
    match &contestant {
        None => {
            load.copies = plane
                .members
                .iter()
                .map(|member| member.client.clone())
                .collect();
        }
        Some(contestant) => {
            load.labels = contestant.labels(kind);
            let name = entrant.name();
            running = Some(running::start(name, contestant, &plane, ledger).await?);
        }
    }
    Ok(Bench {
        plane,
        load,
        board,
        running,
        patience: Duration::from_secs(flags.patience),
        _observer: observer,
    })
}

/// An empty folder for a control plane. What an earlier run left there is taken away, unless it may still run.
fn fresh_folder(parent: &Path, name: &str) -> Result<std::path::PathBuf, BenchError> {
    let folder = parent.join(name);
    if folder.exists() {
        let running = crate::processes::of_control_plane(&folder)
            .into_iter()
            .filter(|server| Path::new(&format!("/proc/{}", server.pid)).exists())
            .count();
        if running > 0 {
            return Err(BenchError::Refused {
                what: format!("{running} processes of an earlier run may still run in {}", folder.display()),
                advice: "End them with the control plane's down.sh and that folder, or give another --folder.".to_owned(),
            });
        }
        std::fs::remove_dir_all(&folder).map_err(BenchError::file("emptying", &folder))?;
    }
    std::fs::create_dir_all(&folder).map_err(BenchError::file("making", &folder))?;
    folder
        .canonicalize()
        .map_err(BenchError::file("finding", &folder))
}

impl Bench {
    fn kind(&self) -> Kind {
        self.load.kind
    }

    fn is_floor(&self) -> bool {
        self.running.is_none()
    }

    /// What a created or updated object has to reach before the round is over.
    fn last_mark(&self) -> Mark {
        if !self.kind().has_status() {
            Mark::Copies
        } else if self.is_floor() {
            Mark::Ready
        } else {
            Mark::Host
        }
    }

    fn expect(&self, ids: &[ObjectId], goal: &Goal) {
        let mut board = self.board.lock();
        for id in ids {
            board.expect(id, goal.clone());
        }
    }

    fn times(&self, ids: &[ObjectId]) -> Vec<Times> {
        let board = self.board.lock();
        ids.iter().map(|id| board.times(id)).collect()
    }
}

fn spread(times: &[Times], of: impl Fn(&Times) -> Option<Duration>) -> Option<Spread> {
    let durations: Vec<_> = times.iter().filter_map(of).collect();
    Spread::of(&durations)
}

/// A share for each object.
pub(crate) fn each(value: f64, objects: usize) -> f64 {
    value / number(objects.max(1))
}
