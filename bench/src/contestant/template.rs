//! Placeholders `{{name}}` in manifests and commands. Pure.

use std::collections::BTreeMap;

/// What may stand between the braces.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values {
    values: BTreeMap<String, String>,
    members: Vec<String>,
}

/// A line with it is repeated for each member, whose name it stands for.
const EVERY: &str = "{{every.name}}";

impl Values {
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.values.insert(name.to_owned(), value.into());
    }

    /// The names that [`EVERY`] stands for.
    pub(crate) fn set_members(&mut self, names: Vec<String>) {
        self.members = names;
    }

    /// The text with every placeholder replaced, or what is wrong with one.
    /// `{{env.NAME}}` is this process's environment variable, `{{env.NAME:text}}` the text where it is not set.
    pub(crate) fn fill(&self, text: &str) -> Result<String, String> {
        if !text.contains(EVERY) {
            return self.fill_once(text);
        }
        let repeated: String = text
            .split_inclusive('\n')
            .flat_map(|line| {
                if line.contains(EVERY) {
                    self.members
                        .iter()
                        .map(|name| line.replace(EVERY, name))
                        .collect()
                } else {
                    vec![line.to_owned()]
                }
            })
            .collect();
        self.fill_once(&repeated)
    }

    fn fill_once(&self, text: &str) -> Result<String, String> {
        let mut result = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, behind) = after
                .split_once("}}")
                .ok_or_else(|| format!("a {{{{ without }}}} before {:?}", first_line(after)))?;
            result.push_str(before);
            result.push_str(&self.value(name.trim())?);
            rest = behind;
        }
        result.push_str(rest);
        Ok(result)
    }

    fn value(&self, name: &str) -> Result<String, String> {
        if let Some(value) = self.values.get(name) {
            return Ok(value.clone());
        }
        if let Some(variable) = name.strip_prefix("env.") {
            let (variable, default) = match variable.split_once(':') {
                Some((variable, default)) => (variable, Some(default.to_owned())),
                None => (variable, None),
            };
            return std::env::var(variable)
                .ok()
                .or(default)
                .ok_or_else(|| format!("the environment has no {variable}"));
        }
        let known: Vec<_> = self.values.keys().map(String::as_str).collect();
        Err(format!(
            "there is no placeholder {{{{{name}}}}} here (known: {}, env.NAME)",
            known.join(", ")
        ))
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders() {
        let mut values = Values::default();
        values.set("member.name", "member-1");
        values.set_members(vec!["a".to_owned(), "b".to_owned()]);
        let rows = [
            ("none", "a: b", Ok("a: b")),
            ("one", "name: {{member.name}}!", Ok("name: member-1!")),
            (
                "with spaces, twice",
                "{{ member.name }}{{member.name}}",
                Ok("member-1member-1"),
            ),
            (
                "a line for each",
                "x:\n- {{every.name}}\ny",
                Ok("x:\n- a\n- b\ny"),
            ),
            (
                "a default",
                "{{env.NAVARCH_BENCH_UNSET:/usr/bin/x}}",
                Ok("/usr/bin/x"),
            ),
            (
                "no default",
                "{{env.NAVARCH_BENCH_UNSET}}",
                Err("no NAVARCH_BENCH_UNSET"),
            ),
            ("unknown", "{{member.nam}}", Err("known: member.name")),
            ("open", "a {{member.name", Err("without }}")),
        ];
        for (name, text, expected) in rows {
            match (values.fill(text), expected) {
                (Ok(got), Ok(want)) => assert_eq!(got, want, "{name}"),
                (Err(got), Err(part)) => assert!(got.contains(part), "{name}: {got}"),
                (got, _) => panic!("{name}: {got:?}"),
            }
        }
    }
}
