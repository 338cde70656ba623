//! Names of resources as a core `ResourceQuota` knows them, always spelled out, and their amounts as whole numbers.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use navarch_crds::go::quantity::{self, Format, Quantity};
use navarch_crds::names::check_subdomain;

use crate::resources::is_extended;

/// `requests.` and one of these, or `limits.` and one of these.
const COMPUTE: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];
/// Counted once an object; the same as `count/` and the name.
const SHORT_COUNTS: [&str; 6] = [
    "configmaps",
    "persistentvolumeclaims",
    "replicationcontrollers",
    "resourcequotas",
    "secrets",
    "services",
];
/// What else has a name of its own.
const OTHERS: [&str; 4] = [
    "pods",
    "requests.storage",
    "services.loadbalancers",
    "services.nodeports",
];
const REQUESTS: &str = "requests.";
const LIMITS: &str = "limits.";
const COUNT: &str = "count/";
const HUGE_PAGES: &str = "hugepages-";
const STORAGE_CLASS: &str = ".storageclass.storage.k8s.io/";
const CLAIMS: &str = "persistentvolumeclaims";
const STORAGE: &str = "requests.storage";
/// One less than the most that can be counted: what was counted to the end is above every limit.
const LIMIT_MAX: i64 = i64::MAX - 1;

/// The name of a resource that a quota can limit, spelled out: two that mean the same are equal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceName(Arc<str>);

/// A name or an amount that a quota cannot have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResourceError {
    /// No resource has this name.
    #[error(
        "{name:?} is no resource of a quota: write cpu, memory, ephemeral-storage, hugepages-SIZE (alone or after requests. or limits.), an extended resource such as nvidia.com/gpu, pods, requests.storage, CLASS.storageclass.storage.k8s.io/requests.storage, services.loadbalancers, services.nodeports, or count/RESOURCE.GROUP"
    )]
    Unknown {
        /// The text.
        name: String,
    },
    /// The amount is none.
    #[error(
        "{text:?} is no amount of {resource}: write a number with an optional unit, for example 500m, 2 or 64Gi"
    )]
    Amount {
        /// The resource.
        resource: String,
        /// The text.
        text: String,
    },
    /// The amount is less than nothing.
    #[error("{text} of {resource} is less than nothing: write zero or more")]
    Negative {
        /// The resource.
        resource: String,
        /// The text.
        text: String,
    },
}

impl ResourceName {
    /// Checks a name and spells it out: `cpu` is `requests.cpu`, `services` is `count/services`.
    ///
    /// # Errors
    /// When no resource has that name.
    pub fn parse(text: &str) -> Result<Self, ResourceError> {
        match spelled_out(text) {
            Some(name) => Ok(Self(name.into())),
            None => Err(ResourceError::Unknown {
                name: text.to_owned(),
            }),
        }
    }

    /// The name, spelled out.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// It is counted once an object, however many clusters have a copy.
    #[must_use]
    pub fn once(&self) -> bool {
        self.0.starts_with(COUNT)
            || (self.0.contains(STORAGE_CLASS) && self.0.ends_with(&format!("/{CLAIMS}")))
    }

    /// Reads an amount that bounds: rounded down to a whole number, at most one less than the largest there is.
    ///
    /// # Errors
    /// When the text is no amount, or less than nothing.
    pub fn limit(&self, text: &str) -> Result<i64, ResourceError> {
        let Ok(quantity) = quantity::parse(text) else {
            return Err(ResourceError::Amount {
                resource: self.to_string(),
                text: text.to_owned(),
            });
        };
        let nano = quantity.nano_value();
        if nano < 0 {
            return Err(ResourceError::Negative {
                resource: self.to_string(),
                text: text.to_owned(),
            });
        }
        let unit = if is_milli(&self.0) {
            1_000_000
        } else {
            1_000_000_000
        };
        Ok(i64::try_from(nano / unit)
            .unwrap_or(LIMIT_MAX)
            .min(LIMIT_MAX))
    }

    /// An amount as a quantity.
    #[must_use]
    pub fn text(&self, amount: i64) -> String {
        amount_text(&self.0, amount)
    }
}

