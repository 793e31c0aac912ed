//! What the SDK's errors mean for a message.

use std::time::Duration;

use matrix_sdk::{
    Error, HttpError,
    ruma::api::error::{ErrorKind, RetryAfter},
};
use tokio::time::timeout;

use crate::sink::SendError;

/// No work takes longer, of however many requests, whatever the homeserver says: to write to a
/// large encrypted room for the first time takes a minute or two.
pub(super) const LONGEST_WORK: Duration = Duration::from_mins(10);
/// How long to wait where the homeserver says that it is enough, and not for how long.
const UNTOLD: Duration = Duration::from_secs(5);

/// Waits for work, and not for ever: the SDK tries some requests again by itself, at such pauses
/// as the homeserver asks for.
pub(super) async fn in_time<T>(
    work: impl Future<Output = Result<T, SendError>>,
) -> Result<T, SendError> {
    timeout(LONGEST_WORK, work).await.unwrap_or_else(|_| {
        let seconds = LONGEST_WORK.as_secs();
        Err(SendError::Unavailable(anyhow::anyhow!("it took longer than {seconds} s")))
    })
}

/// Sorts an error by what can be done about it.
pub(super) fn classify(error: Error) -> SendError {
    let status = error.as_client_api_error().map(|error| error.status_code.as_u16());
    match (error.client_api_error_kind(), status) {
        (Some(ErrorKind::LimitExceeded(limit)), _) => {
            let pause = match limit.retry_after {
                Some(RetryAfter::Delay(delay)) => delay,
                _ => UNTOLD,
            };
            SendError::Limited(pause)
        }
        (
            Some(ErrorKind::UnknownToken(_) | ErrorKind::MissingToken | ErrorKind::UserDeactivated),
            _,
        ) => SendError::LoggedOut(error.into()),
        (
            Some(
                ErrorKind::TooLarge
                | ErrorKind::BadJson
                | ErrorKind::NotJson
                | ErrorKind::InvalidParam
                | ErrorKind::MissingParam,
            ),
            _,
        ) => SendError::Refused(error.into()),
        (Some(ErrorKind::Forbidden | ErrorKind::NotFound), _) => SendError::Closed(error.into()),
        _ if matches!(error, Error::WrongRoomState(_)) => SendError::Closed(error.into()),
        _ => SendError::Unavailable(error.into()),
    }
}

/// The same for an error of a request.
pub(super) fn classify_http(error: HttpError) -> SendError {
    classify(error.into())
}
