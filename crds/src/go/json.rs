//! JSON as Go's `encoding/json` writes it: no spaces, `<`, `>`, `&`, U+2028 and U+2029 escaped,
//! floats in Go's format. Structs keep the order of their fields; maps must come sorted, which
//! `BTreeMap` and `serde_json::Value` do.

use serde::Serialize;
use serde_json::ser::Formatter;
use std::io::{self, Write};

/// A value that has no JSON.
#[derive(Debug, thiserror::Error)]
#[error("a value cannot be written as JSON")]
pub struct JsonError(#[from] serde_json::Error);

/// The text of a value.
///
/// # Errors
/// When a map in the value has keys that are no text, or its `Serialize` fails.
pub fn to_string<T: Serialize + ?Sized>(value: &T) -> Result<String, JsonError> {
    let mut bytes = Vec::with_capacity(256);
    value.serialize(&mut serde_json::Serializer::with_formatter(
        &mut bytes,
        GoFormatter,
    ))?;
    // The writer gets whole `str`s and ASCII only, so nothing is ever replaced here.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

struct GoFormatter;

impl Formatter for GoFormatter {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let escaped = |c: char| matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}');
        let mut rest = fragment;
        while let Some((before, special)) =
            rest.find(escaped).and_then(|at| rest.split_at_checked(at))
        {
            writer.write_all(before.as_bytes())?;
            let mut characters = special.chars();
            if let Some(c) = characters.next() {
                write!(writer, "\\u{:04x}", u32::from(c))?;
            }
            rest = characters.as_str();
        }
        writer.write_all(rest.as_bytes())
    }

    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(float(value).as_bytes())
    }

    fn write_f32<W: ?Sized + Write>(&mut self, writer: &mut W, value: f32) -> io::Result<()> {
        writer.write_all(float(f64::from(value)).as_bytes())
    }
}

/// A float as Go writes it: plain between 1e-6 and 1e21, with an exponent of at least two digits
/// (one when negative) outside. A whole number has no point.
fn float(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{value:e}");
        return match text.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => {
                format!("{digits}e+{exponent}")
            }
            _ => text,
        };
    }
    format!("{value}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn text_is_escaped_as_in_go() {
        for (value, expected) in [
            (json!("<a>&b"), r#""\u003ca\u003e\u0026b""#),
            (json!("\u{2028}x\u{2029}"), r#""\u2028x\u2029""#),
            (
                json!("\"\\/\n\r\t\u{8}\u{c}\u{1}\u{7f}"),
                "\"\\\"\\\\/\\n\\r\\t\\b\\f\\u0001\u{7f}\"",
            ),
            (json!("äß🙂"), "\"äß🙂\""),
            (
                json!({"b": [1, null, true], "a": {}, "<": []}),
                r#"{"\u003c":[],"a":{},"b":[1,null,true]}"#,
            ),
            (Value::Null, "null"),
        ] {
            assert_eq!(to_string(&value).unwrap(), expected);
        }
    }

    #[test]
    fn numbers_are_written_as_in_go() {
        for (value, expected) in [
            (json!(0), "0"),
            (json!(-5), "-5"),
            (json!(i64::MIN), "-9223372036854775808"),
            (json!(u64::MAX), "18446744073709551615"),
            (json!(1.0), "1"),
            (json!(0.0), "0"),
            (json!(-0.0), "-0"),
            (json!(0.1), "0.1"),
            (json!(1.5), "1.5"),
            (json!(1e20), "100000000000000000000"),
            (json!(1e21), "1e+21"),
            (json!(1.25e30), "1.25e+30"),
            (json!(1e-6), "0.000001"),
            (json!(1e-7), "1e-7"),
            (json!(1.5e-10), "1.5e-10"),
            (json!(-2.5e-9), "-2.5e-9"),
        ] {
            assert_eq!(to_string(&value).unwrap(), expected);
        }
    }
}
