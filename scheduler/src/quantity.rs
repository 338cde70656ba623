//! Amounts written as text (`100m`, `2Gi`, `1e3`), exact to a billionth. Larger or finer ones go to
//! the nearest amount that can be held, as Kubernetes caps them. Reading only.

/// Billionths, exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Quantity(i128);

const ONE: i128 = 1_000_000_000;

impl Quantity {
    /// Reads an amount; `None` if it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let end = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let (number, suffix) = text.split_at_checked(end)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
            return None;
        }
        let (factor, exponent) = scale(suffix)?;
        let mut digits = 0_i128;
        for byte in whole.bytes().chain(fraction.bytes()) {
            digits = digits
                .saturating_mul(10)
                .saturating_add(i128::from(byte.wrapping_sub(b'0')));
        }
        let places = i32::try_from(fraction.len()).ok()?;
        let nanos = shift(
            digits.saturating_mul(factor),
            exponent.saturating_add(9).saturating_sub(places),
        );
        Some(Self(if negative {
            nanos.saturating_neg()
        } else {
            nanos
        }))
    }

    /// Whole units, rounded away from zero.
    pub(crate) fn value(self) -> i64 {
        self.in_units_of(ONE)
    }

    /// Thousandths, rounded away from zero.
    pub(crate) fn milli_value(self) -> i64 {
        self.in_units_of(1_000_000)
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    fn in_units_of(self, unit: i128) -> i64 {
        let away = unit.saturating_sub(1).saturating_mul(self.0.signum());
        let units = self.0.saturating_add(away).checked_div(unit).unwrap_or(0);
        i64::try_from(units).unwrap_or(if units < 0 { i64::MIN } else { i64::MAX })
    }
}

/// A suffix as a factor and a power of ten.
fn scale(suffix: &str) -> Option<(i128, i32)> {
    Some(match suffix {
        "n" => (1, -9),
        "u" => (1, -6),
        "m" => (1, -3),
        "" => (1, 0),
        "k" => (1, 3),
        "M" => (1, 6),
        "G" => (1, 9),
        "T" => (1, 12),
        "P" => (1, 15),
        "E" => (1, 18),
        "Ki" => (1 << 10, 0),
        "Mi" => (1 << 20, 0),
        "Gi" => (1 << 30, 0),
        "Ti" => (1 << 40, 0),
        "Pi" => (1 << 50, 0),
        "Ei" => (1 << 60, 0),
        _ => (1, suffix.strip_prefix(['e', 'E'])?.parse().ok()?),
    })
}

/// Moves the decimal point; what falls off is rounded away from zero.
fn shift(mut value: i128, places: i32) -> i128 {
    // Beyond 60 places every value is zero or at its bound already.
    for _ in 0..places.unsigned_abs().min(60) {
        value = if places > 0 {
            value.saturating_mul(10)
        } else {
            value.saturating_add(9).checked_div(10).unwrap_or(0)
        };
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_kubernetes_does() {
        for (text, milli, value) in [
            ("0", 0, 0),
            ("100m", 100, 1),
            ("1", 1000, 1),
            ("1.5", 1500, 2),
            ("-1500m", -1500, -2),
            ("2Gi", 2_147_483_648_000, 2_147_483_648),
            ("1.5Ki", 1_536_000, 1536),
            ("1e3", 1_000_000, 1000),
            ("12E-1", 1200, 2),
            (".5", 500, 1),
            ("1n", 1, 1),
            ("5E", i64::MAX, 5_000_000_000_000_000_000),
            (
                "9999999999999999999999999999999999999999999",
                i64::MAX,
                i64::MAX,
            ),
        ] {
            let quantity = Quantity::parse(text).unwrap();
            assert_eq!(
                (quantity.milli_value(), quantity.value()),
                (milli, value),
                "{text}"
            );
        }
        for text in ["", ".", "m", "1x", "1 ", "1..2", "--1", "ä", "1e", "0x1"] {
            assert_eq!(Quantity::parse(text), None, "{text}");
        }
    }
}
