//! Label selectors as people write them on command lines (`a=b,c!=d,e in (f,g),h,!i`), read into the form of the API.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

use crate::select::{Labels, labels_match};

/// Reads a selector.
///
/// # Errors
/// What is wrong with it, for people.
pub fn parse_selector(text: &str) -> Result<LabelSelector, String> {
    let parts = parts(text);
    let requirements = parts.iter().map(|part| requirement(part.trim()));
    let selector = LabelSelector {
        match_expressions: Some(requirements.collect::<Result<_, _>>()?),
        match_labels: None,
    };
    // Keys and values that no label can have are no selector.
    labels_match(Some(&selector), &Labels::new()).map_err(|error| error.to_string())?;
    Ok(selector)
}

/// What stands between commas that are not in parentheses.
fn parts(text: &str) -> Vec<&str> {
    let mut inside = false;
    let split = |character: char| {
        match character {
            '(' => inside = true,
            ')' => inside = false,
            _ => {}
        }
        character == ',' && !inside
    };
    text.split(split).collect()
}

fn requirement(part: &str) -> Result<LabelSelectorRequirement, String> {
    let made = |key: &str, operator: &str, values: Option<Vec<&str>>| LabelSelectorRequirement {
        key: key.trim().to_owned(),
        operator: operator.to_owned(),
        values: values.map(|values| values.iter().map(|value| value.trim().to_owned()).collect()),
    };
    if let Some(key) = part.strip_prefix('!') {
        return Ok(made(key, "DoesNotExist", None));
    }
    if let Some((head, values)) = part.split_once('(') {
        let mut words = head.split_whitespace();
        let (Some(key), Some(word), None) = (words.next(), words.next(), words.next()) else {
            return Err(format!("{part:?} is not of the form KEY in (A,B)"));
        };
        let operator = match word {
            "in" => "In",
            "notin" => "NotIn",
            _ => return Err(format!("{word:?} is neither in nor notin")),
        };
        let values = values
            .strip_suffix(')')
            .ok_or_else(|| format!("{part:?} has no closing parenthesis"))?;
        return Ok(made(key, operator, Some(values.split(',').collect())));
    }
    for (sign, operator) in [("!=", "NotIn"), ("==", "In"), ("=", "In")] {
        if let Some((key, value)) = part.split_once(sign) {
            return Ok(made(key, operator, Some(vec![value])));
        }
    }
    Ok(made(part, "Exists", None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_read_as_kubectl_reads_them() {
        let labels: Labels = [("type", "virtual-kubelet"), ("zone", "a"), ("empty", "")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
        for (text, expected) in [
            ("type=virtual-kubelet", true),
            ("type==virtual-kubelet,zone=a", true),
            ("type=virtual-kubelet,zone=b", false),
            ("zone!=b", true),
            ("other != b", true),
            ("zone in (a, b),type", true),
            ("zone notin (a,b)", false),
            ("type", true),
            ("!type", false),
            ("! other", true),
            ("empty=", true),
        ] {
            let selector = parse_selector(text).unwrap();
            let matched = labels_match(Some(&selector), &labels).unwrap();
            assert_eq!(matched, expected, "{text}");
        }
        for text in [
            "", "a b", "a in b", "a in (b", "a of (b)", "a=b,,c", "a>1", "=b",
        ] {
            assert!(parse_selector(text).is_err(), "{text}");
        }
    }
}
