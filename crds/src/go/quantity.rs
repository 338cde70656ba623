//! Kubernetes quantities, exact: `100m`, `1.5Gi`, `2e3` (`k8s.io/apimachinery/pkg/api/resource`).
//! A quantity is kept in billionths, the finest that Kubernetes keeps; what is finer is rounded
//! away from zero when read. Sums stop at the ends of `i128`, some 1.7e29 units.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

const NANO: i128 = 1_000_000_000;
/// Kubernetes caps numbers that need its slow path at the largest `int64`.
const CAP: i128 = 9_223_372_036_854_775_807 * NANO;

/// How a quantity was written, and is written again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `1Ki`, `1Mi`, …
    BinarySi,
    /// `1m`, `1k`, …
    #[default]
    DecimalSi,
    /// `1e3`, …
    DecimalExponent,
}

/// An amount of a resource. Two are equal when the amounts are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quantity {
    nano: i128,
    format: Format,
}

/// A text that is no quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no quantity: write a number with an optional unit, for example 500m, 2 or 1.5Gi"
)]
pub struct QuantityError {
    /// The text.
    pub text: String,
}

/// Reads a quantity.
///
/// # Errors
/// When the text is none.
pub fn parse(text: &str) -> Result<Quantity, QuantityError> {
    read(text).ok_or_else(|| QuantityError {
        text: text.to_owned(),
    })
}

/// What the suffix of a quantity means: base, exponent, format.
fn suffix(text: &str) -> Option<(u32, i32, Format)> {
    let decimal = |exponent| Some((10, exponent, Format::DecimalSi));
    let binary = |exponent| Some((2, exponent, Format::BinarySi));
    match text {
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "" => decimal(0),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(10),
        "Mi" => binary(20),
        "Gi" => binary(30),
        "Ti" => binary(40),
        "Pi" => binary(50),
        "Ei" => binary(60),
        _ => {
            let exponent = text.strip_prefix(['e', 'E'])?;
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            // Beyond a few dozen, an exponent means zero or the cap whatever its size.
            let size = digits.parse::<i32>().unwrap_or(1000).min(1000);
            let exponent = if exponent.starts_with('-') {
                -size
            } else {
                size
            };
            Some((10, exponent, Format::DecimalExponent))
        }
    }
}

fn read(text: &str) -> Option<Quantity> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, rest) = split_digits(rest);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(after) => split_digits(after),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let (base, exponent, format) = suffix(rest)?;
    let whole = whole.trim_start_matches('0');
    let amount = amount(whole, fraction, base, exponent);
    let capped = match format {
        Format::BinarySi => true,
        Format::DecimalSi | Format::DecimalExponent => whole.len() + fraction.len() > 18,
    };
    let nano = if capped { amount.min(CAP) } else { amount };
    let format = if format == Format::BinarySi && nano < NANO {
        Format::DecimalSi
    } else {
        format
    };
    Some(Quantity {
        nano: if negative { -nano } else { nano },
        format,
    })
}

fn split_digits(text: &str) -> (&str, &str) {
    let length = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at_checked(length).unwrap_or((text, ""))
}

/// The digits as billionths, rounded up, at most `i128::MAX`.
fn amount(whole: &str, fraction: &str, base: u32, exponent: i32) -> i128 {
    let (shift, factor) = match base {
        2 => (0, 1_i128 << exponent.clamp(0, 60)),
        _ => (exponent, 1),
    };
    // Digit by digit from the left: digit k of the whole number stands for 10^(n-1-k).
    let mut total: i128 = 0;
    let mut lost = false;
    let whole_length = i32::try_from(whole.len()).unwrap_or(i32::MAX);
    let mut place = whole_length.saturating_add(shift).saturating_add(9);
    for digit in whole.bytes().chain(fraction.bytes()) {
        place = place.saturating_sub(1);
        let digit = i128::from(digit.saturating_sub(b'0'));
        if digit == 0 {
            continue;
        }
        let numerator = digit * factor;
        let part = match u32::try_from(place) {
            Ok(place) => 10_i128
                .checked_pow(place)
                .and_then(|power| numerator.checked_mul(power)),
            Err(_) => {
                // A binary factor can bring digits below a billionth back above it.
                let power = 10_i128.checked_pow(place.unsigned_abs());
                lost |= power.is_none_or(|power| numerator % power != 0);
                power.map(|power| numerator / power).or(Some(0))
            }
        };
        let Some(sum) = part.and_then(|part| total.checked_add(part)) else {
            return i128::MAX;
        };
        total = sum;
    }
    if lost {
        exact_below(whole, fraction, factor, shift).unwrap_or(total.saturating_add(1))
    } else {
        total
    }
}

