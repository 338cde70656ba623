//! The list of controllers that have yet to run before an object is dispatched
//! (KubeAdmiral `pkg/util/pendingcontrollers`). Navarch does the work of its own names in one pass
//! and stops in front of a name that it does not know: somebody else's controller, which takes its
//! name off when it is done. Pure.

use navarch_crds::keys::controller;
use std::collections::BTreeSet;

/// Steps in order; the controllers of a step in any order.
pub type Steps = Vec<Vec<String>>;

/// Names whose work is done in this process. What a federated autoscaler needs before it is
/// scheduled is done where it is dispatched.
pub const OWN: [&str; 6] = [
    controller::SCHEDULER,
    controller::OVERRIDE,
    controller::NAMESPACE_AUTO_PROPAGATION,
    controller::FOLLOWER,
    controller::FEDERATED_HPA,
    controller::SERVICE_IMPORT,
];

/// Reads a stored list; empty steps are dropped. `None` when it cannot be read.
#[must_use]
pub fn parse(text: &str) -> Option<Steps> {
    let steps: Option<Steps> = serde_json::from_str(text).ok()?;
    Some(normalise(&steps.unwrap_or_default()))
}

/// The text that is stored; `[]` when nobody is left.
#[must_use]
pub fn print(steps: &[Vec<String>]) -> String {
    // Lists of texts cannot fail to be written.
    navarch_crds::go::json::to_string(steps).unwrap_or_else(|_| "[]".to_owned())
}

/// The list without empty steps.
#[must_use]
pub fn normalise(steps: &[Vec<String>]) -> Steps {
    let full = steps.iter().filter(|step| !step.is_empty());
    full.cloned().collect()
}

/// How far one pass comes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Own names whose turn it was.
    pub ran: BTreeSet<String>,
    /// What is left, a foreign name in its first step; empty when dispatch may go on.
    pub left: Steps,
}

impl Reach {
    /// Whether a controller may write now: it was its turn, or nobody is left before anybody.
    #[must_use]
    pub fn allows(&self, controller: &str) -> bool {
        self.left.is_empty() || self.ran.contains(controller)
    }
}

/// Takes own names off until a foreign one stands in the way.
#[must_use]
pub fn advance(start: &[Vec<String>]) -> Reach {
    let mut ran = BTreeSet::new();
    for (index, step) in start.iter().enumerate() {
        let (own, foreign): (Vec<&String>, Vec<&String>) =
            step.iter().partition(|name| OWN.contains(&name.as_str()));
        ran.extend(own.into_iter().cloned());
        if !foreign.is_empty() {
            let mut left = vec![foreign.into_iter().cloned().collect()];
            left.extend(start.iter().skip(index.saturating_add(1)).cloned());
            return Reach {
                ran,
                left: normalise(&left),
            };
        }
    }
    Reach {
        ran,
        left: Steps::new(),
    }
}

/// The steps behind a controller's own: they run again when it changed something. None when the
/// type config does not name it.
#[must_use]
pub fn behind(all: &[Vec<String>], controller: &str) -> Steps {
    let mut steps = all.iter();
    let found = steps.any(|step| step.iter().any(|name| name == controller));
    let rest: Steps = if found {
        steps.cloned().collect()
    } else {
        Steps::new()
    };
    normalise(&rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(text: &str) -> Steps {
        let text = text
            .replace('S', controller::SCHEDULER)
            .replace('O', controller::OVERRIDE);
        parse(&text).unwrap()
    }

    #[test]
    fn own_names_are_taken_off_up_to_a_foreign_one() {
        for (name, start, ran, left) in [
            ("all own", r#"[["S"],["O"]]"#, 2, "[]"),
            ("nobody", "[]", 0, "[]"),
            ("null", "null", 0, "[]"),
            ("foreign first", r#"[["x"],["S"]]"#, 0, r#"[["x"],["S"]]"#),
            (
                "foreign beside",
                r#"[["x","S"],["O"]]"#,
                1,
                r#"[["x"],["O"]]"#,
            ),
            ("foreign last", r#"[["S"],["O"],[],["x"]]"#, 2, r#"[["x"]]"#),
        ] {
            let reach = advance(&steps(start));
            assert_eq!(reach.ran.len(), ran, "{name}");
            assert_eq!(reach.left, steps(left), "{name}");
        }
    }

    #[test]
    fn what_is_behind_a_controller_runs_again() {
        assert_eq!(
            behind(&steps(r#"[["a"],["S"],[],["O"]]"#), controller::SCHEDULER),
            steps(r#"[["O"]]"#)
        );
        assert_eq!(
            behind(&steps(r#"[["a"]]"#), controller::SCHEDULER),
            Steps::new()
        );
    }

    #[test]
    fn a_list_that_cannot_be_read_is_told_from_an_empty_one() {
        assert_eq!(parse("nonsense"), None);
        assert_eq!(print(&[]), "[]");
    }
}
