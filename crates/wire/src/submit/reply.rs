//! What the relay answers to a submission.

use laniakea_event::{Digest, Rejection, Seq};
use serde::{Deserialize, Serialize};

/// The reply to one submission, as it stands on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Reply {
    /// The event is on disk.
    Accepted {
        /// Always true.
        ok: True,
        /// The digest of the signed bytes.
        digest: String,
        /// Where the event stands in the journal.
        seq: Seq,
        /// The relay had the event before; `seq` is the first one's.
        duplicate: bool,
    },
    /// The event was not taken.
    Rejected {
        /// Always false.
        ok: bool,
        /// One of the rejections of `docs/protocol.md`.
        reason: String,
        /// One sentence for a person.
        detail: String,
    },
}

/// `true`, and nothing else: it tells the two replies apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "bool", into = "bool")]
pub struct True;

impl TryFrom<bool> for True {
    type Error = &'static str;

    fn try_from(truth: bool) -> Result<Self, Self::Error> {
        truth.then_some(Self).ok_or("not true")
    }
}

impl From<True> for bool {
    fn from(True: True) -> Self {
        true
    }
}

impl Reply {
    /// The event is on disk at `seq`.
    pub fn accepted(digest: &Digest, seq: Seq) -> Self {
        Self::Accepted { ok: True, digest: digest.to_string(), seq, duplicate: false }
    }

    /// The event has been on disk at `seq` since an earlier submission.
    pub fn duplicate(digest: &Digest, seq: Seq) -> Self {
        Self::Accepted { ok: True, digest: digest.to_string(), seq, duplicate: true }
    }

    /// The event was not taken.
    pub fn rejected(rejection: &Rejection) -> Self {
        let reason = rejection.reason().as_str().to_owned();
        Self::Rejected { ok: false, reason, detail: rejection.detail().to_owned() }
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        // Strings, numbers and booleans in a fixed shape: there is nothing that could fail.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use laniakea_event::Reason;

    use super::*;

    #[test]
    fn replies_are_written_as_the_protocol_says() {
        let digest = Digest::of(b"");
        let accepted = String::from_utf8(Reply::duplicate(&digest, Seq(17)).to_json()).unwrap();
        assert_eq!(
            accepted,
            format!("{{\"ok\":true,\"digest\":\"{digest}\",\"seq\":17,\"duplicate\":true}}")
        );
        let reply = Reply::rejected(&Rejection::new(Reason::NotSigned, "no \"signatures\""));
        assert_eq!(
            String::from_utf8(reply.to_json()).unwrap(),
            r#"{"ok":false,"reason":"not_signed","detail":"no \"signatures\""}"#
        );
        assert_eq!(serde_json::from_slice::<Reply>(&reply.to_json()).unwrap(), reply);
    }
}
