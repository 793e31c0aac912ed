//! From what went wrong to an exit code and a hint.
//!
//! Commands return plain errors. Those of the libraries are recognised here; what only the
//! command knows it says with [`Explain`].

use std::{fmt, io, process::ExitCode};

use laniakea_daemon::{
    ConfigError, EXIT_FAILED, EXIT_REJECTED, EXIT_UNREACHABLE, EXIT_USAGE, TrustError,
    is_broken_pipe,
};
use laniakea_event::keys::KeyFileError;
use laniakea_spool::SpoolError;
use laniakea_wire::{
    HandshakeFailure, WireError,
    curve::SecurityError,
    replay::ReplayError,
    submit::SubmitError,
    subscription::{CursorError, SubscriptionError},
};

use crate::output::say;

/// An error about which a command knows more than its type says.
#[derive(Debug)]
struct Explained {
    error: anyhow::Error,
    code: Option<u8>,
    hint: Option<String>,
}

/// Says what an error means for the person at the terminal.
pub(crate) trait Explain<T> {
    /// The error is in what was typed, or in a file that was named.
    fn or_usage(self) -> anyhow::Result<T>;

    /// There is something that the person can do.
    fn or_hint(self, hint: impl Into<String>) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> Explain<T> for Result<T, E> {
    fn or_usage(self) -> anyhow::Result<T> {
        self.map_err(|error| usage(error.into()))
    }

    fn or_hint(self, hint: impl Into<String>) -> anyhow::Result<T> {
        self.map_err(|error| hinted(error, hint))
    }
}

/// An error in what was typed, or in a file that was named.
pub(crate) fn usage(error: impl Into<anyhow::Error>) -> anyhow::Error {
    let mut explained = explained(error.into());
    explained.code = Some(EXIT_USAGE);
    explained.into()
}

/// An error about which the person at the terminal can do something.
pub(crate) fn hinted(error: impl Into<anyhow::Error>, hint: impl Into<String>) -> anyhow::Error {
    let mut explained = explained(error.into());
    explained.hint = Some(hint.into());
    explained.into()
}

/// The relay does not answer.
#[derive(Debug, thiserror::Error)]
#[error("no answer from {endpoint}{}", .handshake.map_or_else(String::new, |why| format!(": {why}")))]
pub(crate) struct Unreachable {
    pub(crate) endpoint: String,
    /// Why there is no connection, if that is known.
    pub(crate) handshake: Option<HandshakeFailure>,
}

fn explained(error: anyhow::Error) -> Explained {
    error.downcast::<Explained>().unwrap_or_else(|error| Explained {
        error,
        code: None,
        hint: None,
    })
}

impl fmt::Display for Explained {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(formatter)
    }
}

impl std::error::Error for Explained {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

/// Prints `error: what happened: why` and perhaps a hint, and says how to exit.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    if is_broken_pipe(error) {
        // Whoever read the output has seen enough.
        return ExitCode::SUCCESS;
    }
    let Judgement { code, hint } = judge(error);
    say(ERROR, "error:", &format!("{error:#}"));
    if let Some(hint) = hint {
        say(HINT, "hint:", &hint);
    }
    ExitCode::from(code)
}

const ERROR: anstyle::Style = anstyle::AnsiColor::Red.on_default().bold();
const HINT: anstyle::Style = anstyle::AnsiColor::Cyan.on_default().bold();

struct Judgement {
    code: u8,
    hint: Option<String>,
}

fn judge(error: &anyhow::Error) -> Judgement {
    let explained = error.downcast_ref::<Explained>();
    let error = explained.map_or(error, |explained| &explained.error);
    let (code, hint) = error.chain().find_map(judge_cause).unwrap_or((EXIT_FAILED, None));
    Judgement {
        code: explained.and_then(|explained| explained.code).unwrap_or(code),
        hint: explained
            .and_then(|explained| explained.hint.clone())
            .or_else(|| hint.map(str::to_owned)),
    }
}