/// The same for amounts with digits below a billionth: the remainders of several digits add up,
/// so the digits are taken as one number. None when there are too many for that.
fn exact_below(whole: &str, fraction: &str, factor: i128, shift: i32) -> Option<i128> {
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let below = i32::try_from(fraction.len())
        .ok()?
        .checked_sub(shift)?
        .checked_sub(9)?;
    let power = 10_i128.checked_pow(u32::try_from(below).ok()?)?;
    let product = digits.checked_mul(factor)?;
    Some(product / power + i128::from(product % power != 0))
}

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self {
        nano: 0,
        format: Format::DecimalSi,
    };

    /// So many units.
    #[must_use]
    pub const fn from_value(value: i64, format: Format) -> Self {
        Self {
            nano: widen(value) * NANO,
            format,
        }
    }

    /// So many thousandths.
    #[must_use]
    pub const fn from_milli(value: i64) -> Self {
        Self {
            nano: widen(value) * 1_000_000,
            format: Format::DecimalSi,
        }
    }

    /// In billionths, exact.
    #[must_use]
    pub const fn nano_value(self) -> i128 {
        self.nano
    }

    /// How it is written.
    #[must_use]
    pub const fn format(self) -> Format {
        self.format
    }

    /// It is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.nano == 0
    }

    /// In units, rounded away from zero; at most what `i64` holds.
    #[must_use]
    pub fn value(self) -> i64 {
        self.scaled(NANO)
    }

    /// In thousandths, rounded away from zero; at most what `i64` holds.
    #[must_use]
    pub fn milli_value(self) -> i64 {
        self.scaled(1_000_000)
    }

    fn scaled(self, unit: i128) -> i64 {
        let value = self.nano / unit + (self.nano % unit).signum();
        i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
    }

    /// The sum, written as this one unless this one is zero, as in Kubernetes.
    #[must_use]
    pub const fn add(self, other: Self) -> Self {
        let format = if self.nano == 0 {
            other.format
        } else {
            self.format
        };
        Self {
            nano: self.nano.saturating_add(other.nano),
            format,
        }
    }

    /// The difference, written as this one unless this one is zero, as in Kubernetes.
    #[must_use]
    pub const fn sub(self, other: Self) -> Self {
        let format = if self.nano == 0 {
            other.format
        } else {
            self.format
        };
        Self {
            nano: self.nano.saturating_sub(other.nano),
            format,
        }
    }

    /// So many times this one.
    #[must_use]
    pub const fn times(self, count: i64) -> Self {
        Self {
            nano: self.nano.saturating_mul(widen(count)),
            format: self.format,
        }
    }
}

const fn widen(value: i64) -> i128 {
    value as i128
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nano == other.nano
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nano.cmp(&other.nano)
    }
}

impl FromStr for Quantity {
    type Err = QuantityError;
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        parse(text)
    }
}

impl TryFrom<&k8s_openapi::apimachinery::pkg::api::resource::Quantity> for Quantity {
    type Error = QuantityError;
    fn try_from(
        text: &k8s_openapi::apimachinery::pkg::api::resource::Quantity,
    ) -> Result<Self, QuantityError> {
        parse(&text.0)
    }
}

impl From<Quantity> for k8s_openapi::apimachinery::pkg::api::resource::Quantity {
    fn from(quantity: Quantity) -> Self {
        Self(quantity.to_string())
    }
}

