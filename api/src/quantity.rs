//! Kubernetes quantities: `100m`, `1.5Gi`, `2e3`.
//!
//! A quantity is a number and the family of suffixes it was written in, which its canonical form
//! keeps. Numbers are kept exactly, in billionths: what is finer is rounded away from zero, and
//! what is larger than 2^63-1 is cut off there, both as upstream. In billionths that bound takes
//! 94 bits, so `i128` never overflows on one quantity, and sums saturate.

use std::cmp::Ordering;
use std::fmt;
use std::ops::{Add, Sub};

const NANO: i128 = 1_000_000_000;
const MAX: i128 = i64::MAX as i128 * NANO;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `n u m "" k M G T P E`
    DecimalSi,
    /// `Ki Mi Gi Ti Pi Ei`
    BinarySi,
    /// `e3`, `E-2`
    DecimalExponent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    #[error(
        "quantities must match the regular expression \
         '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
    )]
    Format,
    #[error("unable to parse numeric part of quantity")]
    Numeric,
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

/// Compares by value: `1` and `1000m` are equal in order, though not printed alike.
#[derive(Clone, Copy, Debug)]
pub struct Quantity {
    nanos: i128,
    format: Format,
}

impl Quantity {
    pub const ZERO: Self = Self { nanos: 0, format: Format::DecimalSi };

    pub fn new(value: i64, format: Format) -> Self {
        Self { nanos: i128::from(value) * NANO, format }
    }

    pub fn from_milli(value: i64, format: Format) -> Self {
        Self { nanos: i128::from(value) * 1_000_000, format }
    }

    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        let (negative, unsigned) = match text.as_bytes().first() {
            None => return Err(QuantityError::Format),
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            Some(_) => (false, text),
        };
        let digits_end =
            unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at(digits_end);
        if number.is_empty() || !suffix.bytes().all(is_suffix_byte) {
            return Err(QuantityError::Format);
        }
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if fraction.contains('.') || (whole.is_empty() && fraction.is_empty()) {
            return Err(QuantityError::Numeric);
        }
        let (base, exponent, format) = parse_suffix(suffix)?;
        let magnitude = scale(whole, fraction, base, exponent);
        Ok(Self { nanos: if negative { -magnitude } else { magnitude }, format })
    }

    pub fn is_zero(&self) -> bool {
        self.nanos == 0
    }

    pub fn is_negative(&self) -> bool {
        self.nanos < 0
    }

    pub fn format(&self) -> Format {
        self.format
    }

    /// The value in whole units, rounded up.
    pub fn value(&self) -> i64 {
        saturate(div_ceil(self.nanos, NANO))
    }

    /// The value in thousandths, rounded up.
    pub fn milli_value(&self) -> i64 {
        saturate(div_ceil(self.nanos, 1_000_000))
    }
}

/// As upstream, a zero takes the other's format. Sums saturate.
impl Add for Quantity {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let format = if self.is_zero() { other.format } else { self.format };
        Self { nanos: self.nanos.saturating_add(other.nanos), format }
    }
}

impl Sub for Quantity {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        let format = if self.is_zero() { other.format } else { self.format };
        Self { nanos: self.nanos.saturating_sub(other.nanos), format }
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
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
        self.nanos.cmp(&other.nanos)
    }
}

impl std::str::FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        Self::parse(text)
    }
}

/// The canonical form: no fraction, the largest suffix that leaves none.
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nanos == 0 {
            return f.write_str("0");
        }
        match self.format {
            Format::BinarySi if self.nanos.abs() >= 1024 * NANO && self.nanos % NANO == 0 => {
                let (mut number, mut steps) = (self.nanos / NANO, 0);
                while number % 1024 == 0 && steps < 6 {
                    number /= 1024;
                    steps += 1;
                }
                write!(f, "{number}{}", ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"][steps])
            }
            Format::BinarySi | Format::DecimalSi => {
                let (number, steps) = self.thousands();
                write!(f, "{number}{}", ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"][steps])
            }
            Format::DecimalExponent => {
                let (number, steps) = self.thousands();
                match steps as i32 * 3 - 9 {
                    0 => write!(f, "{number}"),
                    exponent => write!(f, "{number}e{exponent}"),
                }
            }
        }
    }
}

