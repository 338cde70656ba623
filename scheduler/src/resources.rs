//! Amounts of resources as the decision counts them: whole numbers, processors in thousandths.
//! No quantity text passes beyond this file.

use std::collections::BTreeMap;

use navarch_crds::go::quantity::Quantity;

/// Graphics processors of NVIDIA, the one extended resource that KubeAdmiral's scores know.
pub const GPU: &str = "nvidia.com/gpu";
/// Katalyst's reclaimed resources (`resource.katalyst.kubewharf.io`).
pub const RECLAIMED: [&str; 3] = [
    RECLAIMED_MILLI_CPU,
    "resource.katalyst.kubewharf.io/reclaimed_memory",
    "resource.katalyst.kubewharf.io/net_bandwidth",
];
/// Katalyst's reclaimed processors, in thousandths.
pub const RECLAIMED_MILLI_CPU: &str = "resource.katalyst.kubewharf.io/reclaimed_millicpu";

/// A set of amounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// Processors, in thousandths.
    pub milli_cpu: i64,
    /// Memory in bytes.
    pub memory: i64,
    /// Local storage in bytes.
    pub ephemeral_storage: i64,
    /// Extended resources, huge pages and the like, in whole units.
    pub scalars: BTreeMap<String, i64>,
}

impl Amounts {
    /// Counts parsed quantities. Names that a pod cannot ask for are left out, as KubeAdmiral does.
    #[must_use]
    pub fn new<'a>(quantities: impl IntoIterator<Item = (&'a str, Quantity)>) -> Self {
        let mut amounts = Self::default();
        for (name, quantity) in quantities {
            match name {
                "cpu" => amounts.milli_cpu = quantity.milli_value(),
                "memory" => amounts.memory = quantity.value(),
                "ephemeral-storage" => amounts.ephemeral_storage = quantity.value(),
                _ if is_scalar(name) => {
                    amounts.scalars.insert(name.to_owned(), quantity.value());
                }
                _ => {}
            }
        }
        amounts
    }

    /// The amount of one resource, zero when absent.
    #[must_use]
    pub fn get(&self, name: &str) -> i64 {
        match name {
            "cpu" => self.milli_cpu,
            "memory" => self.memory,
            "ephemeral-storage" => self.ephemeral_storage,
            _ => self.scalars.get(name).copied().unwrap_or(0),
        }
    }

    /// Leaves no more of anything than there is in `most`.
    pub fn cap(&mut self, most: &Self) {
        self.milli_cpu = self.milli_cpu.min(most.milli_cpu);
        self.memory = self.memory.min(most.memory);
        self.ephemeral_storage = self.ephemeral_storage.min(most.ephemeral_storage);
        for (name, amount) in &mut self.scalars {
            *amount = (*amount).min(most.get(name));
        }
    }

    /// Nothing of anything.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.milli_cpu == 0
            && self.memory == 0
            && self.ephemeral_storage == 0
            && self.scalars.values().all(|amount| *amount == 0)
    }
}

/// Resources that are counted by name: extended ones, huge pages, attachable volumes.
#[must_use]
pub fn is_scalar(name: &str) -> bool {
    is_extended(name)
        || name.starts_with("hugepages-")
        || name.contains("kubernetes.io/")
        || name.starts_with("attachable-volumes-")
}

/// A name with a domain that is not Kubernetes' own and that can stand in a quota.
pub(crate) fn is_extended(name: &str) -> bool {
    let Some((domain, resource)) = name.split_once('/') else {
        return false;
    };
    !name.contains("kubernetes.io/")
        && !name.starts_with("requests.")
        && (1..=63).contains(&resource.len())
        && !resource.contains('/')
        && resource.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        // `requests.` goes in front of it in a quota, and the whole may have 253 bytes.
        && (1..=244).contains(&domain.len())
        && domain.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte)
        })
}
