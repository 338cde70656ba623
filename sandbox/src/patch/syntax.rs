//! What Go's JSON decoder says of text that is no JSON, and how Go quotes text in messages: clients print both.

use std::fmt::Write;

/// Deeper than any object.
const DEPTH_AT_MOST: usize = 512;

/// Why a body is no JSON, in Go's words; `None` if it is.
pub fn error(body: &[u8]) -> Option<String> {
    let mut scanner = Scanner { body, at: 0 };
    let outcome = scanner.value(0).and_then(|()| {
        scanner.space();
        match scanner.peek() {
            None => Ok(()),
            Some(byte) => Err(unexpected(byte, "after top-level value")),
        }
    });
    outcome.err()
}

/// Text in double quotes as Go's `%q` has it.
pub fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if u32::from(c) < 0x20 || c == '\u{7f}' => {
                // writing to a String does not fail
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn unexpected(byte: u8, place: &str) -> String {
    let shown = match byte {
        b'\'' => "'\\''".to_owned(),
        b'"' => "'\"'".to_owned(),
        other => {
            let quoted = quote(&char::from(other).to_string());
            format!("'{}'", quoted.trim_matches('"'))
        }
    };
    format!("invalid character {shown} {place}")
}

struct Scanner<'a> {
    body: &'a [u8],
    at: usize,
}

type Outcome = Result<(), String>;

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.body.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn next(&mut self) -> Result<u8, String> {
        let byte = self
            .peek()
            .ok_or_else(|| "unexpected end of JSON input".to_owned())?;
        self.at += 1;
        Ok(byte)
    }

    fn next_after_space(&mut self) -> Result<u8, String> {
        self.space();
        self.next()
    }

    fn value(&mut self, depth: usize) -> Outcome {
        if depth > DEPTH_AT_MOST {
            return Err("exceeded max depth".to_owned());
        }
        match self.next_after_space()? {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => self.string(),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            byte @ (b'-' | b'0'..=b'9') => self.number(byte),
            byte => Err(unexpected(byte, "looking for beginning of value")),
        }
    }

    fn object(&mut self, depth: usize) -> Outcome {
        let mut first = true;
        loop {
            match self.next_after_space()? {
                b'}' if first => return Ok(()),
                b'"' => self.string()?,
                byte => {
                    return Err(unexpected(
                        byte,
                        "looking for beginning of object key string",
                    ));
                }
            }
            first = false;
            match self.next_after_space()? {
                b':' => self.value(depth + 1)?,
                byte => return Err(unexpected(byte, "after object key")),
            }
            match self.next_after_space()? {
                b',' => {}
                b'}' => return Ok(()),
                byte => return Err(unexpected(byte, "after object key:value pair")),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Outcome {
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.value(depth + 1)?;
            match self.next_after_space()? {
                b',' => {}
                b']' => return Ok(()),
                byte => return Err(unexpected(byte, "after array element")),
            }
        }
    }

    fn string(&mut self) -> Outcome {
        loop {
            match self.next()? {
                b'"' => return Ok(()),
                b'\\' => match self.next()? {
                    b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"' => {}
                    b'u' => {
                        for _ in 0..4 {
                            let byte = self.next()?;
                            if !byte.is_ascii_hexdigit() {
                                return Err(unexpected(
                                    byte,
                                    "in \\u hexadecimal character escape",
                                ));
                            }
                        }
                    }
                    byte => return Err(unexpected(byte, "in string escape code")),
                },
                byte if byte < 0x20 => return Err(unexpected(byte, "in string literal")),
                _ => {}
            }
        }
    }

    fn literal(&mut self, word: &str) -> Outcome {
        for expected in word.bytes().skip(1) {
            let byte = self.next()?;
            if byte != expected {
                let expected = char::from(expected);
                return Err(unexpected(
                    byte,
                    &format!("in literal {word} (expecting '{expected}')"),
                ));
            }
        }
        Ok(())
    }

    fn digits(&mut self) {
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
    }

    fn digit(&mut self, place: &str) -> Outcome {
        match self.next()? {
            b'0'..=b'9' => Ok(()),
            byte => Err(unexpected(byte, place)),
        }
    }

    fn number(&mut self, first: u8) -> Outcome {
        let mut leading = first;
        if first == b'-' {
            leading = self.peek().unwrap_or_default();
            self.digit("in numeric literal")?;
        }
        if leading != b'0' {
            self.digits();
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digit("after decimal point in numeric literal")?;
            self.digits();
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digit("in exponent of numeric literal")?;
            self.digits();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        for (body, expected) in [
            (
                "{bad",
                "invalid character 'b' looking for beginning of object key string",
            ),
            ("", "unexpected end of JSON input"),
            ("{\"a\":1", "unexpected end of JSON input"),
            ("{\"a\" 1}", "invalid character '1' after object key"),
            (
                "{\"a\":1 \"b\"}",
                "invalid character '\"' after object key:value pair",
            ),
            ("[1 2]", "invalid character '2' after array element"),
            ("{} x", "invalid character 'x' after top-level value"),
            (
                "trve",
                "invalid character 'v' in literal true (expecting 'u')",
            ),
            (
                "{\"a\":1,}",
                "invalid character '}' looking for beginning of object key string",
            ),
            (
                "\u{cf}",
                "invalid character 'Ã' looking for beginning of value",
            ),
            (
                "'a'",
                "invalid character '\\'' looking for beginning of value",
            ),
        ] {
            assert_eq!(error(body.as_bytes()).as_deref(), Some(expected), "{body}");
        }
        assert_eq!(
            error(br#" {"a":[1,-0.5e+3,true,null,"\u00e9\n"],"b":{}} "#),
            None
        );
    }

    #[test]
    fn quotes_as_go_does() {
        assert_eq!(quote("a\"b\\c\n'\u{1}é"), "\"a\\\"b\\\\c\\n'\\x01é\"");
    }

    proptest::proptest! {
        #[test]
        fn agrees_with_the_reader_on_what_is_json(text in "[-{}\\[\\],:\"a-e0-9. ntruefalsl\\\\]{0,12}") {
            let is_json = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            // numbers that are too large are JSON to one and not to the other
            if is_json {
                proptest::prop_assert_eq!(error(text.as_bytes()), None);
            }
        }
    }
}