impl Quantity {
    /// The number without trailing groups of three zeros, and how many groups above nano.
    fn thousands(&self) -> (i128, usize) {
        let (mut number, mut steps) = (self.nanos, 0);
        while number % 1000 == 0 && steps < 9 {
            number /= 1000;
            steps += 1;
        }
        (number, steps)
    }
}

fn is_suffix_byte(byte: u8) -> bool {
    b"eEinumkKMGTP+-0123456789".contains(&byte)
}

fn parse_suffix(suffix: &str) -> Result<(i128, i32, Format), QuantityError> {
    let decimal = |exponent| Ok((10, exponent, Format::DecimalSi));
    let binary = |exponent| Ok((2, exponent, Format::BinarySi));
    match suffix {
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
        _ => match suffix.strip_prefix(['e', 'E']) {
            Some(exponent) => exponent
                .parse::<i32>()
                .map(|exponent| (10, exponent, Format::DecimalExponent))
                .map_err(|_| QuantityError::Suffix),
            None => Err(QuantityError::Suffix),
        },
    }
}

/// `whole.fraction * base^exponent` in billionths, rounded up, bounded by `MAX`.
fn scale(whole: &str, fraction: &str, base: i128, exponent: i32) -> i128 {
    let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).map(|digit| digit - b'0').collect();
    // The number is `digits * 10^shift * multiplier`.
    let (multiplier, shift) = match base {
        2 => (1i128 << exponent, 9 - fraction.len() as i64),
        _ => (1, 9 - fraction.len() as i64 + i64::from(exponent)),
    };
    let digits = &digits[digits.iter().position(|digit| *digit != 0).unwrap_or(digits.len())..];
    if digits.is_empty() {
        return 0;
    }
    // Beyond this many digits before the point of the billionths the bound is passed for sure;
    // the multiplier only enlarges.
    let places = digits.len() as i64 + shift;
    if places > 30 {
        return MAX;
    }
    // With a binary multiplier up to 10^19 digits behind the billionths still count.
    let mut kept: i128 = 0;
    let mut remainder = false;
    let guard = if base == 2 { 8 } else { 0 };
    for position in 0..places + guard {
        let digit = match position {
            position if position < 0 => 0,
            position => digits.get(position as usize).copied().unwrap_or(0),
        };
        kept = match kept.checked_mul(10).and_then(|kept| kept.checked_add(i128::from(digit))) {
            Some(kept) => kept,
            None => return MAX,
        };
    }
    let used = (places + guard).max(0) as usize;
    if digits.len() > used && digits[used..].iter().any(|digit| *digit != 0) {
        remainder = true;
    }
    let Some(product) = kept.checked_mul(multiplier) else { return MAX };
    let divisor = 10i128.pow(guard as u32);
    (div_ceil(product, divisor) + i128::from(remainder && product % divisor == 0)).min(MAX)
}

/// Rounds away from zero, as upstream rounds "up".
fn div_ceil(number: i128, divisor: i128) -> i128 {
    let quotient = number / divisor;
    match number % divisor {
        0 => quotient,
        rest if rest > 0 => quotient + 1,
        _ => quotient - 1,
    }
}