impl fmt::Display for Quantity {
    /// The canonical form: no fraction, the largest unit that needs none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nano == 0 {
            return f.write_str("0");
        }
        let whole = self.nano % NANO == 0;
        if self.format == Format::BinarySi && whole && self.nano.abs() >= 1024 * NANO {
            let mut value = self.nano / NANO;
            let mut unit = 0;
            while value % 1024 == 0 && unit < 6 {
                value /= 1024;
                unit += 1;
            }
            let unit = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]
                .get(unit)
                .copied()
                .unwrap_or("");
            return write!(f, "{value}{unit}");
        }
        let mut value = self.nano;
        let mut exponent = -9;
        // SI has no name beyond exa; an exponent goes on.
        let exponent_max = if self.format == Format::DecimalExponent {
            i32::MAX
        } else {
            18
        };
        while value % 1000 == 0 && exponent < exponent_max {
            value /= 1000;
            exponent += 3;
        }
        if self.format == Format::DecimalExponent {
            return if exponent == 0 {
                write!(f, "{value}")
            } else {
                write!(f, "{value}e{exponent}")
            };
        }
        let unit = match exponent {
            -9 => "n",
            -6 => "u",
            -3 => "m",
            0 => "",
            3 => "k",
            6 => "M",
            9 => "G",
            12 => "T",
            15 => "P",
            _ => "E",
        };
        write!(f, "{value}{unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantities_are_read_and_written_as_in_kubernetes() {
        for (text, printed, value, milli) in [
            ("0", "0", 0, 0),
            ("100m", "100m", 1, 100),
            ("1000m", "1", 1, 1000),
            ("0.5", "500m", 1, 500),
            ("1.5Gi", "1536Mi", 1_610_612_736, 1_610_612_736_000),
            ("64Mi", "64Mi", 67_108_864, 67_108_864_000),
            ("1024", "1024", 1024, 1_024_000),
            ("1000", "1k", 1000, 1_000_000),
            ("1024Ki", "1Mi", 1_048_576, 1_048_576_000),
            ("1Ki", "1Ki", 1024, 1_024_000),
            ("0.5Ki", "512", 512, 512_000),
            ("1e3", "1e3", 1000, 1_000_000),
            ("12E4", "120e3", 120_000, 120_000_000),
            ("1E", "1E", 1_000_000_000_000_000_000, i64::MAX),
            ("1e-3", "1e-3", 1, 1),
            ("-1.5", "-1500m", -2, -1500),
            ("+2", "2", 2, 2000),
            ("1.1n", "2n", 1, 1),
            ("0.1n", "1n", 1, 1),
            ("-0.1n", "-1n", -1, -1),
            ("2.", "2", 2, 2000),
            (".5", "500m", 1, 500),
            ("007", "7", 7, 7000),
            ("1.0001Ki", "1024102400u", 1025, 1_024_103),
            ("0.001Ki", "1024m", 2, 1024),
            (
                "9999999999999999999",
                "9223372036854775807",
                i64::MAX,
                i64::MAX,
            ),
            ("16Ei", "9223372036854775807", i64::MAX, i64::MAX),
            ("1e-400", "1e-9", 1, 1),
            ("250u", "250u", 1, 1),
            ("110", "110", 110, 110_000),
        ] {
            let quantity = parse(text).unwrap();
            assert_eq!(quantity.to_string(), printed, "{text}");
            assert_eq!(quantity.value(), value, "{text}");
            assert_eq!(quantity.milli_value(), milli, "{text}");
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "", "-", ".", "1.1.M", "1+1.0M", "0.1mi", "0.1am", "aoeu", ".5i", "1i", "-3.01i",
            "-3.01e-", " 1", "1 ", "+ 1", "1K", "1e", "1e+", "--1", "1e1.5",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sums_keep_the_format_of_the_first_that_is_not_zero() {
        let sum = |a: &str, b: &str| parse(a).unwrap().add(parse(b).unwrap()).to_string();
        assert_eq!(sum("1Gi", "1Gi"), "2Gi");
        assert_eq!(sum("0", "1Gi"), "1Gi");
        assert_eq!(sum("1Gi", "1"), "1073741825");
        assert_eq!(sum("100m", "0.9"), "1");
        assert_eq!(sum("1Mi", "100m"), "1048576100m");
        assert_eq!(
            parse("1").unwrap().sub(parse("1500m").unwrap()).to_string(),
            "-500m"
        );
        assert_eq!(parse("250m").unwrap().times(4).to_string(), "1");
        assert!(parse("1Ki").unwrap() > parse("1k").unwrap());
        assert_eq!(parse("1000m").unwrap(), parse("1").unwrap());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            value in any::<i64>(),
            unit in prop::sample::select(vec!["", "n", "u", "m", "k", "M", "G", "Ki", "Mi", "e3", "e-5"]),
        ) {
            let quantity = parse(&format!("{value}{unit}")).unwrap();
            let again = parse(&quantity.to_string()).unwrap();
            // Beyond eighteen digits the text is capped, as Kubernetes does.
            prop_assert!(again == quantity || quantity.nano.abs() > 100_000_000_000_000_000);
            prop_assert_eq!(again.to_string(), parse(&again.to_string()).unwrap().to_string());
        }

        #[test]
        fn adding_and_taking_away_is_nothing(a in any::<i64>(), b in any::<i64>()) {
            let (a, b) = (Quantity::from_milli(a), Quantity::from_milli(b));
            prop_assert_eq!(a.add(b).sub(b), a);
        }

        #[test]
        fn rounding_never_loses(value in any::<i64>()) {
            let quantity = parse(&format!("{value}u")).unwrap();
            let rounded = i128::from(quantity.milli_value()) * 1_000_000;
            prop_assert!(rounded.abs() >= quantity.nano.abs());
            prop_assert!(rounded.abs() - quantity.nano.abs() < 1_000_000);
        }

        #[test]
        fn no_text_panics(text in "[-+0-9.eEKMGTPikmun ]{0,60}", other in ".*") {
            let _ = parse(&text).map(|quantity| (quantity.to_string(), quantity.value()));
            let _ = parse(&other);
        }
    }
}
