//! Charges as the account keeps them: numbers for names, in one order, so that two of them are compared in one walk.

use std::collections::{BTreeMap, HashMap};

use navarch_crds::names::ClusterName;
use navarch_crds::quota::Charge;

use super::resource::ResourceName;

/// Instead of a cluster: what an object costs once.
pub(super) const ONCE: u32 = u32::MAX;

/// So much of one resource of one cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) cluster: u32,
    pub(super) resource: u32,
    pub(super) amount: i64,
}

impl Amount {
    const fn place(&self) -> (u32, u32) {
        (self.cluster, self.resource)
    }
}

/// In the order of clusters and resources, each pair at most once, nothing of nothing.
pub(super) type Amounts = Box<[Amount]>;

/// Numbers for the names of clusters and resources. They are never given back: there are few names.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) resources: Resources,
    pub(super) clusters: Clusters,
}

#[derive(Debug, Default)]
pub(super) struct Resources {
    names: Vec<String>,
    /// By every text that means it.
    numbers: HashMap<String, u32>,
}

#[derive(Debug, Default)]
pub(super) struct Clusters {
    names: Vec<ClusterName>,
    numbers: HashMap<ClusterName, u32>,
}

impl Resources {
    /// The number of a resource, whatever it is called.
    pub(super) fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.known(text).unwrap_or_else(|| {
            let (name, number) = (spelled_out(text), next(self.names.len()));
            self.names.push(name.clone());
            self.numbers.insert(name, number);
            number
        });
        self.numbers.insert(text.to_owned(), number);
        number
    }

    pub(super) fn known(&self, text: &str) -> Option<u32> {
        let known = self.numbers.get(text);
        known
            .or_else(|| self.numbers.get(&spelled_out(text)))
            .copied()
    }

    /// In the order of numbers.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }
}

impl Clusters {
    /// The number of a cluster.
    pub(super) fn number(&mut self, name: &ClusterName) -> u32 {
        if let Some(number) = self.known(name) {
            return number;
        }
        let number = next(self.names.len());
        self.names.push(name.clone());
        self.numbers.insert(name.clone(), number);
        number
    }

    pub(super) fn known(&self, name: &ClusterName) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    pub(super) fn name(&self, number: u32) -> Option<&ClusterName> {
        self.names.get(number as usize)
    }

    /// In the order of numbers.
    pub(super) fn names(&self) -> &[ClusterName] {
        &self.names
    }
}

impl Names {
    /// What a charge comes to.
    pub(super) fn take_in(&mut self, charge: &Charge) -> Amounts {
        let Self {
            resources,
            clusters,
        } = self;
        read(
            charge,
            |name| clusters.number(name),
            |name| resources.number(name),
        )
    }

    /// The same without keeping names. Those that are not known have numbers for this time only, the largest.
    pub(super) fn look_up(&self, charge: &Charge) -> Amounts {
        let (mut clusters, mut resources) = (BTreeMap::new(), BTreeMap::new());
        read(
            charge,
            |name| {
                let known = self.clusters.known(name);
                known.unwrap_or_else(|| {
                    let count = clusters.len();
                    *clusters
                        .entry(name.clone())
                        .or_insert_with(|| ONCE - 1 - next(count))
                })
            },
            |name| {
                let known = self.resources.known(name);
                known.unwrap_or_else(|| {
                    let count = resources.len();
                    *resources
                        .entry(spelled_out(name))
                        .or_insert_with(|| u32::MAX - next(count))
                })
            },
        )
    }
}

fn read(
    charge: &Charge,
    mut cluster_number: impl FnMut(&ClusterName) -> u32,
    mut resource_number: impl FnMut(&str) -> u32,
) -> Amounts {
    let mut amounts = Vec::new();
    for (name, amount) in &charge.once {
        push(&mut amounts, ONCE, resource_number(name), (*amount).into());
    }
    for (cluster, copy) in &charge.clusters {
        let cluster = cluster_number(cluster);
        let replicas = i128::from(copy.replicas.max(0));
        for (name, each) in &copy.each {
            let amount = replicas * i128::from(*each);
            push(&mut amounts, cluster, resource_number(name), amount);
        }
        for (name, amount) in &copy.fixed {
            let resource = resource_number(name);
            push(&mut amounts, cluster, resource, (*amount).into());
        }
    }
    in_order(amounts)
}

/// Negative amounts are those of somebody who has edited by hand: they make room for nobody.
fn push(amounts: &mut Vec<Amount>, cluster: u32, resource: u32, amount: i128) {
    if amount > 0 {
        amounts.push(Amount {
            cluster,
            resource,
            amount: i64::try_from(amount).unwrap_or(i64::MAX),
        });
    }
}

fn in_order(mut amounts: Vec<Amount>) -> Amounts {
    amounts.sort_unstable_by_key(Amount::place);
    amounts.dedup_by(|later, first| {
        let same = later.place() == first.place();
        if same {
            first.amount = first.amount.saturating_add(later.amount);
        }
        same
    });
    amounts.into()
}

fn spelled_out(text: &str) -> String {
    ResourceName::parse(text).map_or_else(|_| text.to_owned(), |name| name.as_str().to_owned())
}

fn next(count: usize) -> u32 {
    // The last number stands for no cluster; that many names do not fit into memory.
    u32::try_from(count).unwrap_or(ONCE - 1)
}

/// Two lists side by side: place, amount in the first, amount in the second; zero where one has none.
pub(super) fn side_by_side<'a>(
    first: &'a [Amount],
    second: &'a [Amount],
) -> impl Iterator<Item = (u32, u32, i64, i64)> + 'a {
    let (mut first, mut second) = (first.iter().peekable(), second.iter().peekable());
    std::iter::from_fn(move || {
        let place = match (first.peek(), second.peek()) {
            (None, None) => return None,
            (Some(one), None) | (None, Some(one)) => one.place(),
            (Some(one), Some(other)) => one.place().min(other.place()),
        };
        let amount = |of: Option<&Amount>| of.map_or(0, |of| of.amount);
        let one = amount(first.next_if(|one| one.place() == place));
        let other = amount(second.next_if(|other| other.place() == place));
        Some((place.0, place.1, one, other))
    })
}

/// The larger of both, place by place.
pub(super) fn larger(first: &[Amount], second: &[Amount]) -> Amounts {
    side_by_side(first, second)
        .map(|(cluster, resource, one, other)| Amount {
            cluster,
            resource,
            amount: one.max(other),
        })
        .collect()
}

pub(super) fn amount_of(amounts: &[Amount], cluster: u32, resource: u32) -> i64 {
    let place = amounts.binary_search_by_key(&(cluster, resource), Amount::place);
    place.map_or(0, |place| amounts[place].amount)
}

#[cfg(test)]
#[path = "amounts_tests.rs"]
mod tests;
