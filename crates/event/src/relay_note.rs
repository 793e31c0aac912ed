//! What a relay writes into `unsigned`: where an event stands in its journal.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Prefix, SignerId, Value,
    json::{write_key, write_string},
    keys::parse_moment,
};

/// A position in one journal: 1, 2, 3, … without holes; 0 stands before the first event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// Before the first event.
    pub const START: Self = Self(0);

    /// The position after this one. Behind the last there is none: somebody else's note or header
    /// may claim that one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The `unsigned` member of a published event. Consumers use it to find gaps, and `received` for
/// keys that are no longer valid; they believe nothing else in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayNote {
    /// Who wrote the note.
    pub relay: SignerId,
    /// The journal that took the event.
    pub journal: Uuid,
    /// Where the event stands in it.
    pub seq: Seq,
    /// When the relay took it, in RFC 3339.
    pub received: String,
    /// For the empty prefix, each dotted prefix of the id and the whole id: the event before
    /// this one that matched it.
    pub prev: BTreeMap<String, Seq>,
}

impl RelayNote {
    /// Reads a note; `None` where any part of it is missing or malformed.
    pub fn parse(unsigned: &Value) -> Option<Self> {
        let prev = unsigned.get("prev")?.as_object()?;
        let prev = prev
            .iter()
            .map(|(prefix, seq)| Some((prefix.clone(), Seq(seq.as_u64()?))))
            .collect::<Option<_>>()?;
        Some(Self {
            relay: SignerId::parse(unsigned.get("relay")?.as_str()?).ok()?,
            journal: Uuid::try_parse(unsigned.get("journal")?.as_str()?).ok()?,
            seq: Seq(unsigned.get("seq")?.as_u64()?),
            received: unsigned.get("received")?.as_str()?.to_owned(),
            prev,
        })
    }

    /// When the relay took the event, if that can be read.
    pub fn received_at(&self) -> Option<Timestamp> {
        parse_moment(&self.received)
    }

    /// Which event came before this one under `prefix`, if the note says.
    pub fn previous(&self, prefix: &Prefix) -> Option<Seq> {
        self.prev.get(prefix.as_str()).copied()
    }

    /// Appends the note in canonical form; every event pays for this once.
    pub(crate) fn write(&self, text: &mut String) {
        write_key_after(text, '{', "journal");
        write_string(text, self.journal.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
        write_key_after(text, ',', "prev");
        text.push('{');
        for (index, (prefix, seq)) in self.prev.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            write_key(text, prefix);
            text.push_str(&seq.to_string());
        }
        text.push('}');
        write_key_after(text, ',', "received");
        write_string(text, &self.received);
        write_key_after(text, ',', "relay");
        write_string(text, self.relay.as_str());
        write_key_after(text, ',', "seq");
        text.push_str(&self.seq.to_string());
        text.push('}');
    }
}

fn write_key_after(text: &mut String, before: char, name: &str) {
    text.push(before);
    write_key(text, name);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    #[test]
    fn nothing_comes_after_the_last_position() {
        assert_eq!(Seq(u64::MAX).next(), Seq(u64::MAX));
    }

    #[test]
    fn a_note_is_written_in_canonical_form_and_reads_back() {
        let note = RelayNote {
            relay: SignerId::parse("r\u{e9}lay\\").unwrap(),
            journal: Uuid::from_u128(7),
            seq: Seq(u64::MAX),
            received: "2026-11-23T16:00:00.123456Z".to_owned(),
            prev: BTreeMap::from([(String::new(), Seq(16)), ("_lk.".to_owned(), Seq(0))]),
        };
        let mut text = String::new();
        note.write(&mut text);
        let value = Value::parse(text.as_bytes(), &Limits::SUBMISSION).unwrap();
        assert_eq!(value.to_canonical(), text);
        assert_eq!(RelayNote::parse(&value), Some(note));
    }
}
