//! Tests of `amounts`.

use serde_json::json;

use super::*;

fn charge(value: serde_json::Value) -> Charge {
    serde_json::from_value(value).unwrap()
}

#[test]
fn a_charge_is_taken_in_under_one_name_a_resource() {
    let charge = charge(json!({
        "once": { "count/deployments.apps": 1, "configmaps": -3 },
        "clusters": {
            "b": { "replicas": 3, "each": { "cpu": 10, "requests.cpu": 1 }, "fixed": { "requests.cpu": 5, "odd": 1 } },
            "a": { "replicas": -1, "each": { "pods": 1 } },
            "c": { "replicas": i64::MAX, "each": { "pods": i64::MAX } },
        },
    }));
    let mut names = Names::default();
    let before = names.look_up(&charge);
    let amounts = names.take_in(&charge);
    assert_eq!(names.look_up(&charge), amounts);
    let told = |amounts: &[Amount]| {
        let mut told: Vec<i64> = amounts.iter().map(|amount| amount.amount).collect();
        told.sort_unstable();
        told
    };
    assert_eq!(told(&amounts), [1, 1, 38, i64::MAX]);
    assert_eq!(told(&before), told(&amounts));
    assert_eq!(
        names.resources.known("cpu"),
        names.resources.known("requests.cpu")
    );
}

#[test]
fn the_larger_of_two() {
    let amount = |cluster, resource, amount| Amount {
        cluster,
        resource,
        amount,
    };
    let first = [amount(0, 0, 1), amount(0, 2, 5), amount(1, 0, 1)];
    let second = [amount(0, 1, 1), amount(0, 2, 4), amount(1, 0, 2)];
    let larger = larger(&first, &second);
    assert_eq!(
        *larger,
        [
            amount(0, 0, 1),
            amount(0, 1, 1),
            amount(0, 2, 5),
            amount(1, 0, 2)
        ]
    );
    assert_eq!(amount_of(&larger, 0, 2), 5);
    assert_eq!(amount_of(&larger, 7, 2), 0);
}
