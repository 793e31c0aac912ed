//! The data of an event, from arguments or stdin.

use std::{
    io::{self, Read as _},
    str::FromStr,
};

use anyhow::{Context as _, bail};
use laniakea_event::{Limits, Object, Value};

/// `KEY=VALUE` or `KEY:=JSON`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Member {
    name: String,
    value: Value,
}

/// The text is no member.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidMember {
    /// There is no `=`, or nothing before it.
    #[error("write KEY=VALUE for a string or KEY:=JSON for any other value")]
    Form,
    /// What follows `:=` is no JSON.
    #[error("what follows := is no JSON: {0}")]
    Json(String),
}

impl FromStr for Member {
    type Err = InvalidMember;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = text.split_once('=').ok_or(InvalidMember::Form)?;
        let member = match name.strip_suffix(':') {
            Some(name) => {
                let value = Value::parse(value.as_bytes(), &Limits::SUBMISSION);
                let value = value.map_err(|error| InvalidMember::Json(error.to_string()))?;
                Self { name: name.to_owned(), value }
            }
            None => Self { name: name.to_owned(), value: value.into() },
        };
        if member.name.is_empty() {
            return Err(InvalidMember::Form);
        }
        Ok(member)
    }
}

/// Makes an object of them.
///
/// # Errors
///
/// Two of them have the same name.
pub(crate) fn collect(members: Vec<Member>) -> anyhow::Result<Object> {
    let mut object = Object::new();
    for Member { name, value } in members {
        if object.contains_key(&name) {
            bail!("{name:?} is given twice");
        }
        object.insert(name, value);
    }
    Ok(object)
}

/// Where the whole data comes from.
#[derive(Debug, Clone)]
pub(super) enum DataSource {
    Text(String),
    Stdin,
}

impl FromStr for DataSource {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(if text == "-" { Self::Stdin } else { Self::Text(text.to_owned()) })
    }
}

impl DataSource {
    /// Reads the object.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is no JSON object.
    pub(super) fn read(&self) -> anyhow::Result<Object> {
        let mut bytes = Vec::new();
        match self {
            Self::Text(text) => bytes.extend_from_slice(text.as_bytes()),
            Self::Stdin => {
                let limit = Limits::SUBMISSION.max_bytes as u64 + 1;
                let read = io::stdin().lock().take(limit).read_to_end(&mut bytes);
                read.context("could not read the data from stdin")?;
            }
        }
        match Value::parse(&bytes, &Limits::SUBMISSION).context("the data cannot be used")? {
            Value::Object(data) => Ok(data),
            other => bail!("the data must be a JSON object, not {}", other.kind()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_strings_unless_they_are_given_as_json() {
        for (text, name, json) in [
            ("a=b", "a", r#""b""#),
            ("a=", "a", r#""""#),
            ("a=b=c", "a", r#""b=c""#),
            ("a=:=1", "a", r#"":=1""#),
            ("a b=1", "a b", r#""1""#),
            ("a:=1", "a", "1"),
            ("a:=1.50", "a", "1.5"),
            ("a:=123456789012345678901234567890", "a", "123456789012345678901234567890"),
            (r#"a:={"x":[null,true]}"#, "a", r#"{"x":[null,true]}"#),
            ("a:b=c", "a:b", r#""c""#),
        ] {
            let member: Member = text.parse().unwrap();
            assert_eq!(
                (member.name.as_str(), member.value.to_canonical().as_str()),
                (name, json),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_member_is_refused() {
        for text in ["", "a", "=b", ":=1"] {
            assert_eq!(text.parse::<Member>(), Err(InvalidMember::Form), "{text}");
        }
        for text in ["a:=", "a:=b", "a:=1 2", "a:={\"x\":1,\"x\":2}", "a:=NaN"] {
            assert!(matches!(text.parse::<Member>(), Err(InvalidMember::Json(_))), "{text}");
        }
        let twice = ["a=1", "b=1", "a:=2"].map(|text| text.parse().unwrap());
        assert_eq!(collect(twice.into()).unwrap_err().to_string(), "\"a\" is given twice");
    }
}
