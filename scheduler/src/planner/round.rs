//! How shares are rounded and in which order clusters are served. Nothing here holds state.

use std::cmp::Ordering;

use navarch_crds::go::hash::fnv1_32_from;

use super::narrow;

/// FNV-1 (multiply, then XOR) of each cluster name followed by the key, as KubeAdmiral orders clusters of equal
/// weight. The hashes of the names are known; the key is worked in column by column, many clusters at a time.
#[must_use]
pub fn order_hashes(names: impl Iterator<Item = u32>, key: &str) -> Vec<u32> {
    let mut hashes: Vec<u32> = names.collect();
    for byte in key.as_bytes() {
        for hash in &mut hashes {
            *hash = fnv1_32_from(*hash, std::slice::from_ref(byte));
        }
    }
    hashes
}

/// Place of a cluster in the order of rounding: weight first, then hash. Equal hashes (KubeAdmiral
/// leaves their order open) go by name.
#[must_use]
pub fn serve_before<'a>(
    left: (i64, u32, impl FnOnce() -> &'a str),
    right: (i64, u32, impl FnOnce() -> &'a str),
) -> Ordering {
    right
        .0
        .cmp(&left.0)
        .then(left.1.cmp(&right.1))
        .then_with(|| left.2().cmp(right.2()))
}

/// `amount * weight / weights`, rounded up. `weights` is positive.
#[must_use]
pub fn share_up(amount: i64, weight: i64, weights: i128) -> i64 {
    // Numbers of ordinary size are divided in a tenth of the time.
    let usual = amount.checked_mul(weight).zip(i64::try_from(weights).ok());
    if let Some((product, weights)) = usual
        && let Some(raised) = product.checked_add(weights.saturating_sub(1))
    {
        return raised.checked_div(weights).unwrap_or(0);
    }
    let product = i128::from(amount).saturating_mul(i128::from(weight));
    let raised = product.saturating_add(weights.saturating_sub(1));
    narrow(raised.checked_div(weights).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use navarch_crds::go::hash::fnv1_32;

    #[test]
    fn hashes_are_those_of_go() {
        for (cluster, key, hash) in [
            ("cluster1", "default/nginx", 3_290_334_620),
            ("cluster2", "default/nginx", 857_446_301),
            ("cluster3", "default/nginx", 3_817_818_418),
            ("A", "", 0x050c_5d5e),
            ("E", "", 0x050c_5d5a),
        ] {
            let name = fnv1_32(cluster.as_bytes());
            let hashes = order_hashes([name, name].into_iter(), key);
            assert_eq!(hashes, [hash; 2], "{cluster}{key}");
        }
    }

    #[test]
    fn shares_round_up_and_survive_extremes() {
        assert_eq!(share_up(10, 1, 3), 4);
        assert_eq!(share_up(9, 1, 3), 3);
        assert_eq!(share_up(10, 0, 3), 0);
        assert_eq!(share_up(i64::MAX, i64::MAX, i128::from(i64::MAX)), i64::MAX);
    }

    #[test]
    fn higher_weight_then_lower_hash_then_name_is_served_first() {
        assert_eq!(serve_before((2, 9, || "b"), (1, 0, || "a")), Ordering::Less);
        assert_eq!(
            serve_before((1, 9, || "b"), (1, 0, || "a")),
            Ordering::Greater
        );
        assert_eq!(
            serve_before((1, 0, || "b"), (1, 0, || "a")),
            Ordering::Greater
        );
    }
}
