//! What a rule wants of one member of an event's data.

use std::fmt;

use laniakea_event::{Number, Value};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, Visitor},
};

use crate::{glob::Glob, member};

/// What a value has to be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Pattern {
    /// Its text fits, be it a string, a number or a boolean.
    Text(Glob),
    /// It is this number.
    Integer(i64),
    /// It is this number, as a double; a finite one.
    Double(f64),
    /// It is this boolean.
    Bool(bool),
}

impl Pattern {
    /// The one text that it stands for, if it stands for one.
    pub(crate) fn literal(&self) -> Option<&str> {
        match self {
            Self::Text(glob) => glob.literal(),
            _ => None,
        }
    }

    /// Whether a value that is neither list nor object fits.
    pub(crate) fn matches(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Text(glob), value) => member::text(value).is_some_and(|text| glob.matches(text)),
            (Self::Integer(wanted), Value::Number(number)) => is_integer(number, *wanted),
            // Equal is meant literally: whoever writes 0.1 means the double that events write so.
            #[expect(clippy::float_cmp, reason = "a rule names the number that it wants")]
            (Self::Double(wanted), Value::Number(number)) => number.as_f64() == *wanted,
            (Self::Bool(wanted), Value::Bool(truth)) => truth == wanted,
            _ => false,
        }
    }
}

/// Whether a number, integer or double, is exactly this integer.
fn is_integer(number: &Number, wanted: i64) -> bool {
    if !number.as_str().contains(['.', 'e']) {
        return number.as_i64() == Some(wanted);
    }
    // Written out, since a cast would make neighbours equal. Adding zero takes the sign off -0.0.
    let double = number.as_f64() + 0.0;
    double.fract() == 0.0 && format!("{double:.0}") == wanted.to_string()
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(glob) => serializer.serialize_str(glob.as_str()),
            Self::Integer(integer) => serializer.serialize_i64(*integer),
            Self::Double(double) => serializer.serialize_f64(*double),
            Self::Bool(truth) => serializer.serialize_bool(*truth),
        }
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PatternVisitor)
    }
}

struct PatternVisitor;

impl Visitor<'_> for PatternVisitor {
    type Value = Pattern;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string, a number or a boolean")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Pattern, E> {
        text.parse().map(Pattern::Text).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, integer: i64) -> Result<Pattern, E> {
        Ok(Pattern::Integer(integer))
    }

    fn visit_u64<E: de::Error>(self, integer: u64) -> Result<Pattern, E> {
        i64::try_from(integer).map(Pattern::Integer).map_err(|_| {
            E::custom(format_args!("the number {integer} is too large: write it as a string"))
        })
    }

    fn visit_f64<E: de::Error>(self, double: f64) -> Result<Pattern, E> {
        if double.is_finite() {
            return Ok(Pattern::Double(double));
        }
        Err(E::custom(format_args!("no event has the number {double}")))
    }

    fn visit_bool<E: de::Error>(self, truth: bool) -> Result<Pattern, E> {
        Ok(Pattern::Bool(truth))
    }
}
