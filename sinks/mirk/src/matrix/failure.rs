//! What the SDK's errors mean for a message.

use std::time::Duration;

use matrix_sdk::{
    Error, HttpError,
    ruma::api::error::{ErrorKind, RetryAfter},
};

use crate::sink::SendError;

/// How long to wait where the homeserver says that it is enough, and not for how long.
const UNTOLD: Duration = Duration::from_secs(5);

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