impl fmt::Display for ResourceName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl Borrow<str> for ResourceName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// An amount of a resource as a quantity: `500m`, `2`, `64Gi`.
#[must_use]
pub fn amount_text(resource: &str, amount: i64) -> String {
    if is_milli(resource) {
        Quantity::from_milli(amount).to_string()
    } else if is_bytes(resource) {
        Quantity::from_value(amount, Format::BinarySi).to_string()
    } else {
        Quantity::from_value(amount, Format::DecimalSi).to_string()
    }
}

/// Adds to an amount that a charge names: whatever is added to the largest there is stays the largest.
pub(crate) fn add(amounts: &mut std::collections::BTreeMap<String, i64>, name: String, more: i64) {
    let amount = amounts.entry(name).or_default();
    *amount = amount.saturating_add(more);
}

fn spelled_out(text: &str) -> Option<String> {
    if OTHERS.contains(&text) {
        return Some(text.to_owned());
    }
    if SHORT_COUNTS.contains(&text) {
        return Some(format!("{COUNT}{text}"));
    }
    if let Some(counted) = text.strip_prefix(COUNT) {
        return is_counted(counted).then(|| text.to_owned());
    }
    if let Some((class, what)) = text.split_once(STORAGE_CLASS) {
        let good = [STORAGE, CLAIMS].contains(&what) && check_subdomain(class).is_ok();
        return good.then(|| text.to_owned());
    }
    if let Some(limited) = text.strip_prefix(LIMITS) {
        let good = COMPUTE.contains(&limited) || is_huge_pages(limited);
        return good.then(|| text.to_owned());
    }
    let requested = text.strip_prefix(REQUESTS).unwrap_or(text);
    let good = COMPUTE.contains(&requested) || is_huge_pages(requested) || is_extended(requested);
    good.then(|| format!("{REQUESTS}{requested}"))
}

/// `RESOURCE` or `RESOURCE.GROUP`.
fn is_counted(text: &str) -> bool {
    let (resource, group) = text.split_once('.').unzip();
    let resource = resource.unwrap_or(text);
    check_subdomain(resource).is_ok() && group.is_none_or(|group| check_subdomain(group).is_ok())
}

fn is_huge_pages(name: &str) -> bool {
    let size = name.strip_prefix(HUGE_PAGES);
    size.and_then(|size| quantity::parse(size).ok())
        .is_some_and(|size| size.nano_value() > 0)
}

fn is_milli(name: &str) -> bool {
    matches!(name, "cpu" | "requests.cpu" | "limits.cpu")
}

fn is_bytes(name: &str) -> bool {
    let bare = name
        .strip_prefix(REQUESTS)
        .or_else(|| name.strip_prefix(LIMITS))
        .unwrap_or(name);
    matches!(bare, "memory" | "ephemeral-storage" | "storage")
        || bare.starts_with(HUGE_PAGES)
        || name.ends_with("/requests.storage")
}

/// The names under which a pod's requests and limits are counted: `None` for what no quota knows.
pub(crate) fn of_pod(bare: &str, part: PodPart) -> Option<String> {
    let whole = COMPUTE.contains(&bare) || is_huge_pages(bare);
    match part {
        PodPart::Requests if whole || is_extended(bare) => Some(format!("{REQUESTS}{bare}")),
        PodPart::Limits if whole => Some(format!("{LIMITS}{bare}")),
        PodPart::Requests | PodPart::Limits => None,
    }
}

/// Requests or limits of a pod.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PodPart {
    /// What it asks for.
    Requests,
    /// What it may use.
    Limits,
}

/// An amount that is used: rounded up to a whole number.
pub(crate) fn used(name: &str, amount: Quantity) -> i64 {
    if is_milli(name) {
        amount.milli_value()
    } else {
        amount.value()
    }
}

/// What a claim of a storage class is counted under besides.
pub(crate) fn of_class(class: &str, what: ClaimPart) -> String {
    match what {
        ClaimPart::Storage => format!("{class}{STORAGE_CLASS}{STORAGE}"),
        ClaimPart::Count => format!("{class}{STORAGE_CLASS}{CLAIMS}"),
    }
}

/// What of a claim is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ClaimPart {
    /// Its storage.
    Storage,
    /// That it is there.
    Count,
}

#[cfg(test)]
#[path = "resource_tests.rs"]
mod tests;
