//! Disruption budgets: how many of the pods they cover may be evicted now (k8s.io/kubernetes `pkg/controller/disruption`).
//! A percentage counts against the pods there are.

use super::engine::{Again, Controller, Seen};
use super::field;
use super::kinds::{self, Kind};
use super::pods;
use super::world::{CONTROLLERS, World};
use crate::cluster::LabelSelector;
use crate::object::{self, Object};
use crate::status::Status;
use crate::store::Key;
use serde_json::{Value, json};

#[derive(Debug)]
pub(crate) struct Budgets;

impl Controller for Budgets {
    fn observe(&mut self, seen: &Seen<'_>, world: &World, wake: &mut Vec<Key>) {
        match seen.kind {
            Kind::PodDisruptionBudget if seen.new.is_some() => wake.push(seen.key.clone()),
            Kind::Pod => {
                let namespace = &seen.key.namespace;
                let cache = world.cache(Kind::PodDisruptionBudget);
                let mut terms = vec![kinds::selects_anything(namespace)];
                for pod in seen.states() {
                    let labels = object::labels(pod).into_iter().flatten();
                    terms.extend(labels.map(|(k, v)| kinds::selecting(namespace, k, v)));
                }
                for term in terms {
                    wake.extend(cache.under(&term).map(|(key, _)| key.clone()));
                }
            }
            _ => {}
        }
    }

    fn reconcile(&mut self, key: &Key, world: &mut World) -> Result<Again, Status> {
        let Some(budget) = world.get(Kind::PodDisruptionBudget, key) else {
            return Ok(None);
        };
        let Some(selector) = budget.pointer("/spec/selector") else {
            return Ok(None);
        };
        let matching = LabelSelector::from_object(selector);
        let pods = world.cache(Kind::Pod).in_namespace(&key.namespace);
        let covered: Vec<&Object> = pods
            .filter(|p| matching.matches(p) && pods::is_active(p))
            .collect();
        let expected = i64::try_from(covered.len()).unwrap_or(0);
        let healthy = covered.iter().filter(|p| pods::is_ready(p)).count();
        let healthy = i64::try_from(healthy).unwrap_or(0);
        let status = status(&budget, expected, healthy);
        world.set_status(Kind::PodDisruptionBudget, &budget, &status, CONTROLLERS)?;
        Ok(None)
    }
}

fn status(budget: &Object, expected: i64, healthy: i64) -> Value {
    let desired = match budget.pointer("/spec/maxUnavailable") {
        Some(most) => (expected - field::share(Some(most), expected, true)).max(0),
        None => field::share(budget.pointer("/spec/minAvailable"), expected, true),
    };
    let allowed = (healthy - desired).max(0);
    let generation = object::generation(budget);
    let (value, reason) = if allowed > 0 {
        ("True", "SufficientPods")
    } else {
        ("False", "InsufficientPods")
    };
    let known = field::condition(budget, "DisruptionAllowed");
    let same = known.filter(|c| field::text(c, "/status") == value);
    let since = same.map(|c| field::text(c, "/lastTransitionTime").to_owned());
    json!({
        "observedGeneration": generation,
        "disruptionsAllowed": allowed,
        "currentHealthy": healthy,
        "desiredHealthy": desired,
        "expectedPods": expected,
        "conditions": [{
            "type": "DisruptionAllowed", "status": value, "reason": reason, "message": "",
            "observedGeneration": generation,
            "lastTransitionTime": since.unwrap_or_else(object::now),
        }],
    })
}
