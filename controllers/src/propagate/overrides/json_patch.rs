//! JSON patch overriders: taken over as they are. Whether they apply shows when they are applied.

use navarch_crds::v1alpha1::{JsonPatchOverrider, OverridePatch};

/// The patches.
pub(super) fn patches(overriders: &[JsonPatchOverrider]) -> Vec<OverridePatch> {
    overriders
        .iter()
        .map(|overrider| OverridePatch {
            op: overrider.operator.clone(),
            path: overrider.path.clone(),
            value: overrider.value.clone(),
        })
        .collect()
}
