//! Why an event is refused: the sender's fault, typed and countable.

use std::fmt;

/// An event was refused. It never stops the program that refuses it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct Rejection {
    reason: Reason,
    detail: String,
}

impl Rejection {
    /// A rejection for `reason`, with one sentence for the person who reads the reply.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }

    /// The reason that replies and counters carry.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The same with more sentences behind the first.
    pub(crate) fn with_details(mut self, more: &[String]) -> Self {
        for more in more {
            self.detail.extend(["; ", more]);
        }
        self
    }

    /// What exactly was wrong.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

macro_rules! reasons {
    ($($variant:ident $name:literal $doc:literal,)+) => {
        /// The reasons of `docs/protocol.md`, section 2.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Reason {
            $(#[doc = $doc] $variant,)+
        }

        impl Reason {
            /// Every reason, in the order in which a relay checks.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The name on the wire, in logs and in counters.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

reasons! {
    BadUtf8 "bad_utf8" "Not UTF-8.",
    BadJson "bad_json" "Not JSON, or JSON that has no canonical form.",
    NotAnObject "not_an_object" "JSON, but no object.",
    DuplicateKey "duplicate_key" "A member name stands twice in one object.",
    TooDeep "too_deep" "Nested too deeply.",
    TooLarge "too_large" "Too many bytes, or too many members.",
    NumberOutOfRange "number_out_of_range" "A double that overflows, or too long an integer.",
    MissingField "missing_field" "A required member is absent.",
    BadField "bad_field" "A member has the wrong type or form.",
    UnsupportedFormat "unsupported_format" "Another version of the format.",
    NotSigned "not_signed" "No signature at all.",
    TooManySignatures "too_many_signatures" "More signatures than are looked at.",
    UnknownSigner "unknown_signer" "No signer is trusted here.",
    UnknownKeyId "unknown_key_id" "The signer is trusted, its key is not known.",
    BadBase64 "bad_base64" "A signature that is not base64.",
    BadSignature "bad_signature" "A signature that does not verify.",
    NotAuthorised "not_authorised" "No verified source may emit this id.",
    Stale "stale" "Too old.",
    FromTheFuture "from_the_future" "Dated later than the clock allows.",
    Conflict "conflict" "The same uuid from the same signer on other bytes.",
    RateLimited "rate_limited" "Too many in too short a time; send it again later.",
    Unavailable "unavailable" "The relay cannot take events at present; send it again later.",
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
