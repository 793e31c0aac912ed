//! The first frame of an answer.

use std::{collections::BTreeMap, fmt};

use laniakea_event::Seq;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The header of a good answer. Which members it has depends on the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Always true.
    pub ok: bool,
    /// The journal that was read.
    pub journal: Uuid,
    /// The oldest event that the journal still has.
    pub first: Seq,
    /// The newest event.
    pub last: Seq,
    /// How many event frames follow (read, get).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
    /// The `after` of the next page (read).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Seq>,
    /// Events that this page passed over, since what the journal holds of them is damaged (read).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub damaged: Vec<Seq>,
    /// The relay's name as a signer (status).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay: Option<String>,
    /// The relay's clock (status).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// What the relay counts (status).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counters: Option<BTreeMap<String, u64>>,
    /// Consumers that named themselves (status).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sinks: Option<Vec<SinkState>>,
}

impl Header {
    /// The members that every answer has.
    pub fn new(journal: Uuid, first: Seq, last: Seq) -> Self {
        Self {
            ok: true,
            journal,
            first,
            last,
            count: None,
            next: None,
            damaged: Vec::new(),
            relay: None,
            time: None,
            counters: None,
            sinks: None,
        }
    }
}

/// A consumer that named itself, as the relay last heard of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkState {
    /// Its name.
    pub name: String,
    /// The journal that it reads.
    pub journal: Uuid,
    /// What it has handled.
    pub seq: Seq,
    /// When it last reported, in RFC 3339.
    pub seen: String,
    /// How it gets on, where the relay says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<SinkStanding>,
    /// For how many seconds it has not got on, or has said nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle: Option<u64>,
}

/// How a consumer gets on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SinkStanding {
    /// It reports, and is up to date or handles events.
    Following,
    /// It reports, and has handled nothing for two minutes although there is something to handle.
    Stalled,
    /// It has not reported for two minutes.
    Silent,
}

impl fmt::Display for SinkStanding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Following => "following",
            Self::Stalled => "stalled",
            Self::Silent => "silent",
        })
    }
}

/// A request was not served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}: {detail}", reason.as_str())]
pub struct Failure {
    /// Always false.
    pub ok: bool,
    /// Why.
    pub reason: FailureReason,
    /// One sentence for a person.
    pub detail: String,
}

/// Why a request was not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureReason {
    /// The request is malformed.
    BadRequest,
    /// There is no such event.
    NotFound,
    /// Another request of this peer is being served, or too many of others.
    Busy,
    /// The journal cannot be read at present.
    Unavailable,
}

impl FailureReason {
    /// The reason on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::NotFound => "not_found",
            Self::Busy => "busy",
            Self::Unavailable => "unavailable",
        }
    }
}

impl Failure {
    /// A failure for this reason.
    pub fn new(reason: FailureReason, detail: impl Into<String>) -> Self {
        Self { ok: false, reason, detail: detail.into() }
    }
}