fn saturate(number: i128) -> i64 {
    i64::try_from(number).unwrap_or(if number < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn printed(text: &str) -> String {
        match Quantity::parse(text) {
            Ok(quantity) => quantity.to_string(),
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn canonical_forms() {
        let cases = [
            ("0", "0"),
            ("0m", "0"),
            ("1", "1"),
            ("100m", "100m"),
            ("1000m", "1"),
            ("0.5", "500m"),
            (".5", "500m"),
            ("1.", "1"),
            ("1.5Gi", "1536Mi"),
            ("1024Mi", "1Gi"),
            ("1000Ki", "1000Ki"),
            ("512Ki", "512Ki"),
            ("1Ki", "1Ki"),
            ("0.5Ki", "512"),
            ("0.1Ki", "102400m"),
            ("1.1Mi", "1153433600m"),
            ("2e3", "2e3"),
            ("20e2", "2e3"),
            ("1E", "1E"),
            ("1E3", "1e3"),
            ("1e-1", "100e-3"),
            ("1000", "1k"),
            ("1234567", "1234567"),
            ("-100m", "-100m"),
            ("+5", "5"),
            ("0.0000000001", "1n"),
            ("-0.0000000001", "-1n"),
            ("99999999999999999999999", "9223372036854775807"),
            ("100E", "9223372036854775807"),
            ("16Ei", "9223372036854775807"),
            ("1e40", "9223372036854775807"),
            ("1e-40", "1e-9"),
        ];
        for (text, wanted) in cases {
            assert_eq!(printed(text), wanted, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_quantity() {
        let cases = [
            ("", "Format"),
            ("abc", "Format"),
            ("1 Gi", "Format"),
            ("-", "Format"),
            ("1.2.3", "Numeric"),
            (".", "Numeric"),
            ("1GB", "Format"),
            ("1mi", "Suffix"),
            ("1K", "Suffix"),
            ("1e", "Suffix"),
        ];
        for (text, wanted) in cases {
            assert_eq!(printed(text), wanted, "{text}");
        }
    }

    #[test]
    fn rounds_up() {
        let parse = |text: &str| Quantity::parse(text).expect("a quantity");
        assert_eq!(parse("100u").milli_value(), 1);
        assert_eq!(parse("1500u").milli_value(), 2);
        assert_eq!(parse("-1500u").milli_value(), -2);
        assert_eq!(parse("1001m").value(), 2);
        assert_eq!(parse("2Gi").value(), 2 << 30);
        assert_eq!(parse("9E").milli_value(), i64::MAX);
        assert!(parse("1Gi") > parse("1G"));
        assert_eq!(parse("1"), parse("1000m"));
    }

    #[test]
    fn sums_keep_the_first_format() {
        let parse = |text: &str| Quantity::parse(text).expect("a quantity");
        assert_eq!((parse("1Gi") + parse("1024Mi")).to_string(), "2Gi");
        assert_eq!((Quantity::ZERO + parse("1Gi")).to_string(), "1Gi");
        assert_eq!((parse("1") - parse("250m")).to_string(), "750m");
    }

    proptest! {
        #[test]
        fn canonical_form_is_stable(
            number in -1_000_000_000_000i64..1_000_000_000_000,
            suffix in prop::sample::select(vec![
                "n", "u", "m", "", "k", "M", "Ki", "Mi", "e3", "e-3",
            ]),
        ) {
            let quantity = Quantity::parse(&format!("{number}{suffix}")).expect("a quantity");
            let text = quantity.to_string();
            let again = Quantity::parse(&text).expect("its canonical form");
            prop_assert_eq!(quantity, again);
            prop_assert_eq!(again.to_string(), text);
        }

        #[test]
        fn arithmetic_is_that_of_milli_units(a in -1_000_000_000i64..1_000_000_000,
                                             b in -1_000_000_000i64..1_000_000_000) {
            let (qa, qb) = (
                Quantity::from_milli(a, Format::DecimalSi),
                Quantity::from_milli(b, Format::BinarySi),
            );
            prop_assert_eq!((qa + qb).milli_value(), a + b);
            prop_assert_eq!((qa - qb).milli_value(), a - b);
            prop_assert_eq!(qa.cmp(&qb), a.cmp(&b));
        }

        #[test]
        fn any_text_is_parsed_or_refused(text in "[-+]?[0-9.]{0,40}[eEinumkKMGTP]{0,2}[-+]?[0-9]{0,4}") {
            if let Ok(quantity) = Quantity::parse(&text) {
                prop_assert!(quantity.nanos.abs() <= MAX);
            }
        }
    }
}
