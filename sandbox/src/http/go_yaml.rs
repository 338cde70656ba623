//! YAML as a real server reads it. The body of an apply is read as YAML, also when it is JSON, and by the rules of Go's YAML 1.1
//! library: what JSON takes and YAML does not is refused, and line breaks within texts are folded (seen on 1.34).

use serde_json::Value;

/// A body in YAML, or in JSON read as YAML.
pub(super) fn read(bytes: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(bytes).map_err(|e| e.to_string())?;
    let plain = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some(bad) = plain.chars().position(|c| !is_printable(c)) {
        let before = plain.chars().take(bad).filter(|c| *c == '\n').count();
        return Err(failed(before, "control characters are not allowed"));
    }
    match serde_json::from_str::<Value>(plain) {
        Ok(_) => {
            let folded = texts_folded(plain)?;
            serde_json::from_str(&folded).map_err(|e| e.to_string())
        }
        Err(_no_json) => serde_saphyr::from_str(plain).map_err(|e| e.to_string()),
    }
}

fn failed(lines_before: usize, why: &str) -> String {
    let line = match lines_before {
        0 => String::new(),
        before => format!("line {}: ", before + 1),
    };
    format!("error converting YAML to JSON: yaml: {line}{why}")
}

/// The characters YAML 1.1 takes.
fn is_printable(c: char) -> bool {
    matches!(
        c,
        '\t' | '\n' | '\r' | '\u{20}'..='\u{7e}' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}'
            | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}'
    )
}

/// JSON with the texts in it as YAML reads them: escapes that YAML lacks are refused; of a line break (raw U+0085, U+2028 and
/// U+2029 are some) the blanks around it go, and U+0085 becomes a space.
fn texts_folded(json: &str) -> Result<String, String> {
    let mut out = String::with_capacity(json.len());
    let mut lines = 0;
    let mut rest = json.chars().peekable();
    let mut inside = false;
    while let Some(c) = rest.next() {
        match c {
            '\n' => lines += 1,
            '"' => inside = !inside,
            '\\' if inside => {
                let escaped = rest.next().unwrap_or_default();
                out.push(c);
                out.push(escaped);
                if escaped == '/' {
                    return Err(failed(lines, "found unknown escape character"));
                }
                if escaped == 'u' {
                    let code: String = rest.clone().take(4).collect();
                    let number = u32::from_str_radix(&code, 16).unwrap_or_default();
                    if (0xd800..=0xdfff).contains(&number) {
                        return Err(failed(lines, "found invalid Unicode character escape code"));
                    }
                }
                continue;
            }
            '\u{85}' | '\u{2028}' | '\u{2029}' if inside => {
                let kept = out.trim_end_matches([' ', '\t']).len();
                out.truncate(kept);
                out.push(if c == '\u{85}' { ' ' } else { c });
                while rest.next_if(|c| matches!(c, ' ' | '\t')).is_some() {}
                continue;
            }
            _ => {}
        }
        out.push(c);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_read_as_yaml_reads_it() {
        let cases = [
            (r#"{"a":"b"}"#, Some("b")),
            ("{\"a\":\"x \u{2028} y\"}", Some("x\u{2028}y")),
            ("{\"a\":\"x\u{85}y\"}", Some("x y")),
            (r#"{"a":"\u0085\u2028"}"#, Some("\u{85}\u{2028}")),
            ("\u{feff}{\"a\":\"b\"}", Some("b")),
            (r#"{"a":"\ud83d\ude00"}"#, None),
            (r#"{"a":"x\/y"}"#, None),
            ("{\"a\":\"x\u{7f}y\"}", None),
        ];
        for (text, expected) in cases {
            let read = read(text.as_bytes()).ok();
            let value = read.as_ref().and_then(|v| v["a"].as_str());
            assert_eq!(value, expected, "{text}");
        }
    }
}