type Verdict = (u8, Option<&'static str>);

fn judge_cause(cause: &(dyn std::error::Error + 'static)) -> Option<Verdict> {
    if let Some(error) = cause.downcast_ref() {
        return Some(judge_submit(error));
    }
    if let Some(error) = cause.downcast_ref() {
        return Some(judge_replay(error));
    }
    if let Some(error) = cause.downcast_ref() {
        return Some(judge_subscription(error));
    }
    if let Some(WireError::Connect { .. }) = cause.downcast_ref() {
        return Some((EXIT_USAGE, Some(ENDPOINT_HINT)));
    }
    if let Some(SpoolError::Io { source, .. }) = cause.downcast_ref() {
        return Some((code_for_spool(source), None));
    }
    if let Some(Unreachable { handshake, .. }) = cause.downcast_ref() {
        return Some(unreachable(*handshake));
    }
    if let Some(error) = cause.downcast_ref() {
        return Some((EXIT_USAGE, hint_for_security(error)));
    }
    if let Some(error) = cause.downcast_ref() {
        return Some((EXIT_USAGE, hint_for_key(error)));
    }
    (cause.is::<TrustError>() || cause.is::<ConfigError>()).then_some((EXIT_USAGE, None))
}

const ENDPOINT_HINT: &str =
    "an endpoint looks like tcp://127.0.0.1:5571 or ipc:///run/lighthouse/submit";
const UNREACHABLE_HINT: &str = "is the relay running, and is this its endpoint?";
const LYING_HINT: &str =
    "the relay is broken, or somebody is between: what it sent of that answer was not used";
const NOT_A_RELAY_HINT: &str = "a relay submits on port 5571, publishes on 5572 and replays on 5573, unless configured otherwise";

fn unreachable(handshake: Option<HandshakeFailure>) -> Verdict {
    let hint = match handshake {
        None => UNREACHABLE_HINT,
        Some(HandshakeFailure::KeyRefused) => {
            "the relay must trust the key: `lk key trust FILE --id ID` on its machine"
        }
        Some(HandshakeFailure::NotUnderstood) => {
            "an endpoint of curve_endpoints needs --server-key with the relay's public key file, \
             and one of endpoints goes without"
        }
    };
    (EXIT_UNREACHABLE, Some(hint))
}

/// A directory that was named and cannot be used is a mistake; a full disk is none.
fn code_for_spool(source: &io::Error) -> u8 {
    let mistakes = [
        io::ErrorKind::PermissionDenied,
        io::ErrorKind::ReadOnlyFilesystem,
        io::ErrorKind::NotADirectory,
    ];
    if mistakes.contains(&source.kind()) { EXIT_USAGE } else { EXIT_FAILED }
}

fn hint_for_security(error: &SecurityError) -> Option<&'static str> {
    match error {
        SecurityError::KeyFile(error) => hint_for_key(error),
        SecurityError::NoCurveKeys { half: "secret", .. } => {
            Some("give the secret half, ID.key_secret, of a key made without --sign-only")
        }
        _ => None,
    }
}

fn judge_submit(error: &SubmitError) -> Verdict {
    match error {
        SubmitError::Rejected { reason, .. } => (EXIT_REJECTED, hint_for(reason)),
        SubmitError::Unreachable { handshake, .. } => unreachable(*handshake),
        SubmitError::NotARelay { .. } => (EXIT_UNREACHABLE, Some(NOT_A_RELAY_HINT)),
        _ => (EXIT_FAILED, None),
    }
}

/// What a person can do about a rejection.
pub(crate) fn hint_for(reason: &str) -> Option<&'static str> {
    match reason {
        "unknown_signer" | "unknown_key_id" => {
            Some("the relay must trust the key: `lk key trust FILE --id ID` on its machine")
        }
        "not_authorised" => {
            Some("what a signer may emit stands in [trust.emit] of the relay's configuration")
        }
        "stale" | "from_the_future" => Some("compare this machine's clock with the relay's"),
        "rate_limited" | "unavailable" => Some("send it again later"),
        _ => None,
    }
}

fn hint_for_key(error: &KeyFileError) -> Option<&'static str> {
    match error {
        KeyFileError::NoSigningKey { .. } => Some("give the secret half, ID.key_secret"),
        KeyFileError::Exposed { .. } => {
            Some("if that is the public half, give the secret one, ID.key_secret")
        }
        _ => None,
    }
}

fn judge_replay(error: &ReplayError) -> Verdict {
    match error {
        ReplayError::Failed(_) => (EXIT_REJECTED, None),
        ReplayError::Unreachable { handshake, .. } => unreachable(*handshake),
        ReplayError::NotARelay { .. } => (EXIT_UNREACHABLE, Some(NOT_A_RELAY_HINT)),
        ReplayError::Contradiction { .. } => (EXIT_FAILED, Some(LYING_HINT)),
        ReplayError::Wire(WireError::Connect { .. }) => (EXIT_USAGE, Some(ENDPOINT_HINT)),
        _ => (EXIT_FAILED, None),
    }
}

fn judge_subscription(error: &SubscriptionError) -> Verdict {
    match error {
        SubscriptionError::Replay(_) => (EXIT_REJECTED, None),
        SubscriptionError::NotARelay { .. } => (EXIT_UNREACHABLE, Some(NOT_A_RELAY_HINT)),
        SubscriptionError::Wire(WireError::Connect { .. }) => (EXIT_USAGE, Some(ENDPOINT_HINT)),
        SubscriptionError::Cursor(CursorError::Read { .. } | CursorError::Damaged { .. }) => {
            (EXIT_USAGE, None)
        }
        _ => (EXIT_FAILED, None),
    }
}

#[cfg(test)]
mod tests {
    use anyhow::{Context as _, anyhow};

    use super::*;

    fn rejected(reason: &str) -> anyhow::Error {
        SubmitError::Rejected { reason: reason.to_owned(), detail: "no".to_owned() }.into()
    }

    #[test]
    fn errors_of_the_libraries_have_their_exit_codes() {
        let unreachable = || SubmitError::NotARelay { endpoint: "tcp://x:1".to_owned() };
        for (error, code) in [
            (anyhow!("anything"), EXIT_FAILED),
            (rejected("stale"), EXIT_REJECTED),
            (unreachable().into(), EXIT_UNREACHABLE),
            (anyhow::Error::new(unreachable()).context("while working"), EXIT_UNREACHABLE),
            (
                Unreachable { endpoint: "tcp://x:1".to_owned(), handshake: None }.into(),
                EXIT_UNREACHABLE,
            ),
            (usage(anyhow!("typed")), EXIT_USAGE),
            (usage(rejected("stale")), EXIT_USAGE),
        ] {
            assert_eq!(judge(&error).code, code, "{error:#}");
        }
    }

    #[test]
    fn explanations_add_up_and_causes_are_told_once() {
        let result: Result<(), _> = Err(anyhow!("cause"));
        let error = result.context("what happened").or_hint("do this").or_usage().unwrap_err();
        assert_eq!(format!("{error:#}"), "what happened: cause");
        let judgement = judge(&error);
        assert_eq!((judgement.code, judgement.hint.as_deref()), (EXIT_USAGE, Some("do this")));
    }
}
