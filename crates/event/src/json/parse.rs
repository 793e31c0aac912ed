//! The strict parser. Every fault has a name that senders can look up.

use std::collections::btree_map::Entry;

use super::{Number, Object, Value, canonical::clean_length};
use crate::{Limits, Reason, Rejection};

/// The longest integer, in digits.
const MAX_INTEGER_DIGITS: usize = 1_000;

impl Value {
    /// Parses one JSON text.
    ///
    /// # Errors
    ///
    /// `too_large`, `bad_utf8`, `bad_json`, `duplicate_key`, `too_deep` or `number_out_of_range`.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, Rejection> {
        if bytes.len() > limits.max_bytes {
            return Err(Rejection::new(
                Reason::TooLarge,
                format!("{} bytes are over the limit of {}", bytes.len(), limits.max_bytes),
            ));
        }
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let at = error.valid_up_to();
            Rejection::new(Reason::BadUtf8, format!("invalid UTF-8 at byte {at}"))
        })?;
        let mut parser = Parser { text, at: 0, members: 0, limits };
        let value = parser.value(0)?;
        parser.skip_white_space();
        if parser.at < text.len() {
            return Err(parser.bad_json("something follows the value"));
        }
        Ok(value)
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    /// Members and items so far, all levels together.
    members: usize,
    limits: &'a Limits,
}

impl<'a> Parser<'a> {
    fn value(&mut self, depth: usize) -> Result<Value, Rejection> {
        self.skip_white_space();
        match self.peek() {
            Some(b'{') => self.object(depth + 1).map(Value::Object),
            Some(b'[') => self.array(depth + 1).map(Value::Array),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number().map(Value::Number),
            Some(b't') => self.literal("true", Value::Bool(true)),
            Some(b'f') => self.literal("false", Value::Bool(false)),
            Some(b'n') => self.literal("null", Value::Null),
            Some(_) => Err(self.bad_json("expected a value")),
            None => Err(self.bad_json("expected a value, found the end")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Object, Rejection> {
        self.check_depth(depth)?;
        self.at += 1;
        let mut members = Object::new();
        self.skip_white_space();
        if self.take(b'}') {
            return Ok(members);
        }
        loop {
            self.count_member()?;
            self.skip_white_space();
            if self.peek() != Some(b'"') {
                return Err(self.bad_json("expected a member name"));
            }
            let name = self.string()?;
            self.skip_white_space();
            if !self.take(b':') {
                return Err(self.bad_json("expected `:`"));
            }
            let value = self.value(depth)?;
            match members.entry(name) {
                Entry::Vacant(place) => place.insert(value),
                Entry::Occupied(place) => {
                    let name = shorten(place.key());
                    let detail = format!("member {name:?} is there twice");
                    return Err(Rejection::new(Reason::DuplicateKey, detail));
                }
            };
            self.skip_white_space();
            if self.take(b'}') {
                return Ok(members);
            }
            if !self.take(b',') {
                return Err(self.bad_json("expected `,` or `}`"));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Vec<Value>, Rejection> {
        self.check_depth(depth)?;
        self.at += 1;
        let mut items = Vec::new();
        self.skip_white_space();
        if self.take(b']') {
            return Ok(items);
        }
        loop {
            self.count_member()?;
            items.push(self.value(depth)?);
            self.skip_white_space();
            if self.take(b']') {
                return Ok(items);
            }
            if !self.take(b',') {
                return Err(self.bad_json("expected `,` or `]`"));
            }
        }
    }

    fn string(&mut self) -> Result<String, Rejection> {
        self.at += 1;
        let mut string = String::new();
        loop {
            let clean_from = self.at;
            self.at += clean_length(self.rest());
            // Both ends stand beside ASCII bytes, so this never splits a character.
            string.push_str(&self.text[clean_from..self.at]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(string);
                }
                Some(b'\\') => string.push(self.escape()?),
                Some(_) => return Err(self.bad_json("a control character in a string")),
                None => return Err(self.bad_json("a string without an end")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Rejection> {
        self.at += 1;
        let escaped = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => return Err(self.bad_json("an unknown escape")),
        };
        self.at += 1;
        Ok(escaped)
    }

    fn unicode_escape(&mut self) -> Result<char, Rejection> {
        let unit = self.hex_unit()?;
        let code = match unit {
            0xd800..=0xdbff if self.rest().starts_with(b"\\u") => {
                self.at += 1;
                match self.hex_unit()? {
                    low @ 0xdc00..=0xdfff => 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00),
                    _ => return Err(self.bad_json("a lone surrogate")),
                }
            }
            code => code,
        };
        char::from_u32(code).ok_or_else(|| self.bad_json("a lone surrogate"))
    }

    /// Reads `uXXXX`.
    fn hex_unit(&mut self) -> Result<u32, Rejection> {
        let digits = self.rest().get(1..5).filter(|hex| hex.iter().all(u8::is_ascii_hexdigit));
        let Some(digits) = digits else {
            return Err(self.bad_json("`\\u` without four hex digits"));
        };
        let unit = digits
            .iter()
            .fold(0, |unit, digit| unit * 16 + char::from(*digit).to_digit(16).unwrap_or_default());
        self.at += 5;
        Ok(unit)
    }

    fn number(&mut self) -> Result<Number, Rejection> {
        let start = self.at;
        self.take(b'-');
        let whole = self.digits();
        if whole == 0 || (whole > 1 && self.text.as_bytes()[self.at - whole] == b'0') {
            return Err(self.bad_json("a malformed number"));
        }
        let mut is_integer = true;
        if self.take(b'.') {
            is_integer = false;
            if self.digits() == 0 {
                return Err(self.bad_json("a malformed number"));
            }
        }
        if self.take(b'e') || self.take(b'E') {
            is_integer = false;
            if !self.take(b'+') {
                self.take(b'-');
            }
            if self.digits() == 0 {
                return Err(self.bad_json("a malformed number"));
            }
        }
        let text = &self.text[start..self.at];
        if is_integer {
            if whole > MAX_INTEGER_DIGITS {
                let detail = format!("an integer of {whole} digits is over the limit of 1000");
                return Err(Rejection::new(Reason::NumberOutOfRange, detail));
            }
            return Ok(Number::integer(text));
        }
        text.parse().ok().and_then(Number::double).ok_or_else(|| {
            let detail = format!("the number {} overflows a double", shorten(text));
            Rejection::new(Reason::NumberOutOfRange, detail)
        })
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn literal(&mut self, word: &str, value: Value) -> Result<Value, Rejection> {
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(self.bad_json("expected a value"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn check_depth(&self, depth: usize) -> Result<(), Rejection> {
        if depth > self.limits.max_depth {
            let detail = format!("nested deeper than {}", self.limits.max_depth);
            return Err(Rejection::new(Reason::TooDeep, detail));
        }
        Ok(())
    }

    fn count_member(&mut self) -> Result<(), Rejection> {
        self.members += 1;
        if self.members > self.limits.max_members {
            let detail = format!("more than {} members and items", self.limits.max_members);
            return Err(Rejection::new(Reason::TooLarge, detail));
        }
        Ok(())
    }

    fn skip_white_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let taken = self.peek() == Some(byte);
        self.at += usize::from(taken);
        taken
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.at..]
    }

    fn bad_json(&self, what: &str) -> Rejection {
        Rejection::new(Reason::BadJson, format!("{what} at byte {}", self.at))
    }
}

/// Bounds what a message repeats of foreign text.
fn shorten(text: &str) -> &str {
    let end = text.char_indices().nth(40).map_or(text.len(), |(index, _)| index);
    &text[..end]
}

#[cfg(test)]
mod tests;
