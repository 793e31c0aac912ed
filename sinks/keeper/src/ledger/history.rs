//! What there was, for people who ask.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row, params};
use serde::Serialize;

use super::{Ledger, LedgerError, start::events_of, time};
use crate::{batch::KeptEvent, schedule::RunId};

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is at work, or was when keeper ended.
    Started,
    /// It failed and will be tried again.
    Waiting,
    /// It is done.
    Succeeded,
    /// It failed for good and is set aside.
    Failed,
    /// Nobody knows how it went.
    Unknown,
}

impl State {
    /// Its name, as in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Waiting => "waiting",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }

    fn parse(text: &str) -> Self {
        let all = [Self::Started, Self::Waiting, Self::Succeeded, Self::Failed];
        all.into_iter().find(|state| state.as_str() == text).unwrap_or(Self::Unknown)
    }
}

/// A run, in short.
#[derive(Debug, Clone, Serialize)]
pub struct RunFacts {
    /// Its number.
    pub run: RunId,
    /// Its rule.
    pub rule: String,
    /// Its key.
    pub key: String,
    /// How it stands.
    pub state: State,
    /// How often it was tried.
    pub attempts: u32,
    /// How many events it has.
    pub events: u64,
    /// When it began.
    pub began: Timestamp,
    /// When its last attempt ended.
    pub ended: Option<Timestamp>,
    /// What is wrong with it.
    pub problem: Option<String>,
}

/// One time that a run was tried.
#[derive(Debug, Clone, Serialize)]
pub struct Attempt {
    /// Which, from 1.
    pub number: u32,
    /// When it began.
    pub began: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// What was wrong.
    pub problem: Option<String>,
    /// What it said.
    pub output: String,
}

/// A run with all that belongs to it.
#[derive(Debug)]
pub struct RunTrail {
    /// The run.
    pub facts: RunFacts,
    /// Each time that it was tried.
    pub attempts: Vec<Attempt>,
    /// Its events, oldest first.
    pub events: Vec<KeptEvent>,
}

const FACTS: &str = "SELECT id, rule, key, state, attempts, began, ended, problem,
    (SELECT count(*) FROM run_event WHERE run = run.id) FROM run";

impl Ledger {
    /// The latest runs, newest first, of one rule or all.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn runs(&self, rule: Option<&str>, limit: u32) -> Result<Vec<RunFacts>, LedgerError> {
        let sql = format!("{FACTS} WHERE ?1 IS NULL OR rule = ?1 ORDER BY id DESC LIMIT ?2");
        let mut select = self.connection.prepare(&sql)?;
        let runs = select.query_map(params![rule, limit], facts)?;
        Ok(runs.collect::<Result<_, _>>()?)
    }

    /// One run with its attempts and events.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn run(&self, run: RunId) -> Result<Option<RunTrail>, LedgerError> {
        let sql = format!("{FACTS} WHERE id = ?1");
        let found = self.connection.query_row(&sql, [run], facts).optional()?;
        let Some(found) = found else { return Ok(None) };
        let mut select = self.connection.prepare(
            "SELECT number, began, ended, problem, output FROM attempt WHERE run = ? ORDER BY number",
        )?;
        let attempts = select.query_map([run], |row| {
            let output: Option<Vec<u8>> = row.get(4)?;
            Ok(Attempt {
                number: row.get(0)?,
                began: time(row.get(1)?),
                ended: row.get::<_, Option<i64>>(2)?.map(time),
                problem: row.get(3)?,
                output: String::from_utf8_lossy(&output.unwrap_or_default()).into_owned(),
            })
        })?;
        let attempts = attempts.collect::<Result<_, _>>()?;
        let events = events_of(&self.connection, run)?;
        Ok(Some(RunTrail { facts: found, attempts, events }))
    }
}

fn facts(row: &Row<'_>) -> rusqlite::Result<RunFacts> {
    let (state, events): (String, i64) = (row.get(3)?, row.get(8)?);
    Ok(RunFacts {
        run: row.get(0)?,
        rule: row.get(1)?,
        key: row.get(2)?,
        state: State::parse(&state),
        attempts: row.get(4)?,
        began: time(row.get(5)?),
        ended: row.get::<_, Option<i64>>(6)?.map(time),
        problem: row.get(7)?,
        events: events.unsigned_abs(),
    })
}
