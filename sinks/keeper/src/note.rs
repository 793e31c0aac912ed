//! Keeper's own events: what is told of a run, or of something that did not come.

use std::time::Duration;

use jiff::Timestamp;
use laniakea_catalog::Facet;
use laniakea_event::{Object, Value};
use serde::{Deserialize, Serialize};

use crate::{batch::KeptEvent, chain::Chain, herald::Announce, schedule::RunId};

/// So many values of a facet are told.
const MAX_VALUES: usize = 10;
/// A problem is told in so many characters.
const MAX_PROBLEM: usize = 1_000;

/// One thing to tell.
#[derive(Debug, Clone)]
pub struct Note {
    /// The rule.
    pub rule: String,
    /// The key; empty where the rule has none.
    pub key: String,
    /// What its events are about, and the rules that led to them.
    pub about: About,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum What {
    /// A run begins.
    Started {
        /// The run.
        run: RunId,
        /// How many events it has.
        events: u64,
        /// Which attempt it is.
        attempt: u32,
    },
    /// A run did what it should.
    Succeeded {
        /// The run.
        run: RunId,
        /// How many events it has.
        events: u64,
        /// How often it was tried.
        attempts: u32,
        /// How long the last attempt took.
        took: Duration,
    },
    /// A run failed for good, or nobody knows how it went.
    Failed {
        /// The run.
        run: RunId,
        /// How many events it has.
        events: u64,
        /// How often it was tried.
        attempts: u32,
        /// What was wrong.
        problem: String,
    },
    /// Something did not come in time.
    Absent {
        /// What.
        missing: String,
        /// Since when.
        since: Timestamp,
        /// How long.
        waited: Duration,
    },
}

/// What a run is about, in short.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct About {
    /// The rules that led to its events.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    chain: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    packages: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suites: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    repos: Vec<String>,
}

impl About {
    /// What these events are about.
    pub fn of(events: &[KeptEvent]) -> Self {
        let all = |facet| {
            let mut all: Vec<String> = Vec::new();
            for value in events.iter().flat_map(|event| event.facets().all(facet)) {
                if all.len() < MAX_VALUES && !all.contains(value) {
                    all.push(value.clone());
                }
            }
            all
        };
        Self {
            chain: Chain::of_all(events).links().to_vec(),
            packages: all(Facet::Package),
            suites: all(Facet::Suite),
            repos: all(Facet::Repo),
        }
    }

    /// The rules that led to its events.
    pub fn chain(&self) -> Chain {
        self.chain.iter().map(String::as_str).collect()
    }
}

impl Note {
    /// The id of its event.
    pub fn id(&self) -> &'static str {
        match self.what {
            What::Started { .. } => "_lk.keeper.run-started",
            What::Succeeded { .. } => "_lk.keeper.run-succeeded",
            What::Failed { .. } => "_lk.keeper.run-failed",
            What::Absent { .. } => "_lk.keeper.run-absent",
        }
    }

    /// Whether somebody who wants to be told so much is told of it.
    pub fn is_wanted(&self, announce: Announce) -> bool {
        match announce {
            Announce::All => true,
            Announce::Failures => {
                matches!(self.what, What::Failed { .. } | What::Absent { .. })
            }
            Announce::None => false,
        }
    }

    /// What its event says.
    pub fn data(&self, keeper: &str) -> Object {
        let mut data = Object::new();
        put(&mut data, "keeper", keeper);
        put(&mut data, "rule", self.rule.as_str());
        put(&mut data, "key", self.key.as_str());
        match &self.what {
            What::Started { run, events, attempt } => {
                put_run(&mut data, *run, *events);
                put(&mut data, "attempt", u64::from(*attempt));
            }
            What::Succeeded { run, events, attempts, took } => {
                put_run(&mut data, *run, *events);
                put(&mut data, "attempts", u64::from(*attempts));
                let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
                put(&mut data, "duration_ms", millis);
            }
            What::Failed { run, events, attempts, problem } => {
                put_run(&mut data, *run, *events);
                put(&mut data, "attempts", u64::from(*attempts));
                let problem: String = problem.chars().take(MAX_PROBLEM).collect();
                put(&mut data, "problem", problem);
            }
            What::Absent { missing, since, waited } => {
                put(&mut data, "missing", missing.as_str());
                // For people: nobody waits for microseconds.
                let since = Timestamp::from_second(since.as_second()).unwrap_or(*since);
                put(&mut data, "since", since.to_string());
                put(&mut data, "waited_s", waited.as_secs());
                return data;
            }
        }
        let About { packages, suites, repos, .. } = &self.about;
        for (name, values) in [("packages", packages), ("suites", suites), ("repos", repos)] {
            if !values.is_empty() {
                put(&mut data, name, values.clone());
            }
        }
        data
    }
}

fn put(data: &mut Object, name: &str, value: impl Into<Value>) {
    data.insert(name.to_owned(), value.into());
}

fn put_run(data: &mut Object, run: RunId, events: u64) {
    put(data, "run", run.to_string());
    put(data, "events", events);
}

#[cfg(test)]
mod tests {
    use laniakea_catalog::{Catalog, Severity};

    use super::*;

    fn note(what: What) -> Note {
        let about = About { packages: vec!["bash".to_owned()], ..About::default() };
        Note { rule: "publish".to_owned(), key: "master".to_owned(), about, what }
    }

    #[test]
    fn each_note_is_what_the_catalogue_says() {
        let (run, events, attempts) = (7, 2, 3);
        let problem = "exit status: 7".to_owned();
        for (what, severity, text) in [
            (
                What::Started { run, events, attempt: 1 },
                Severity::Info,
                "publish began for master, 2 events",
            ),
            (
                What::Succeeded { run, events: 1, attempts, took: Duration::from_millis(5) },
                Severity::Success,
                "publish is done for master, 1 event",
            ),
            (
                What::Failed { run, events, attempts, problem },
                Severity::Error,
                "publish failed for master after 3 attempts: exit status: 7",
            ),
            (
                What::Absent {
                    missing: "job-finished".to_owned(),
                    since: Timestamp::UNIX_EPOCH + Duration::from_millis(900),
                    waited: Duration::from_hours(12),
                },
                Severity::Warning,
                "publish: no job-finished for master since 1970-01-01T00:00:00Z",
            ),
        ] {
            let note = note(what);
            let data = Value::from(note.data("keeper-01"));
            let entry = Catalog::builtin().entry(note.id()).unwrap();
            for field in entry.fields() {
                assert!(
                    data.get(field.name()).is_some() || field.is_optional(),
                    "{} of {}",
                    field.name(),
                    note.id()
                );
            }
            let names = data.as_object().unwrap().keys();
            let unknown = names.filter(|name| entry.field(name).is_none());
            assert_eq!(unknown.collect::<Vec<_>>(), Vec::<&String>::new());
            let summary = Catalog::builtin().summary(note.id(), &data);
            assert_eq!(summary.severity, severity);
            assert!(summary.text.starts_with(text), "{}", summary.text);
            let stage = Catalog::builtin().lifecycle(note.id(), &data);
            assert_eq!(stage.is_some(), !matches!(note.what, What::Absent { .. }));
            let is_failure = severity >= Severity::Warning;
            assert_eq!(note.is_wanted(Announce::Failures), is_failure);
            assert!(note.is_wanted(Announce::All) && !note.is_wanted(Announce::None));
        }
    }
}
