//! A JSON number, held as its canonical text.

use std::fmt;

use serde::ser::{Serialize, Serializer};

/// An integer of up to 1,000 digits or a finite double, in the text that is signed.
///
/// An integer and a double are different numbers even where they are equal (`1` and `1.0`),
/// because their signed bytes differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number(Box<str>);

impl Number {
    /// Takes the digits of an integer that JSON's grammar allows; `-0` becomes `0`.
    pub(super) fn integer(digits: &str) -> Self {
        Self(if digits == "-0" { "0" } else { digits }.into())
    }

    /// Writes a double as Python's `repr` does; `None` where it is not finite.
    pub fn double(double: f64) -> Option<Self> {
        double.is_finite().then(|| Self(python_repr(double).into()))
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The integer, if this is one and it fits.
    pub fn as_i64(&self) -> Option<i64> {
        self.0.parse().ok()
    }

    /// The integer, if this is one, it fits and is not negative.
    pub fn as_u64(&self) -> Option<u64> {
        self.0.parse().ok()
    }

    /// The nearest double; an integer beyond the doubles is infinite.
    pub fn as_f64(&self) -> f64 {
        // Every canonical text is in the grammar of `f64`.
        self.0.parse().unwrap_or(f64::NAN)
    }

    fn is_double(&self) -> bool {
        self.0.contains(['.', 'e'])
    }
}

/// Lays out the shortest digits that round-trip: plain for exponents -4 to 15, else scientific.
///
/// The digits are zmij's: like Python it takes the even one of two equally near candidates,
/// where the standard library rounds up (`-2191314708571674.25` is `….2`, not `….3`).
fn python_repr(double: f64) -> String {
    let mut buffer = zmij::Buffer::new();
    let (sign, text) = match buffer.format_finite(double) {
        text if text.starts_with('-') => ("-", &text[1..]),
        text => ("", text),
    };
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let written = format!("{whole}{fraction}");
    let digits = written.trim_start_matches('0');
    let leading_zeros = written.len() - digits.len();
    let digits = digits.trim_end_matches('0');
    if digits.is_empty() {
        return format!("{sign}0.0");
    }
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let exponent = exponent + length(whole) - 1 - length(&written[..leading_zeros]);
    if (-4..16).contains(&exponent) {
        format!("{sign}{}", plain(digits, exponent))
    } else {
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        let exponent_sign = if exponent < 0 { '-' } else { '+' };
        format!("{sign}{first}{point}{rest}e{exponent_sign}{:02}", exponent.unsigned_abs())
    }
}

/// The length of a text that is some twenty digits at most.
fn length(digits: &str) -> i32 {
    i32::try_from(digits.len()).unwrap_or(i32::MAX)
}

fn plain(digits: &str, exponent: i32) -> String {
    let Ok(whole) = usize::try_from(exponent) else {
        let zeros = "0".repeat(exponent.unsigned_abs() as usize - 1);
        return format!("0.{zeros}{digits}");
    };
    match digits.get(whole + 1..) {
        Some(fraction) if !fraction.is_empty() => format!("{}.{fraction}", &digits[..=whole]),
        _ => format!("{digits}{}.0", "0".repeat(whole + 1 - digits.len())),
    }
}

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<i64> for Number {
    fn from(integer: i64) -> Self {
        Self(integer.to_string().into())
    }
}

impl From<u64> for Number {
    fn from(integer: u64) -> Self {
        Self(integer.to_string().into())
    }
}

/// Serialises as the number; an integer beyond 64 bits as its digits in a string, since serde
/// has no larger kind that every format carries without loss.
impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(integer) = self.as_i64() {
            serializer.serialize_i64(integer)
        } else if let Some(integer) = self.as_u64() {
            serializer.serialize_u64(integer)
        } else if self.is_double() {
            serializer.serialize_f64(self.as_f64())
        } else {
            serializer.serialize_str(&self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_laid_out_as_python_does() {
        for (double, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (1e10, "10000000000.0"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e16, "1.5e+16"),
            (123.456, "123.456"),
            (0.0001, "0.0001"),
            (0.000_012, "1.2e-05"),
            (1e-7, "1e-07"),
            (5e-324, "5e-324"),
            (-2_191_314_708_571_674.2, "-2191314708571674.2"),
            (-1.797_693_134_862_315_7e308, "-1.7976931348623157e+308"),
        ] {
            assert_eq!(python_repr(double), text);
        }
    }

    #[test]
    fn doubles_that_are_not_finite_are_no_numbers() {
        assert_eq!(Number::double(f64::NAN), None);
        assert_eq!(Number::double(f64::INFINITY), None);
    }
}
