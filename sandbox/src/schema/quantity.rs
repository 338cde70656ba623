//! Resource quantities: read, compared, and written the one way the server writes them ("1000m" is "1", "1024Mi" is
//! "1Gi"). Exact in nanos, which is the finest the server keeps.

use std::fmt::Write;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Binary,
    Decimal,
    Exponent,
}

/// What the server says of anything else.
pub const EXPECTED: &str =
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

const NANOS: i128 = 1_000_000_000;
const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const DECIMAL: [(&str, i32); 10] = [
    ("n", -9),
    ("u", -6),
    ("m", -3),
    ("", 0),
    ("k", 3),
    ("M", 6),
    ("G", 9),
    ("T", 12),
    ("P", 15),
    ("E", 18),
];

fn parse(text: &str) -> Option<(i128, Format)> {
    let text = text.trim();
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let negative = text.starts_with('-');
    let end = unsigned
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at_checked(end)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let scale = i32::try_from(fraction.len()).ok()?;
    let (nanos, format) = if let Some(power) = BINARY.iter().skip(1).position(|s| *s == suffix) {
        let factor = 1024_i128.checked_pow(u32::try_from(power + 1).ok()?)?;
        (
            shift(digits.checked_mul(factor)?, 9 - scale)?,
            Format::Binary,
        )
    } else if let Some((_, power)) = DECIMAL.iter().find(|(s, _)| *s == suffix) {
        (shift(digits, 9 + power - scale)?, Format::Decimal)
    } else {
        let power: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
        (shift(digits, 9 + power - scale)?, Format::Exponent)
    };
    Some((if negative { -nanos } else { nanos }, format))
}

/// Times ten to the power; a rest is rounded up.
fn shift(number: i128, power: i32) -> Option<i128> {
    let factor = 10_i128.checked_pow(power.unsigned_abs().min(38))?;
    if power >= 0 {
        return number.checked_mul(factor);
    }
    Some(number / factor + i128::from(number % factor != 0))
}

/// The value in nanos, if it is a quantity.
pub fn nanos(text: &str) -> Option<i128> {
    parse(text).map(|(nanos, _)| nanos)
}

/// The server's spelling, if it is a quantity.
pub fn canonical(text: &str) -> Option<String> {
    let (nanos, mut format) = parse(text)?;
    if nanos == 0 {
        return Some("0".to_owned());
    }
    if format == Format::Binary && nanos.abs() < 1024 * NANOS {
        format = Format::Decimal;
    }
    let mut out = String::new();
    if format == Format::Binary {
        let mut number = nanos / NANOS + i128::from(nanos % NANOS > 0);
        let mut power = 0;
        while power + 1 < BINARY.len() && number % 1024 == 0 {
            number /= 1024;
            power += 1;
        }
        let _ = write!(
            out,
            "{number}{}",
            BINARY.get(power).copied().unwrap_or_default()
        );
        return Some(out);
    }
    let mut number = nanos;
    let mut power = 0;
    while power + 1 < DECIMAL.len() && number % 1000 == 0 {
        number /= 1000;
        power += 1;
    }
    let (suffix, exponent) = DECIMAL.get(power).copied().unwrap_or(("", 0));
    let _ = match (format, exponent) {
        (Format::Exponent, 0) => write!(out, "{number}"),
        (Format::Exponent, _) => write!(out, "{number}e{exponent}"),
        _ => write!(out, "{number}{suffix}"),
    };
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        for (text, expected) in [
            ("1000m", "1"),
            ("2000m", "2"),
            ("1024Mi", "1Gi"),
            ("0.5", "500m"),
            ("1.5Gi", "1536Mi"),
            ("100Mi", "100Mi"),
            ("1e3", "1e3"),
            ("1500", "1500"),
            ("2000", "2k"),
            ("512", "512"),
            ("0", "0"),
            ("-1", "-1"),
            ("0.1n", "1n"),
            ("512Ki", "512Ki"),
        ] {
            assert_eq!(canonical(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "abc", "1Q", "1.2.3", "--1"] {
            assert_eq!(canonical(text), None, "{text}");
        }
    }
}
