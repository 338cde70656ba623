//! Kubelets: pods on a node start, become ready, crash, complete and end, after the delays asked for and as tests want
//! them to behave. Nothing runs in them.

mod containers;

use super::engine::{Again, Controller, Seen};
use super::events::Note;
use super::field;
use super::kinds::{self, Kind};
use super::options::Behaviour;
use super::pods;
use super::world::{KUBELET, World};
use crate::cluster::DeleteOptions;
use crate::object::{self, Object};
use crate::status::Status;
use crate::store::Key;
use containers::Stage;
use serde_json::Value;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// What a kubelet knows of a pod on its node.
#[derive(Debug)]
struct Run {
    uid: String,
    stage: Stage,
    /// When the next stage begins.
    due: Option<Instant>,
    restarts: i64,
    stopping: Option<Instant>,
}

#[derive(Debug, Default)]
pub(crate) struct Kubelet {
    runs: HashMap<Key, Run>,
    addresses: u32,
}

impl Controller for Kubelet {
    fn observe(&mut self, seen: &Seen<'_>, _world: &World, wake: &mut Vec<Key>) {
        if seen.kind != Kind::Pod {
            return;
        }
        match seen.new {
            Some(pod) if !field::text(pod, "/spec/nodeName").is_empty() => {
                let known = self.runs.contains_key(seen.key);
                // Of a pod's own status only the kubelet itself writes; what it wrote need not wake it.
                let news = seen.old.is_none_or(|old| {
                    old.get("spec") != pod.get("spec")
                        || object::deletion_timestamp(old) != object::deletion_timestamp(pod)
                        || object::uid(old) != object::uid(pod)
                        || object::finalizers(old) != object::finalizers(pod)
                        || old.pointer("/metadata/annotations")
                            != pod.pointer("/metadata/annotations")
                });
                if news || !known {
                    wake.push(seen.key.clone());
                }
            }
            Some(_) => {}
            None => {
                self.runs.remove(seen.key);
            }
        }
    }

    fn switched(&self, world: &World, wake: &mut Vec<Key>) {
        for (_, node) in world.cache(Kind::Node).all() {
            let on = kinds::on_node(object::name(node));
            wake.extend(world.cache(Kind::Pod).under(&on).map(|(k, _)| k.clone()));
        }
    }

    fn is_alone(&self) -> bool {
        true
    }

    fn reconcile(&mut self, key: &Key, world: &mut World) -> Result<Again, Status> {
        let Some(pod) = world.get(Kind::Pod, key) else {
            return Ok(None);
        };
        let node = field::text(&pod, "/spec/nodeName").to_owned();
        if world.switches.is_down(&node) {
            // When the node is back, its kubelet begins with what the pod's status says.
            self.runs.remove(key);
            return lost(&pod, world).map(|()| None);
        }
        let known = self
            .runs
            .get(key)
            .is_some_and(|r| r.uid == object::uid(&pod));
        if !known {
            let run = self.meet(&pod, world);
            self.runs.insert(key.clone(), run);
        }
        let Some(run) = self.runs.get_mut(key) else {
            return Ok(None);
        };
        if pods::is_terminating(&pod) {
            return stop(&pod, run, world);
        }
        if run.stage.is_final() {
            return Ok(None);
        }
        let now = world.clock.now();
        if let Some(due) = run.due.filter(|due| *due > now)
            && !run.stage.is_ended_by(world.switches.behaviour(&pod))
        {
            return Ok(Some(due - now));
        }
        self.addresses = self.addresses.max(1);
        step(&pod, run, &mut self.addresses, world)
    }
}

impl Kubelet {
    /// A pod that is new here, or that was here before this simulation began.
    fn meet(&self, pod: &Value, world: &World) -> Run {
        let stage = Stage::of(pod);
        let behaviour = world.switches.behaviour(pod);
        let delays = &world.options.delays;
        let wait = match (stage, behaviour) {
            (Stage::New, Behaviour::Slow) => delays.slow,
            (Stage::New, _) => delays.start,
            _ => Duration::ZERO,
        };
        let told = wait > delays.worth_telling;
        let begin = if delays.from_whole_second {
            world.clock.second()
        } else {
            world.clock.now()
        };
        Run {
            uid: object::uid(pod).to_owned(),
            stage,
            due: (!told).then(|| begin + wait),
            restarts: containers::restarts(pod),
            stopping: None,
        }
    }
}

/// Takes the pod to its next stage and writes that.
fn step(
    pod: &Object,
    run: &mut Run,
    addresses: &mut u32,
    world: &mut World,
) -> Result<Again, Status> {
    let behaviour = world.switches.behaviour(pod);
    let delays = world.options.delays.clone();
    let start = if behaviour == Behaviour::Slow {
        delays.slow
    } else {
        delays.start
    };
    let restart = delays
        .restart
        .saturating_mul(2_u32.saturating_pow(u32::try_from(run.restarts.clamp(0, 5)).unwrap_or(0)));
    let first = run.stage == Stage::New && start > delays.worth_telling && run.due.is_none();
    let (stage, wait) = if first {
        (Stage::Creating, Some(start))
    } else {
        run.stage.next(pod, behaviour, &delays, restart)
    };
    if stage == run.stage {
        run.due = None;
        return Ok(None);
    }
    run.restarts += i64::from(run.stage == Stage::Crashed);
    let address = || {
        *addresses += 1;
        let n = *addresses;
        format!("10.244.{}.{}", (n / 250) % 250, n % 250 + 1)
    };
    let host = host_address(pod, world);
    let status = containers::status(pod, stage, run.restarts, &host, address);
    world.set_status(Kind::Pod, pod, &status, KUBELET)?;
    tell(pod, stage, world);
    run.stage = stage;
    run.due = wait.map(|wait| world.clock.now() + wait);
    Ok(wait)
}

