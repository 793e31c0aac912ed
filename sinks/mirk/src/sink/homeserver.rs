//! What a worker wants of a homeserver.

use std::time::Duration;

use jiff::Timestamp;
use laniakea_daemon::growing_pause;

/// The homeserver, as the workers see it.
///
/// Calls for different rooms overlap, calls for one room do not.
pub trait Homeserver: Send + Sync + 'static {
    /// The device that messages come from. A transaction id that was used as another device does
    /// not keep a message from coming twice.
    fn device(&self) -> &str;

    /// The id of the room of this name, which the account is in when this returns.
    fn enter(&self, name: &str) -> impl Future<Output = Result<String, SendError>> + Send;

    /// Sends a message; returns what the homeserver calls it. The same transaction id from the same
    /// device within a day is the same message.
    fn send(
        &self,
        room_id: &str,
        txn: &str,
        content: &str,
    ) -> impl Future<Output = Result<String, SendError>> + Send;

    /// Looks in the room for a message of ours with this transaction id, back to `since`.
    fn find(
        &self,
        room_id: &str,
        txn: &str,
        since: Timestamp,
    ) -> impl Future<Output = Result<Option<String>, SendError>> + Send;
}

/// A message was not sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// Too many messages: not before this long.
    #[error("the homeserver takes no more messages for {} s", .0.as_secs_f32())]
    Limited(Duration),
    /// The network or the homeserver; it may work a little later.
    #[error("the homeserver could not be reached")]
    Unavailable(#[source] anyhow::Error),
    /// The account is not in the room, or may not write there; somebody has to mend that.
    #[error("the room is closed to us")]
    Closed(#[source] anyhow::Error),
    /// The homeserver will never take this message.
    #[error("the homeserver refuses the message")]
    Refused(#[source] anyhow::Error),
    /// The access token is worth nothing any more.
    #[error("the account is logged out")]
    LoggedOut(#[source] anyhow::Error),
}

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// Between two looks at a room that we may not write to.
const CLOSED_PAUSE: Duration = Duration::from_secs(30);
/// No homeserver is believed to want a longer one.
const LONGEST_LIMIT: Duration = Duration::from_mins(10);

impl SendError {
    /// How long to wait after this many failures in a row: a time that grows to 15 seconds, or
    /// longer where the homeserver says so.
    pub fn pause(&self, failures: u32) -> Duration {
        let growing = growing_pause(FIRST_PAUSE, failures, LONGEST_PAUSE);
        match self {
            Self::Limited(pause) => (*pause).clamp(growing, LONGEST_LIMIT),
            Self::Closed(_) => CLOSED_PAUSE,
            _ => growing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_are_bounded() {
        let away = SendError::Unavailable(anyhow::anyhow!("away"));
        let pauses: Vec<u64> = (0..=7).map(|failures| away.pause(failures).as_secs()).collect();
        assert_eq!(pauses, [1, 1, 2, 4, 8, 15, 15, 15]);
        assert_eq!(away.pause(u32::MAX), LONGEST_PAUSE);
        let limited = |seconds| SendError::Limited(Duration::from_secs(seconds)).pause(1).as_secs();
        assert_eq!((limited(7), limited(1 << 40)), (7, 600));
        // Who says "at once" every time is not asked at once every time.
        let at_once = SendError::Limited(Duration::ZERO);
        let pauses: Vec<u64> = (0..=7).map(|failures| at_once.pause(failures).as_secs()).collect();
        assert_eq!(pauses, [1, 1, 2, 4, 8, 15, 15, 15]);
    }
}
