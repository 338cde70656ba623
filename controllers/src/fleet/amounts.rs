//! Amounts of resources as nodes and pods name them, and sums of them that are kept as parts come and go.

use std::collections::BTreeMap;

use navarch_crds::go::quantity::Quantity;

/// Resources by name.
pub(super) type Amounts = BTreeMap<String, Quantity>;

/// A sum that is kept as its parts come and go: for each resource the amount and how many parts name it.
#[derive(Debug, Default)]
pub(super) struct Total(pub(super) BTreeMap<String, (Quantity, u32)>);

impl Total {
    pub(super) fn add(&mut self, amounts: &Amounts) {
        for (name, amount) in amounts {
            match self.0.get_mut(name) {
                Some((sum, parts)) => (*sum, *parts) = (sum.add(*amount), *parts + 1),
                None => {
                    self.0.insert(name.clone(), (*amount, 1));
                }
            }
        }
    }

    pub(super) fn take_off(&mut self, amounts: &Amounts) {
        for (name, amount) in amounts {
            let Some((sum, parts)) = self.0.get_mut(name) else {
                continue;
            };
            (*sum, *parts) = (sum.sub(*amount), parts.saturating_sub(1));
            if *parts == 0 {
                self.0.remove(name);
            }
        }
    }
}
