//! The controllers are killed again and again while 300 objects are on their way: all of them arrive, each is written
//! once, and a restart afterwards has nothing to say.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};

use super::manifests::{config_map, deployment, duplicate};
use super::restart::restarts_in_silence;
use crate::backend::{Request, Steer};
use crate::failure::{Outcome, expect, expect_equal};
use crate::world::World;
use crate::world::kinds::{CONFIG_MAP, DEPLOYMENT, FEDERATED_OBJECT};
use crate::world::place::Place;
use crate::world::read::{is_propagated, text};
use crate::world::waiting::{Look, until};

/// They have pods and a status; what is simulated of them costs more than everything else.
const DEPLOYMENTS: usize = 2;
const CONFIG_MAPS: usize = OBJECTS - DEPLOYMENTS;
const OBJECTS: usize = 300;
const KILLS: usize = 10;
/// Members that get copies: enough to be at work in several at a time.
const MEMBERS: usize = 2;
/// Copies after which a rollout is in its last moments.
const NEARLY_ALL: usize = OBJECTS * MEMBERS - 10 * KILLS;

/// Where the count of writes begins.
struct Marks {
    host: usize,
    members: Vec<usize>,
}

/// The copies that have been written. Who is killed does not hear of its last writes, and a real API server does not
/// log all of these as done: the attempt counts. It is asked all the time, so it reads each request once.
struct Written<'a> {
    world: &'a World,
    members: Vec<(&'a Place, RefCell<Seen>)>,
}

/// What was written to one member up to a mark.
struct Seen {
    mark: usize,
    copies: BTreeSet<(String, String)>,
}

impl<'a> Written<'a> {
    fn since(world: &'a World, marks: &Marks) -> Self {
        let members = world.members().iter().zip(&marks.members);
        let members = members.map(|(member, mark)| {
            let copies = BTreeSet::new();
            (
                member,
                RefCell::new(Seen {
                    mark: *mark,
                    copies,
                }),
            )
        });
        Self {
            world,
            members: members.collect(),
        }
    }

    fn count(&self) -> Outcome<usize> {
        let mut count = 0;
        for (member, seen) in &self.members {
            let mut seen = seen.borrow_mut();
            let (requests, mark) = self.world.writes_from(member, seen.mark)?;
            seen.mark = mark;
            let ours = requests
                .into_iter()
                .filter(|write| is_of_story(&write.name));
            seen.copies
                .extend(ours.map(|write| (write.resource, write.name)));
            count += seen.copies.len();
        }
        Ok(count)
    }
}

pub(super) async fn ten_times(world: &World) -> Outcome {
    let maps = (0..CONFIG_MAPS).map(|number| config_map(&format!("crate-{number}"), "everywhere"));
    let workloads =
        (0..DEPLOYMENTS).map(|number| deployment(&format!("ship-{number}"), 1, "everywhere"));
    // Whoever writes the objects must not be what the rollout waits for: all of them are there when it begins.
    world.steer(Steer::Stop).await?;
    let chosen: Vec<&str> = (0..MEMBERS)
        .map(|index| Ok(world.member(index)?.name.as_str()))
        .collect::<Outcome<_>>()?;
    world.apply(&duplicate("everywhere", &chosen)).await?;
    let host = world.host();
    host.create_all(DEPLOYMENT, &workloads.collect::<String>())
        .await?;
    host.create_all(CONFIG_MAP, &maps.collect::<String>())
        .await?;
    let members = world.members().iter().map(|member| world.mark(member));
    let marks = Marks {
        host: world.mark(world.host())?,
        members: members.collect::<Outcome<_>>()?,
    };
    world.steer(Steer::Start).await?;
    let written = Written::since(world, &marks);
    kill_at_random(&written).await?;

    // Looking at everything costs more than the rest of the work: not before it is nearly done, and calm.
    with_patience("nearly all copies are written", async || {
        Ok((written.count()?.min(NEARLY_ALL), NEARLY_ALL))
    })
    .await?;
    world.until_quiet().await?;
    with_patience("the host says that every copy is in place", async || {
        let all = world.host().list(FEDERATED_OBJECT).await?;
        let done = all.iter().filter(|object| is_propagated(object)).count();
        Ok((done, OBJECTS))
    })
    .await?;
    for (index, member) in world.members().iter().enumerate() {
        let what = format!("copies in {}", member.name);
        let expected = if index < MEMBERS { OBJECTS } else { 0 };
        expect_equal(&what, &copies(member).await?, &expected)?;
    }
    world.until_quiet().await?;
    each_was_written_once(world, &marks)?;
    restarts_in_silence(world).await
}

