//! Canonical form: sorted members, no white space, the fewest escapes.
//!
//! It is what Python's `json.dumps(value, ensure_ascii=False, separators=(",", ":"),
//! sort_keys=True)` writes, byte for byte.

use super::Value;

/// Appends `value` in canonical form.
///
/// Recursion is bounded by the depth limit of the parser; values that a program builds itself
/// are as deep as that program makes them.
pub(crate) fn write_value(text: &mut String, value: &Value) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(true) => text.push_str("true"),
        Value::Bool(false) => text.push_str("false"),
        Value::Number(number) => text.push_str(number.as_str()),
        Value::String(string) => write_string(text, string),
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_value(text, item);
            }
            text.push(']');
        }
        Value::Object(members) => {
            text.push('{');
            for (index, (name, member)) in members.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_key(text, name);
                write_value(text, member);
            }
            text.push('}');
        }
    }
}

/// Appends a member's name and its colon.
pub(crate) fn write_key(text: &mut String, name: &str) {
    write_string(text, name);
    text.push(':');
}

/// Appends a string with its quotes and the escapes that canonical form has.
pub(crate) fn write_string(text: &mut String, string: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    text.push('"');
    let mut rest = string;
    loop {
        let (clean, from_special) = rest.split_at(clean_length(rest.as_bytes()));
        text.push_str(clean);
        let Some(&byte) = from_special.as_bytes().first() else {
            break;
        };
        // A special byte is an ASCII character of its own.
        rest = &from_special[1..];
        match byte {
            b'"' => text.push_str("\\\""),
            b'\\' => text.push_str("\\\\"),
            0x08 => text.push_str("\\b"),
            0x0c => text.push_str("\\f"),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            _ => {
                text.push_str("\\u00");
                text.push(char::from(HEX[usize::from(byte >> 4)]));
                text.push(char::from(HEX[usize::from(byte & 0xf)]));
            }
        }
    }
    text.push('"');
}

/// How many bytes stand before the first that a string cannot hold as it is.
pub(super) fn clean_length(bytes: &[u8]) -> usize {
    bytes.iter().position(|&byte| IS_SPECIAL[usize::from(byte)]).unwrap_or(bytes.len())
}

/// Control characters, quotes and backslashes; a table, since every byte of an event is asked.
static IS_SPECIAL: [bool; 256] = {
    let mut is_special = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        is_special[byte] = true;
        byte += 1;
    }
    is_special[b'"' as usize] = true;
    is_special[b'\\' as usize] = true;
    is_special
};