fn host_address(pod: &Value, world: &World) -> String {
    let node = Key::new("", field::text(pod, "/spec/nodeName"));
    let node = world.get(Kind::Node, &node);
    let addresses = node
        .iter()
        .flat_map(|n| field::list(n, "/status/addresses"));
    let mut internal = addresses.filter(|a| field::text(a, "/type") == "InternalIP");
    let address = internal.next().map(|a| field::text(a, "/address"));
    address.unwrap_or_default().to_owned()
}

/// The end of a pod that is being deleted.
fn stop(pod: &Object, run: &mut Run, world: &mut World) -> Result<Again, Status> {
    let now = world.clock.now();
    let grace = field::count(pod, "/metadata/deletionGracePeriodSeconds");
    if grace == 0 && !object::finalizers(pod).is_empty() {
        return Ok(None);
    }
    let Some(at) = run.stopping else {
        run.stopping = Some(now + world.options.delays.stop);
        if !run.stage.is_final() {
            for name in containers::names(pod) {
                let message = format!("Stopping container {name}");
                say(pod, Some(&name), false, "Killing", message, world);
            }
        }
        return Ok(Some(world.options.delays.stop));
    };
    if at > now {
        return Ok(Some(at - now));
    }
    if !object::finalizers(pod).is_empty() {
        // Whoever holds it wants to see how it ended.
        if !run.stage.is_final() {
            let status = containers::ended(pod);
            world.set_status(Kind::Pod, pod, &status, KUBELET)?;
            run.stage = Stage::of(&status_only(&status));
        }
    }
    let options = DeleteOptions {
        grace_period: Some(0),
        ..DeleteOptions::default()
    };
    world.delete_with(Kind::Pod, pod, options)?;
    Ok(None)
}

fn status_only(status: &Value) -> Value {
    serde_json::json!({"status": status})
}

/// The pod's node does not answer: the node controller says that it is not ready.
fn lost(pod: &Object, world: &World) -> Result<(), Status> {
    if !pods::is_ready(pod) {
        return Ok(());
    }
    let mut status = pod.get("status").cloned().unwrap_or_default();
    let conditions = status.get_mut("conditions").and_then(Value::as_array_mut);
    for condition in conditions.into_iter().flatten() {
        if field::text(condition, "/type") == "Ready" {
            let map = object::map_mut(condition);
            map.insert("status".to_owned(), "False".into());
            map.insert("lastTransitionTime".to_owned(), object::now().into());
        }
    }
    world.set_status(Kind::Pod, pod, &status, super::world::CONTROLLERS)
}

fn tell(pod: &Object, stage: Stage, world: &mut World) {
    for container in field::list(pod, "/spec/containers") {
        let name = field::text(container, "/name").to_owned();
        let image = field::text(container, "/image");
        match stage {
            Stage::Running | Stage::Unready | Stage::Restarted => {
                let present = format!("Container image \"{image}\" already present on machine");
                say(pod, Some(&name), false, "Pulled", present, world);
                let created = format!("Created container: {name}");
                say(pod, Some(&name), false, "Created", created, world);
                let started = format!("Started container {name}");
                say(pod, Some(&name), false, "Started", started, world);
            }
            Stage::Crashed => {
                let place = format!(
                    "{}_{}({})",
                    object::name(pod),
                    object::namespace(pod).unwrap_or_default(),
                    object::uid(pod)
                );
                let message = format!("Back-off restarting failed container {name} in pod {place}");
                say(pod, Some(&name), true, "BackOff", message, world);
            }
            Stage::ImageError => {
                let failed = format!(
                    "Failed to pull image \"{image}\": the image does not exist in this sandbox"
                );
                say(pod, Some(&name), true, "Failed", failed, world);
                let message = "Error: ErrImagePull".to_owned();
                say(pod, Some(&name), true, "Failed", message, world);
            }
            _ => {}
        }
        if stage == Stage::Unready {
            let message = "Readiness probe failed: the sandbox was told so".to_owned();
            say(pod, Some(&name), true, "Unhealthy", message, world);
        }
    }
}

fn say(
    pod: &Object,
    container: Option<&str>,
    warning: bool,
    reason: &str,
    message: String,
    world: &mut World,
) {
    let host = field::text(pod, "/spec/nodeName").to_owned();
    let part = container.map(|name| format!("spec.containers{{{name}}}"));
    world.recorder.say(Note {
        component: "kubelet",
        host: Some(&host),
        about: pod,
        part,
        warning,
        reason,
        message,
    });
}
