//! Which taints an object tolerates: the rule of Kubernetes' core/v1. How long a `NoExecute` taint
//! is tolerated plays no part in a decision.

use crate::snapshot::Taint;

/// Effect that keeps new objects away.
pub const NO_SCHEDULE: &str = "NoSchedule";
/// Effect that makes a cluster less wanted.
pub const PREFER_NO_SCHEDULE: &str = "PreferNoSchedule";
/// Effect that also drives out what is there.
pub const NO_EXECUTE: &str = "NoExecute";

/// A toleration, as it is matched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Toleration {
    /// Key; empty matches every key if the operator is `Exists`.
    pub key: String,
    /// How key and value are compared.
    pub operator: Operator,
    /// Value.
    pub value: String,
    /// Effect; empty matches every effect.
    pub effect: String,
    /// The operator as it was written, and for how long a `NoExecute` taint is tolerated: for those who are told
    /// of it.
    pub written: (String, Option<i64>),
}

/// Operators of tolerations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Operator {
    /// Key and value are equal. Also when none is given.
    #[default]
    Equal,
    /// The key is enough.
    Exists,
    /// Something that Kubernetes does not know: matches nothing.
    Unknown,
}

impl Operator {
    /// Reads an operator; none is `Equal`.
    #[must_use]
    pub fn read(text: &str) -> Self {
        match text {
            "" | "Equal" => Self::Equal,
            "Exists" => Self::Exists,
            _ => Self::Unknown,
        }
    }
}

impl Toleration {
    /// This toleration covers the taint.
    #[must_use]
    pub fn tolerates(&self, taint: &Taint) -> bool {
        if !self.effect.is_empty() && self.effect != taint.effect {
            return false;
        }
        if !self.key.is_empty() && self.key != taint.key {
            return false;
        }
        match self.operator {
            Operator::Equal => self.value == taint.value,
            Operator::Exists => true,
            Operator::Unknown => false,
        }
    }
}

/// Any of these covers the taint.
#[must_use]
pub fn tolerated(tolerations: &[Toleration], taint: &Taint) -> bool {
    tolerations
        .iter()
        .any(|toleration| toleration.tolerates(taint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taints_are_matched_as_kubernetes_does() {
        let toleration = |key: &str, operator: &str, value: &str, effect: &str| Toleration {
            key: key.into(),
            operator: Operator::read(operator),
            value: value.into(),
            effect: effect.into(),
            written: (operator.into(), None),
        };
        let taint = Taint {
            key: "k".into(),
            value: "v".into(),
            effect: NO_SCHEDULE.into(),
        };
        for (name, toleration, expected) in [
            ("everything", toleration("", "Exists", "", ""), true),
            ("same", toleration("k", "Equal", "v", NO_SCHEDULE), true),
            ("no operator is equal", toleration("k", "", "v", ""), true),
            ("other value", toleration("k", "", "w", ""), false),
            ("other key", toleration("j", "Exists", "", ""), false),
            (
                "other effect",
                toleration("k", "Exists", "", NO_EXECUTE),
                false,
            ),
            ("unknown operator", toleration("k", "Like", "v", ""), false),
        ] {
            assert_eq!(tolerated(&[toleration], &taint), expected, "{name}");
        }
    }
}
