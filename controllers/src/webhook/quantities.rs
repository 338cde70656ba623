//! What one replica asks for, as Kubernetes writes amounts (`framework.Resource.ResourceList` of KubeAdmiral: memory
//! and huge pages with binary units, everything else with decimal ones; three amounts also when they are zero).

use std::collections::BTreeMap;

use navarch_crds::go::quantity::{Format, Quantity};
use navarch_scheduler::resources::Amounts;
use navarch_scheduler::unit::Unit;

/// Amounts by resource.
pub(super) type Quantities = BTreeMap<String, String>;

/// As KubeAdmiral sends it: it never fills in processors and memory, and of other resources knows graphics
/// processors and Katalyst's.
pub(super) fn kubeadmirals(unit: &Unit) -> Quantities {
    let scalars = unit
        .weighed_scalars()
        .map(|(name, amount)| (name.to_owned(), amount));
    written(&Amounts {
        scalars: scalars.collect(),
        ..Amounts::default()
    })
}

/// Everything.
pub(super) fn whole(unit: &Unit) -> Quantities {
    written(&unit.request)
}

fn written(amounts: &Amounts) -> Quantities {
    let binary = |amount| Quantity::from_value(amount, Format::BinarySi).to_string();
    let mut quantities = Quantities::from([
        (
            "cpu".to_owned(),
            Quantity::from_milli(amounts.milli_cpu).to_string(),
        ),
        ("memory".to_owned(), binary(amounts.memory)),
        (
            "ephemeral-storage".to_owned(),
            binary(amounts.ephemeral_storage),
        ),
    ]);
    for (name, amount) in &amounts.scalars {
        let text = if name.starts_with("hugepages-") {
            binary(*amount)
        } else {
            Quantity::from_value(*amount, Format::DecimalSi).to_string()
        };
        quantities.insert(name.clone(), text);
    }
    quantities
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit() -> Unit {
        let scalars = [
            ("nvidia.com/gpu", 2),
            ("hugepages-2Mi", 4 << 20),
            ("x.y/z", 1500),
        ];
        Unit {
            request: Amounts {
                milli_cpu: 1500,
                memory: 64 << 20,
                ephemeral_storage: 0,
                scalars: scalars
                    .iter()
                    .map(|(name, amount)| ((*name).to_owned(), *amount))
                    .collect(),
            },
            ..Unit::default()
        }
    }

    fn shown(quantities: &Quantities) -> String {
        let parts = quantities
            .iter()
            .map(|(name, text)| format!("{name}={text}"));
        parts.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn amounts_are_written_as_kubernetes_does() {
        assert_eq!(
            shown(&whole(&unit())),
            "cpu=1500m ephemeral-storage=0 hugepages-2Mi=4Mi memory=64Mi nvidia.com/gpu=2 x.y/z=1500"
        );
    }

    #[test]
    fn the_old_protocol_tells_what_kubeadmiral_tells() {
        assert_eq!(
            shown(&kubeadmirals(&unit())),
            "cpu=0 ephemeral-storage=0 memory=0 nvidia.com/gpu=2"
        );
    }
}
