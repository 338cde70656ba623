//! How important an object's pods are: by their class, as the host has it, or by the number that is written into them.

use std::collections::BTreeMap;

use super::Charged;

/// A PriorityClass of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PriorityClass {
    pub(crate) value: i32,
    /// For pods without a class.
    pub(crate) is_default: bool,
}

/// Those that every API server has, should they not have been listed yet.
const BUILT_IN: [(&str, i32); 2] = [
    ("system-cluster-critical", 2_000_000_000),
    ("system-node-critical", 2_000_001_000),
];

#[derive(Debug, Default)]
pub(super) struct Priorities {
    classes: BTreeMap<String, PriorityClass>,
}

impl Priorities {
    /// `true`: it is another one than before.
    pub(super) fn put(&mut self, name: String, class: PriorityClass) -> bool {
        self.classes.insert(name, class) != Some(class)
    }

    pub(super) fn remove(&mut self, name: &str) -> bool {
        self.classes.remove(name).is_some()
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.classes.keys().cloned().collect()
    }

    /// The more, the sooner. A class that nobody knows counts like none: the pods would not be made, but which of those who
    /// wait comes first must not hang on that.
    pub(super) fn of(&self, object: &Charged) -> i32 {
        let name = object.priority_class.as_str();
        let known = self.classes.get(name).map(|class| class.value);
        let built_in = BUILT_IN.iter().find(|(built_in, _)| *built_in == name);
        let written = object.priority.filter(|_| name.is_empty());
        known
            .or_else(|| built_in.map(|(_, value)| *value))
            .or(written)
            .unwrap_or_else(|| self.usual())
    }

    /// Of several the lowest, as Kubernetes takes it.
    fn usual(&self) -> i32 {
        let defaults = self.classes.values().filter(|class| class.is_default);
        defaults.map(|class| class.value).min().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_priority_comes_from_the_class_the_pod_or_the_default() {
        let mut priorities = Priorities::default();
        let class = |value, is_default| PriorityClass { value, is_default };
        let object = |name: &str, priority| Charged {
            priority_class: name.to_owned(),
            priority,
            ..Charged::default()
        };
        assert_eq!(priorities.of(&object("", None)), 0);
        assert!(priorities.put("high".to_owned(), class(100, false)));
        assert!(!priorities.put("high".to_owned(), class(100, false)));
        priorities.put("usual".to_owned(), class(10, true));
        priorities.put("other".to_owned(), class(20, true));
        for (name, priority, expected) in [
            ("high", None, 100),
            ("high", Some(7), 100),
            ("", Some(7), 7),
            ("", None, 10),
            ("unknown", None, 10),
            ("unknown", Some(7), 10),
            ("system-node-critical", None, 2_000_001_000),
        ] {
            assert_eq!(
                priorities.of(&object(name, priority)),
                expected,
                "{name} {priority:?}"
            );
        }
        assert!(priorities.remove("usual") && !priorities.remove("usual"));
        assert_eq!(priorities.of(&object("", None)), 20);
    }
}