/// Kills the controllers when so many copies have been written that nobody knows beforehand; also while they start.
async fn kill_at_random(written: &Written<'_>) -> Outcome {
    let dice = RandomState::new();
    let most = NEARLY_ALL as u64;
    let mut moments: Vec<usize> = (0..KILLS)
        .map(|kill| usize::try_from(dice.hash_one(kill) % most).unwrap_or_default())
        .collect();
    moments.sort_unstable();
    for moment in moments {
        with_patience("copies are written", async || {
            Ok((written.count()?.min(moment), moment))
        })
        .await?;
        tracing::info!(moment, "killing the controllers");
        written.world.steer(Steer::Crash).await?;
        written.world.steer(Steer::Start).await?;
    }
    Ok(())
}

/// Waits until the first figure is the second; as long as it grows there is patience.
async fn with_patience(what: &str, count: impl AsyncFn() -> Outcome<(usize, usize)>) -> Outcome {
    let mut most = 0;
    loop {
        let waited = until(what, async || match count().await {
            Ok((now, wanted)) if now == wanted => Look::Seen(true),
            Ok((now, _)) if now > most => {
                most = now;
                Look::Seen(false)
            }
            Ok((now, wanted)) => Look::NotYet(format!("{now} of {wanted}")),
            Err(error) => Look::NotYet(error.to_string()),
        });
        if waited.await? {
            return Ok(());
        }
    }
}

/// Copies of the story's objects; members have ConfigMaps of their own (`kube-root-ca.crt`).
async fn copies(member: &Place) -> Outcome<usize> {
    let maps = member.list(CONFIG_MAP).await?;
    let deployments = member.list(DEPLOYMENT).await?;
    let all = maps.iter().chain(&deployments);
    let ours = all.filter(|object| is_of_story(text(object, "/metadata/name")));
    Ok(ours.count())
}

fn is_of_story(name: &str) -> bool {
    name.starts_with("crate-") || name.starts_with("ship-")
}

fn is_of_copy(request: &Request) -> bool {
    was_done(request) && is_of_story(&request.name)
}

fn was_done(request: &Request) -> bool {
    (200..300).contains(&request.status)
}

/// Nothing was written that was there already: neither a copy, nor a federated object, nor the finalizer on a source.
fn each_was_written_once(world: &World, marks: &Marks) -> Outcome {
    for (member, mark) in world.members().iter().zip(&marks.members) {
        let twice = more_than_once(&world.writes_since(member, *mark)?, is_of_copy);
        let what = format!("each copy is written to {} once", member.name);
        expect(twice.is_empty(), what, &twice)?;
    }
    let writes = world.writes_since(world.host(), marks.host)?;
    let made = writes.iter().filter(|write| {
        was_done(write) && write.verb == "create" && write.resource == "federatedobjects"
    });
    let made = made.count();
    // Fewer: a real API server does not log a write as done whose client was killed meanwhile.
    expect(made <= OBJECTS, "each federated object is made once", made)?;
    let twice = more_than_once(&writes, |write| {
        was_done(write) && !write.name.is_empty() && !is_status_of_workload(write)
    });
    expect(
        twice.is_empty(),
        "each part of an object of the host is written once",
        &twice,
    )
}

/// The status of a workload says how many pods are ready, so it is another each time (`restart_writes_nothing` holds that
/// an equal one is not written).
fn is_status_of_workload(request: &Request) -> bool {
    request.resource == DEPLOYMENT.plural && request.subresource == "status"
}

/// What was written more than once, and how often.
fn more_than_once(
    writes: &[Request],
    counts: impl Fn(&Request) -> bool,
) -> BTreeMap<String, usize> {
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for write in writes.iter().filter(|write| counts(write)) {
        let Request {
            resource,
            subresource,
            name,
            ..
        } = write;
        *times
            .entry(format!("{resource}/{name}/{subresource}"))
            .or_default() += 1;
    }
    times.retain(|_, count| *count > 1);
    times
}
