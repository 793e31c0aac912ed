//! The three requests, on both sides of the wire.

use laniakea_event::{Digest, Prefix, Seq};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Failure, FailureReason};

/// The longest request, in bytes.
pub(super) const MAX_REQUEST_BYTES: usize = 64 << 10;
/// The most events of one page.
pub(super) const MAX_LIMIT: usize = 1_000;

const DEFAULT_LIMIT: usize = 500;

/// What a consumer asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Which relay and journal this is, and how far the journal goes.
    Status(Option<SinkReport>),
    /// A page of events.
    Read(Read),
    /// The one event of that digest.
    Get(Digest),
}

/// A page of events: from where, which, how many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// Where the page begins.
    pub from: From,
    /// Which events; empty: all.
    pub prefixes: Vec<Prefix>,
    /// How many at most, 1,000 or fewer.
    pub limit: usize,
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// After this position.
    After(Seq),
    /// With the first event that the relay took at or after this time (RFC 3339).
    Since(String),
}

/// A consumer that names itself tells how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkReport {
    /// Its name, such as `mirk`.
    pub name: String,
    /// The journal that it reads.
    pub journal: Uuid,
    /// What it has handled.
    pub seq: Seq,
}

/// The JSON of a request.
#[derive(Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
enum Json {
    Status {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sink: Option<SinkReport>,
    },
    Read {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<Seq>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        prefixes: Vec<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<usize>,
    },
    Get {
        digest: String,
    },
}

impl Request {
    /// Reads a request; a malformed one is answered with the failure.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Failure> {
        const MAX_PREFIXES: usize = 1_000;
        let bad = |detail: String| Failure::new(FailureReason::BadRequest, detail);
        if bytes.len() > MAX_REQUEST_BYTES {
            return Err(bad(format!("a request is at most {MAX_REQUEST_BYTES} bytes")));
        }
        let json: Json = serde_json::from_slice(bytes).map_err(|error| bad(error.to_string()))?;
        match json {
            Json::Status { sink } => Ok(Self::Status(sink)),
            Json::Get { digest } => {
                digest.parse().map(Self::Get).map_err(|error| bad(format!("digest: {error}")))
            }
            Json::Read { after, since, prefixes, limit } => {
                let from = match (after, since) {
                    (Some(_), Some(_)) => {
                        return Err(bad("a page begins `after` or `since`, not both".to_owned()));
                    }
                    (after, None) => From::After(after.unwrap_or(Seq::START)),
                    (None, Some(since)) => From::Since(since),
                };
                let limit = limit.unwrap_or(DEFAULT_LIMIT);
                if !(1..=MAX_LIMIT).contains(&limit) || prefixes.len() > MAX_PREFIXES {
                    return Err(bad(format!(
                        "limit is 1 to {MAX_LIMIT}, prefixes at most {MAX_PREFIXES}"
                    )));
                }
                let prefixes = prefixes.iter().map(|prefix| Prefix::parse(prefix));
                let prefixes =
                    prefixes.collect::<Result<_, _>>().map_err(|error| bad(error.to_string()))?;
                Ok(Self::Read(Read { from, prefixes, limit }))
            }
        }
    }

    pub(crate) fn to_json(&self) -> Vec<u8> {
        let json = match self.clone() {
            Self::Status(sink) => Json::Status { sink },
            Self::Get(digest) => Json::Get { digest: digest.to_string() },
            Self::Read(Read { from, prefixes, limit }) => {
                let (after, since) = match from {
                    From::After(seq) => (Some(seq), None),
                    From::Since(time) => (None, Some(time)),
                };
                let prefixes = prefixes.iter().map(ToString::to_string).collect();
                Json::Read { after, since, prefixes, limit: Some(limit) }
            }
        };
        // Strings and numbers in a fixed shape: there is nothing that could fail.
        serde_json::to_vec(&json).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_requests_of_the_protocol_are_read() {
        let read = |after, prefixes: &[&str], limit| {
            let prefixes = prefixes.iter().map(|prefix| Prefix::parse(prefix).unwrap()).collect();
            Ok(Request::Read(Read { from: after, prefixes, limit }))
        };
        assert_eq!(Request::parse(br#"{"op":"status"}"#), Ok(Request::Status(None)));
        assert_eq!(
            Request::parse(br#"{"op":"read","after":41,"prefixes":["_lk.archive."],"limit":5}"#),
            read(From::After(Seq(41)), &["_lk.archive."], 5)
        );
        assert_eq!(Request::parse(br#"{"op":"read"}"#), read(From::After(Seq(0)), &[], 500));
        assert_eq!(
            Request::parse(br#"{"op":"read","since":"2026-11-01T00:00:00Z"}"#),
            read(From::Since("2026-11-01T00:00:00Z".to_owned()), &[], 500)
        );
    }

    #[test]
    fn requests_survive_their_own_wire_form() {
        for text in [
            r#"{"op":"status","sink":{"name":"mirk","journal":"0b7e4f0e-2f3b-4b62-9a53-1b1a3f7d9c55","seq":41}}"#,
            r#"{"op":"read","after":3,"prefixes":["","a.b."],"limit":1000}"#,
            &format!(r#"{{"op":"get","digest":"{}"}}"#, Digest::of(b"x")),
        ] {
            let request = Request::parse(text.as_bytes()).unwrap();
            assert_eq!(Request::parse(&request.to_json()), Ok(request));
        }
    }

    #[test]
    fn malformed_requests_are_bad_requests() {
        for text in [
            "",
            "5",
            "[]",
            "{}",
            r#"{"op":"drop"}"#,
            r#"{"op":"read","limit":0}"#,
            r#"{"op":"read","limit":1001}"#,
            r#"{"op":"read","limit":-1}"#,
            r#"{"op":"read","after":-1}"#,
            r#"{"op":"read","after":1,"since":"2026-11-01T00:00:00Z"}"#,
            r#"{"op":"read","prefixes":["a"]}"#,
            r#"{"op":"read","after":18446744073709551616}"#,
            r#"{"op":"get","digest":"xyz"}"#,
            r#"{"op":"get"}"#,
            r#"{"op":"status","sink":{"name":"x","journal":"no","seq":1}}"#,
            &format!(r#"{{"op":"status","x":"{}"}}"#, "x".repeat(70_000)),
        ] {
            let failure = Request::parse(text.as_bytes()).unwrap_err();
            assert_eq!(failure.reason, FailureReason::BadRequest, "{text:.60}");
        }
    }
}
