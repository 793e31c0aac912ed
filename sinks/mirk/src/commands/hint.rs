//! What to do about an error.

use laniakea_daemon::TrustError;
use laniakea_wire::subscription::SubscriptionError;
use mirk::{
    matrix::{ClientError, DeviceProblem, LoginError, SyncError},
    sink::{SendError, SinkError},
};

const NEW_DEVICE: &str =
    "`mirk login --new-device` makes a new device, which needs the recovery key";

/// What to do, where that is known.
pub(super) fn hint(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(|cause| {
        cause
            .downcast_ref()
            .and_then(device_hint)
            .or_else(|| cause.downcast_ref().and_then(login_hint))
            .or_else(|| cause.downcast_ref().and_then(journal_hint))
            .or_else(|| cause.downcast_ref().and_then(client_hint))
            .or_else(|| is_logged_out(cause).then(|| format!("{NEW_DEVICE}, or the password")))
            .or_else(|| {
                let is_empty = matches!(cause.downcast_ref(), Some(TrustError::Empty { .. }));
                is_empty.then(|| "put the public keys of sources and relays there".to_owned())
            })
    })
}

/// Whether a restart would only find the same.
pub(super) fn wants_somebody(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        is_logged_out(cause)
            || cause.downcast_ref::<DeviceProblem>().is_some_and(|problem| {
                !matches!(problem, DeviceProblem::Homeserver(_) | DeviceProblem::Store(_))
            })
            || matches!(cause.downcast_ref(), Some(SubscriptionError::OtherJournal { .. }))
    })
}

fn is_logged_out(cause: &(dyn std::error::Error + 'static)) -> bool {
    matches!(cause.downcast_ref(), Some(SinkError::LoggedOut(_)))
        || matches!(cause.downcast_ref(), Some(SyncError::LoggedOut(_)))
        || matches!(cause.downcast_ref(), Some(DeviceProblem::Homeserver(SendError::LoggedOut(_))))
}

fn device_hint(problem: &DeviceProblem) -> Option<String> {
    let hint = match problem {
        DeviceProblem::NoSession(_) => "`mirk login` logs in, once".to_owned(),
        DeviceProblem::Lost { .. } => {
            format!("others could not read or trust what it sends now: {NEW_DEVICE}")
        }
        DeviceProblem::Copied(_) | DeviceProblem::Stale(_) => {
            format!("two devices with the same keys send what others cannot read: {NEW_DEVICE}")
        }
        DeviceProblem::Unknown(_) => NEW_DEVICE.to_owned(),
        _ => return None,
    };
    Some(hint)
}

fn client_hint(error: &ClientError) -> Option<String> {
    match error {
        ClientError::NoKey(_) | ClientError::Build(_) | ClientError::Restore(_) => {
            Some(format!("if the key or the store is gone for good: {NEW_DEVICE}"))
        }
        _ => None,
    }
}

fn login_hint(error: &LoginError) -> Option<String> {
    let hint = match error {
        LoginError::LoggedIn(_) => "nothing to do; `mirk login --new-device` replaces the device",
        LoginError::PasswordNeeded => "log in with --password-file, or at a terminal",
        LoginError::RecoveryKeyNeeded => {
            "give --recovery-key-file with the key that the first login made; without it, reset the \
             account's encryption in another client"
        }
        LoginError::UsedDevice => "get a token of a new device, or log in with the password",
        LoginError::WrongUser { .. } => "correct matrix.user in the configuration",
        _ => return None,
    };
    Some(hint.to_owned())
}

fn journal_hint(error: &SubscriptionError) -> Option<String> {
    let SubscriptionError::OtherJournal { to, .. } = error else { return None };
    Some(format!(
        "the relay was rebuilt, or is another one. `mirk run --accept-journal {to}` reads it from \
         its beginning; events that rooms had already are passed over"
    ))
}
