//! Weights in proportion to free resources, for policies that give none. Sums to 1000 where there
//! is anything to share. The formula is that of KubeAdmiral's `framework/plugins/rsp`, evaluated in
//! the same order so that it agrees to the last bit, except that amounts keep their full precision
//! (KubeAdmiral rounds processors up to whole cores) and ties do not follow the order of a map.

/// What all weights add up to.
const WEIGHTS: f64 = 1000.0;
/// How far above its share of the whole a cluster's weight may go: KubeAdmiral's constant.
const SUPPLY_LIMIT: f64 = 1.4;

/// Free and whole amount of one cluster, in one unit for all clusters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Supply {
    /// Place of the cluster in the order of names, for ties.
    pub order: usize,
    /// What is free; may be negative.
    pub available: i64,
    /// What there is.
    pub allocatable: i64,
}

/// A weight a cluster, in the order given.
#[must_use]
pub fn by_supply(supplies: &[Supply]) -> Vec<i64> {
    let even = round(WEIGHTS / count(supplies));
    let whole: f64 = supplies
        .iter()
        .map(|supply| float(supply.allocatable))
        .sum();
    let free: f64 = supplies
        .iter()
        .map(|supply| float(supply.available.max(0)))
        .sum();
    if free <= 0.0 {
        return vec![even; supplies.len()];
    }
    let weights: Vec<i64> = supplies
        .iter()
        .map(|supply| {
            let limit = if whole == 0.0 {
                even
            } else {
                round(float(supply.allocatable) / whole * WEIGHTS * SUPPLY_LIMIT)
            };
            round(float(supply.available.max(0)) / free * WEIGHTS).min(limit)
        })
        .collect();
    to_thousand(supplies, &weights, even)
}

/// Scales to 1000 and gives what rounding lost or won to the cluster of the greatest weight, among
/// equals the first by name.
fn to_thousand(supplies: &[Supply], weights: &[i64], even: i64) -> Vec<i64> {
    let total = weights
        .iter()
        .fold(0_i64, |total, weight| total.saturating_add(*weight));
    if total <= 0 {
        // More than 2,000 equal clusters, each below one half of a thousandth.
        return vec![even.max(1); supplies.len()];
    }
    let mut scaled: Vec<i64> = weights
        .iter()
        .map(|weight| round(float(*weight) / float(total) * WEIGHTS))
        .collect();
    let sum = scaled
        .iter()
        .fold(0_i64, |total, weight| total.saturating_add(*weight));
    let greatest = scaled
        .iter()
        .copied()
        .zip(supplies)
        .enumerate()
        .max_by(|(_, left), (_, right)| left.0.cmp(&right.0).then(right.1.order.cmp(&left.1.order)))
        .map(|(index, _)| index);
    if let Some(weight) = greatest.and_then(|index| scaled.get_mut(index)) {
        *weight = weight.saturating_add(1000_i64.saturating_sub(sum));
    }
    scaled
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the formula is defined on 64-bit floats"
)]
fn float(value: i64) -> f64 {
    value as f64
}

#[expect(clippy::cast_precision_loss, reason = "a count of clusters")]
fn count(supplies: &[Supply]) -> f64 {
    supplies.len().max(1) as f64
}

/// Half away from zero; a float beyond 64 bits becomes the nearest bound, not a number zero.
#[expect(
    clippy::cast_possible_truncation,
    reason = "saturates, which is what is wanted"
)]
fn round(value: f64) -> i64 {
    value.round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    type Row<'a> = (&'a str, Vec<(&'a str, i64, i64)>, Vec<i64>);

    fn weights(supplies: &[(&str, i64, i64)]) -> Vec<i64> {
        let mut names: Vec<&str> = supplies.iter().map(|(name, ..)| *name).collect();
        names.sort_unstable();
        let supplies: Vec<Supply> = supplies
            .iter()
            .map(|(name, available, allocatable)| Supply {
                order: names.binary_search(name).unwrap(),
                available: *available,
                allocatable: *allocatable,
            })
            .collect();
        by_supply(&supplies)
    }

    #[test]
    fn free_resources_become_weights_of_a_thousand() {
        let rows: [Row<'_>; 6] = [
            (
                "nothing free: even, not corrected",
                vec![("a", 0, 9), ("b", 0, 9), ("c", -1, 9)],
                vec![333; 3],
            ),
            (
                "limited to 1.4 of the share",
                vec![("a", 90, 100), ("b", 10, 100)],
                vec![875, 125],
            ),
            (
                "tie goes to the first name",
                vec![("c", 1, 1), ("a", 1, 1), ("b", 1, 1)],
                vec![333, 334, 333],
            ),
            (
                "no allocatable: even limit",
                vec![("a", 9, 0), ("b", 1, 0)],
                vec![833, 167],
            ),
            ("one cluster has it all", vec![("a", 5, 5)], vec![1000]),
            (
                "extremes",
                vec![("a", i64::MAX, i64::MAX), ("b", i64::MIN, i64::MAX)],
                vec![1000, 0],
            ),
        ];
        for (name, supplies, expected) in rows {
            assert_eq!(weights(&supplies), expected, "{name}");
        }
    }

    #[test]
    fn thousands_of_equal_clusters_keep_a_weight() {
        let names: Vec<String> = (0..5000).map(|index| format!("c{index}")).collect();
        let supplies: Vec<(&str, i64, i64)> =
            names.iter().map(|name| (name.as_str(), 1, 1)).collect();
        assert!(weights(&supplies).iter().all(|weight| *weight > 0));
    }
}
