//! The same JSON value in another spelling: whoever canonicalises sees no difference.

use std::fmt::Write as _;

use fastrand::Rng;
use laniakea_event::{Object, Value};

/// Writes a value with other white space, order, escapes and number spellings.
pub(crate) fn respell(value: &Value, rng: &mut Rng) -> String {
    let mut text = String::new();
    write(&mut text, value, rng);
    space(&mut text, rng);
    text
}

fn write(text: &mut String, value: &Value, rng: &mut Rng) {
    space(text, rng);
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(truth) => write!(text, "{truth}").unwrap(),
        Value::Number(number) => text.push_str(&respell_number(number.as_str(), rng)),
        Value::String(string) => write_string(text, string, rng),
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index > 0 { "," } else { "" });
                write(text, item, rng);
                space(text, rng);
            }
            text.push(']');
        }
        Value::Object(members) => write_object(text, members, rng),
    }
}

fn write_object(text: &mut String, members: &Object, rng: &mut Rng) {
    let mut members: Vec<(&String, &Value)> = members.iter().collect();
    rng.shuffle(&mut members);
    text.push('{');
    for (index, (name, value)) in members.into_iter().enumerate() {
        text.push_str(if index > 0 { "," } else { "" });
        space(text, rng);
        write_string(text, name, rng);
        space(text, rng);
        text.push(':');
        write(text, value, rng);
        space(text, rng);
    }
    text.push('}');
}

fn write_string(text: &mut String, string: &str, rng: &mut Rng) {
    text.push('"');
    for character in string.chars() {
        let must = character < ' ' || character == '"' || character == '\\';
        if !must && rng.u8(..) > 16 {
            text.push(character);
        } else if character == '/' && rng.bool() {
            text.push_str("\\/");
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                if rng.bool() {
                    write!(text, "\\u{unit:04x}").unwrap();
                } else {
                    write!(text, "\\u{unit:04X}").unwrap();
                }
            }
        }
    }
    text.push('"');
}

/// From the canonical text of a number to another text of the same one.
fn respell_number(canonical: &str, rng: &mut Rng) -> String {
    if canonical == "0" {
        return if rng.bool() { "-0" } else { "0" }.to_owned();
    }
    // An integer has one spelling.
    if !canonical.contains(['.', 'e']) {
        return canonical.to_owned();
    }
    let (mantissa, exponent) = canonical.split_once('e').unwrap_or((canonical, "0"));
    let exponent: i32 = exponent.parse().unwrap();
    let mut mantissa = mantissa.to_owned();
    mantissa.push_str(match (mantissa.contains('.'), rng.u8(..3)) {
        (_, 0) => "",
        (true, 1) => "0",
        (true, _) => "000",
        (false, 1) => ".0",
        (false, _) => ".00",
    });
    let mark = if rng.bool() { 'e' } else { 'E' };
    match rng.u8(..3) {
        0 => format!("{mantissa}{mark}{exponent}"),
        1 => format!("{mantissa}{mark}{exponent:+}"),
        _ => format!("{mantissa}{mark}{exponent:+04}"),
    }
}

fn space(text: &mut String, rng: &mut Rng) {
    while rng.u8(..) < 40 {
        text.push(*rng.choice(&[' ', '\t', '\n', '\r']).unwrap());
    }
}

#[cfg(test)]
mod tests {
    use laniakea_event::Limits;

    use super::*;
    use crate::{hostile, vectors};

    #[test]
    fn another_spelling_has_the_same_canonical_form() {
        let mut rng = Rng::with_seed(1);
        let numbers = hostile::NUMBERS.iter().map(|number| number.as_bytes().to_vec());
        let values: Vec<Value> = vectors::wires()
            .into_iter()
            .chain(numbers)
            .filter_map(|text| Value::parse(&text, &Limits::SUBMISSION).ok())
            .collect();
        assert!(values.len() > 100);
        for value in &values {
            let respelled = respell(value, &mut rng);
            let again = Value::parse(respelled.as_bytes(), &Limits::SUBMISSION);
            assert_eq!(again.as_ref(), Ok(value), "{respelled}");
        }
    }
}
