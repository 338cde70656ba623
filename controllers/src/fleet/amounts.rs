//! Amounts of resources as nodes and pods name them, and sums of them that are kept as parts come and go.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;
use navarch_crds::go::quantity::Quantity;
use serde_json::Value;

use super::slim::Written;

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

pub(super) fn texts(amounts: &Amounts) -> BTreeMap<String, Text> {
    amounts
        .iter()
        .map(|(name, amount)| (name.clone(), Text::from(*amount)))
        .collect()
}

pub(super) fn add(total: &mut Amounts, name: &str, amount: &Quantity) {
    match total.get_mut(name) {
        Some(present) => *present = present.add(*amount),
        None => {
            total.insert(name.to_owned(), *amount);
        }
    }
}

/// What is written; a text that is no amount is left out.
pub(super) fn read(written: &Written) -> Amounts {
    written
        .iter()
        .filter_map(|(name, amount)| {
            let amount = match amount {
                Value::String(text) => text.parse().ok()?,
                Value::Number(number) => number.to_string().parse().ok()?,
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
            };
            Some((name.clone(), amount))
        })
        .collect()
}
