//! How the types read what is really stored: `null`, a missing field and an empty one are the
//! same, as in Go's decoder, on which every stored KubeAdmiral object depends. Reading only.

use serde::{Deserialize, Deserializer};

/// Reads `null` as the type's default, as Go leaves the zero value in place.
pub(crate) fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads `null` as `true`, for switches that are on when nothing is said.
pub(crate) fn null_is_true<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Option::<bool>::deserialize(deserializer)?.unwrap_or(true))
}

/// The default of switches that are on when nothing is said.
pub(crate) const fn yes() -> bool {
    true
}

/// Go's `omitempty` for numbers.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
pub(crate) const fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// Leaves a part out that says nothing.
pub(crate) fn is_default<T: Default + PartialEq>(part: &T) -> bool {
    *part == T::default()
}
