//! The file of an event that was set aside: the event, byte for byte, and what is said about it.

use laniakea_event::{Limits, Rejection, SubmittedEvent};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::Name;

/// An error is not longer than this, in characters.
const LONGEST: usize = 4_000;
/// What is said about an event is not longer, in bytes.
const AROUND: usize = 64 << 10;

/// The largest file that is read.
pub(crate) const LIMIT: usize = Limits::FROM_RELAY.max_bytes + AROUND;

/// Why the relay did not take an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// One of the rejections of `docs/protocol.md`.
    pub reason: String,
    /// One sentence for a person.
    pub detail: String,
}

impl Reason {
    /// What the relay said, bounded.
    pub(crate) fn new(reason: &str, detail: &str) -> Self {
        Self { reason: clean(reason), detail: clean(detail) }
    }
}

#[derive(Serialize)]
struct Record<'a, T> {
    #[serde(flatten)]
    about: &'a T,
    event: &'a RawValue,
}

/// Puts the two into one file.
///
/// # Errors
///
/// The event is no JSON.
pub(crate) fn write<T: Serialize>(about: &T, event: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    let mut text = serde_json::to_vec(&Record { about, event: serde_json::from_slice(event)? })?;
    text.push(b'\n');
    Ok(text)
}

/// Takes them apart. The text says what is wrong with the file.
pub(crate) fn read<T: DeserializeOwned>(
    bytes: &[u8],
    name: Name,
) -> Result<(T, Vec<u8>, SubmittedEvent), String> {
    // Two steps, since a borrowed value cannot be found behind a flattened one.
    #[derive(Deserialize)]
    struct Event<'a> {
        #[serde(borrow)]
        event: &'a RawValue,
    }
    let about = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let Event { event } = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let event = event.get().as_bytes();
    let parsed = check(event, &Limits::FROM_RELAY, name)?;
    Ok((about, event.to_vec(), parsed))
}

/// Whether these bytes are the event that the file's name says.
pub(crate) fn check(event: &[u8], limits: &Limits, name: Name) -> Result<SubmittedEvent, String> {
    let parsed = SubmittedEvent::parse(event, limits)
        .map_err(|error: Rejection| format!("it holds no event: {error}"))?;
    if parsed.digest() != name.digest {
        return Err("it holds another event than its name says".to_owned());
    }
    Ok(parsed)
}

/// The text of an error, bounded; control characters but line breaks are written out.
pub(crate) fn clean(text: &str) -> String {
    let mut clean = String::new();
    for character in text.trim().chars().take(LONGEST) {
        match character {
            '\n' => clean.push('\n'),
            '\t' => clean.push(' '),
            _ if character.is_control() => clean.extend(character.escape_unicode()),
            _ => clean.push(character),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_bounded_and_do_not_act_on_a_terminal() {
        assert_eq!(clean(" a\tb\r\n\u{1b}[2J\u{85}z "), "a b\\u{d}\n\\u{1b}[2J\\u{85}z");
        assert!(clean(&"\u{1b}".repeat(1 << 20)).len() < 10 * LONGEST);
        assert_eq!(clean(&"é".repeat(1 << 20)).chars().count(), LONGEST);
    }
}
