//! Numbers: what we write is read as the same number, and laid out as the protocol says.

use laniakea_event::{Limits, Number, Value};

/// The text of a number, and eight bytes as a double and as an integer.
pub fn number(bytes: &[u8]) {
    if let Ok(Value::Number(number)) = Value::parse(bytes, &Limits::SUBMISSION) {
        check(&number);
    }
    if let Some(bytes) = bytes.first_chunk::<8>() {
        let double = f64::from_le_bytes(*bytes);
        let number = Number::double(double);
        assert_eq!(number.is_some(), double.is_finite());
        if let Some(number) = number {
            assert_eq!(number.as_f64().to_bits(), double.to_bits(), "{number}");
            assert!(number.as_str().contains(['.', 'e']), "{number} looks like an integer");
            check(&number);
        }
        let integer = i64::from_le_bytes(*bytes);
        assert_eq!(Number::from(integer).as_i64(), Some(integer));
        check(&Number::from(integer));
        check(&Number::from(u64::from_le_bytes(*bytes)));
    }
}

fn check(number: &Number) {
    let text = number.as_str();
    let again = Value::parse(text.as_bytes(), &Limits::SUBMISSION);
    assert_eq!(again, Ok(Value::Number(number.clone())), "not a fixed point");
    let digits = text.strip_prefix('-').unwrap_or(text);
    let Some((mantissa, exponent)) = digits.split_once('e') else {
        assert!(
            digits.len() == 1 || !digits.starts_with('0') || digits.starts_with("0."),
            "{text}"
        );
        return;
    };
    let (sign, exponent) = exponent.split_at(1);
    let exponent: i32 = exponent.parse().expect("digits");
    let exponent = if sign == "-" { -exponent } else { exponent };
    assert!(!(-4..16).contains(&exponent), "{text} should be plain");
    assert!(mantissa.len() == 1 || mantissa.as_bytes()[1] == b'.', "{text}");
}
