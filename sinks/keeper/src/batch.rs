//! Events that are handled together, as templates and programs see them.

use std::collections::HashSet;

use laniakea_catalog::{Catalog, Facets, Summary};
use laniakea_event::{Digest, Limits, Object, Rejection, RelayNote, Seq, SubmittedEvent, Value};
use laniakea_filter::Subject;
use serde_json::{Map, Value as Json, json};

use crate::chain::Chain;

/// An event that keeper has taken, or is asked about.
#[derive(Debug, Clone)]
pub struct KeptEvent {
    event: SubmittedEvent,
    /// As the relay published it.
    pub frame: Vec<u8>,
    /// The digest of the signed bytes.
    pub digest: Digest,
    /// Its place in the relay's journal.
    pub seq: Option<Seq>,
    /// When the relay took it.
    pub received: Option<jiff::Timestamp>,
    /// What filters look at of its summary; nobody reads it, so it has no words.
    summary: Summary,
}

impl KeptEvent {
    /// Parses a frame; nothing is verified.
    ///
    /// # Errors
    ///
    /// It is no event.
    pub fn parse(frame: Vec<u8>) -> Result<Self, Rejection> {
        let event = SubmittedEvent::parse(&frame, &Limits::FROM_RELAY)?;
        let note = event.unsigned().and_then(RelayNote::parse);
        let data = event.covered().get("data").unwrap_or(&Value::Null);
        let (severity, facets) = Catalog::builtin().classify(event.id().as_str(), data);
        Ok(Self {
            digest: event.digest(),
            seq: note.as_ref().map(|note| note.seq),
            received: note.and_then(|note| note.received_at()),
            summary: Summary { text: String::new(), html: String::new(), severity, facets },
            event,
            frame,
        })
    }

    /// The event itself, with nothing verified.
    pub fn event(&self) -> &SubmittedEvent {
        &self.event
    }

    /// Its type.
    pub fn id(&self) -> &str {
        self.event.id().as_str()
    }

    /// What it is about.
    pub fn facets(&self) -> &Facets {
        &self.summary.facets
    }

    /// What filters look at beside the event itself. It has no words.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// The members that signatures cover.
    pub fn covered(&self) -> &Object {
        self.event.covered()
    }

    /// What filters look at.
    pub fn subject<'e>(&'e self, signers: Vec<&'e str>) -> Subject<'e> {
        Subject::new(self.id(), self.covered(), &self.frame, signers)
    }

    /// What an action sees of it: the catalogue's sentence too, which keys have no use for.
    fn to_told_json(&self) -> Json {
        let data = self.covered().get("data").unwrap_or(&Value::Null);
        let summary = Catalog::builtin().summary(self.id(), data).text;
        let mut told = self.to_json();
        if let Some(members) = told.as_object_mut() {
            members.insert("summary".to_owned(), summary.into());
        }
        told
    }

    /// What a template sees of it.
    fn to_json(&self) -> Json {
        let whole: Json = serde_json::from_slice(&self.frame).unwrap_or_default();
        let member = |name: &str| whole.get(name).cloned().unwrap_or_default();
        let facets = self
            .facets()
            .iter()
            .map(|(facet, values)| (facet.as_str().to_owned(), values.first().cloned().into()));
        json!({
            "id": self.id(),
            "time": member("time"),
            "data": member("data"),
            "origin": member("origin"),
            "author": member("author"),
            "digest": self.digest.to_string(),
            "seq": self.seq,
            "facets": facets.collect::<Map<String, Json>>(),
        })
    }
}

/// What a key is made of: one event.
pub fn of_event(event: &KeptEvent) -> Json {
    event.to_json()
}

/// What an action is made of: a run and all its events, oldest first. The members of the newest
/// stand beside them, for batches that are all about the same.
pub fn of_run(rule: &str, run: i64, key: &str, attempt: u32, events: &[KeptEvent]) -> Json {
    let mut facets: Map<String, Json> = Map::new();
    let mut known = HashSet::new();
    for event in events {
        for (facet, values) in event.facets().iter() {
            let all = facets.entry(facet.as_str()).or_insert_with(|| Json::Array(Vec::new()));
            let Some(all) = all.as_array_mut() else { continue };
            let new = values.iter().filter(|value| known.insert((facet.as_str(), value.as_str())));
            all.extend(new.map(|value| Json::from(value.as_str())));
        }
    }
    let list: Vec<Json> = events.iter().map(KeptEvent::to_told_json).collect();
    let mut whole = match list.last() {
        Some(Json::Object(newest)) => newest.clone(),
        _ => Map::new(),
    };
    let run = json!({
        "rule": rule, "run": run, "key": key, "attempt": attempt, "count": list.len(),
        "facets": facets, "events": list, "chain": Chain::of_all(events).links(),
    });
    if let Json::Object(run) = run {
        whole.extend(run);
    }
    whole.into()
}
