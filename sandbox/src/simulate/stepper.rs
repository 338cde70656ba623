//! A simulation that moves only when it is told to, one look of one controller at a time, in a time of its own: whoever
//! holds it sees every state on the way, however slow the machine is.

use super::clock::Clock;
use super::engine::Engine;
use super::nodes;
use super::options::SimulationOptions;
use super::switches::Switches;
use crate::cluster::Cluster;
use std::sync::Arc;
use std::time::Duration;

/// The handle of it. It has no task: nothing happens between two steps.
#[derive(Debug)]
pub struct Stepper {
    engine: Engine,
    clock: Clock,
}

impl Stepper {
    /// Registers the nodes and stands still. Its time begins with 0.
    pub fn new(cluster: Cluster, options: SimulationOptions) -> Self {
        let clock = Clock::standing();
        nodes::register(&cluster, &options);
        let switches = Arc::new(Switches::default());
        let mut engine = Engine::new(cluster, options, switches, clock.clone());
        engine.begin();
        Self { engine, clock }
    }

    /// Lets one controller look at one thing: what waits, else what is due first, but nothing that is due after `until`.
    /// Its time moves to when that was due. False: until then nothing is left to do.
    pub fn step(&mut self, until: Duration) -> bool {
        self.engine.turn_side_by_side(self.clock.at(until))
    }

    /// It is that time now, never earlier than before. What is due stays to be done by the next steps.
    pub fn move_to(&mut self, time: Duration) {
        self.clock.move_to(self.clock.at(time));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::WriteOptions;
    use crate::object::Gvr;
    use crate::simulate::Delays;
    use serde_json::json;

    fn stepper(cluster: &Cluster) -> Stepper {
        let by = WriteOptions::by("test");
        for name in ["default", "kube-node-lease"] {
            let namespace = json!({"metadata": {"name": name}});
            let namespaces = Gvr::new("", "v1", "namespaces");
            cluster
                .create(&namespaces, "", namespace, &by)
                .expect("created");
        }
        let delays = Delays {
            start: Duration::from_millis(1_200),
            worth_telling: Duration::MAX,
            ..Delays::default()
        };
        let options = SimulationOptions {
            delays,
            ..SimulationOptions::nodes(1)
        };
        Stepper::new(cluster.clone(), options)
    }

    #[test]
    fn every_state_on_the_way_can_be_seen() {
        let cluster = Cluster::in_memory();
        let by = WriteOptions::by("test");
        let mut stepper = stepper(&cluster);
        let pods = Gvr::new("", "v1", "pods");
        let pod = json!({"metadata": {"name": "one"}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
        cluster.create(&pods, "default", pod, &by).expect("created");
        let phase = || {
            let pod = cluster.get(&pods, "default", "one").expect("it is there");
            let bound = pod["spec"]["nodeName"].is_string();
            (bound, pod["status"]["phase"].as_str().map(str::to_owned))
        };
        assert_eq!(phase(), (false, Some("Pending".to_owned())));
        while stepper.step(Duration::from_millis(1_199)) {}
        assert_eq!(phase(), (true, Some("Pending".to_owned())));
        while stepper.step(Duration::from_millis(1_200)) {}
        assert_eq!(phase(), (true, Some("Running".to_owned())));
    }

    /// Replicas, updated, ready and unavailable ones, as a real Deployment with two replicas had them on the way to another
    /// image (recorded from a control plane 1.34).
    const ROLLED: [[i64; 4]; 6] = [
        [3, 1, 2, 1],
        [3, 1, 3, 0],
        [2, 1, 2, 1],
        [3, 2, 2, 1],
        [3, 2, 3, 0],
        [2, 2, 2, 0],
    ];

    #[test]
    fn a_deployment_is_rolled_out_through_the_states_of_a_real_one() {
        let cluster = Cluster::in_memory();
        let by = WriteOptions::by("test");
        let mut stepper = stepper(&cluster);
        let deployments = Gvr::new("apps", "v1", "deployments");
        let labels = json!({"app": "a"});
        let deployment = json!({"metadata": {"name": "a"}, "spec": {
            "replicas": 2, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}},
        }});
        let made = cluster.create(&deployments, "default", deployment, &by);
        made.expect("created");
        while stepper.step(Duration::from_secs(5)) {}
        let changed = cluster.mutate(&deployments, "default", "a", &by, |deployment| {
            deployment["spec"]["template"]["spec"]["containers"][0]["image"] = json!("i:2");
            Ok(())
        });
        changed.expect("changed");
        stepper.move_to(Duration::from_secs(6));
        let mut seen: Vec<[i64; 4]> = Vec::new();
        while stepper.step(Duration::from_secs(20)) {
            let now = cluster.get(&deployments, "default", "a").expect("there");
            let count = |name: &str| now["status"][name].as_i64().unwrap_or(0);
            let state = [
                count("replicas"),
                count("updatedReplicas"),
                count("readyReplicas"),
                count("unavailableReplicas"),
            ];
            if seen.last() != Some(&state) {
                seen.push(state);
            }
        }
        assert!(seen.ends_with(&ROLLED), "{seen:?}");
    }
}
