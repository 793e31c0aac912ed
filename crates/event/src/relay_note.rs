//! What a relay writes into `unsigned`: where an event stands in its journal.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Object, Prefix, SignerId, Value};

/// A position in one journal: 1, 2, 3, … without holes; 0 stands before the first event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// Before the first event.
    pub const START: Self = Self(0);

    /// The position after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The `unsigned` member of a published event. Consumers use it to find gaps and believe
/// nothing else in it.
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

    /// Which event came before this one under `prefix`, if the note says.
    pub fn previous(&self, prefix: &Prefix) -> Option<Seq> {
        self.prev.get(prefix.as_str()).copied()
    }

    pub(crate) fn to_value(&self) -> Value {
        let prev: Object =
            self.prev.iter().map(|(prefix, seq)| (prefix.clone(), seq.0.into())).collect();
        let members = [
            ("journal", Value::from(self.journal.to_string())),
            ("prev", prev.into()),
            ("received", self.received.as_str().into()),
            ("relay", self.relay.as_str().into()),
            ("seq", self.seq.0.into()),
        ];
        Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }
}
