//! What a worker wants of a homeserver.

use std::time::Duration;

use jiff::Timestamp;

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
