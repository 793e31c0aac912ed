//! The client that misses nothing: it subscribes, catches up from the journal, follows the live
//! stream and fills every gap that `prev` shows (`docs/protocol.md`, section 4).

mod cursor;
mod delivery;
mod follower;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod handled;
mod log;
mod merged;
mod thread;

use std::{
    fmt,
    sync::Arc,
    task::{self, Poll},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use laniakea_event::{Keyring, Prefix, Rejection, Seq, SignerId, Trust, VerifiedEvent};
use tokio::sync::mpsc;
use uuid::Uuid;

pub use cursor::{CursorError, CursorFile, CursorStore, InvalidPosition, Position};
pub use delivery::Delivery;
use handled::Handled;
pub use merged::{Merged, MergedSubscription};

use crate::{
    HandshakeFailure, WireError,
    curve::Security,
    replay::{Contradiction, Failure},
    wake::Waker,
};

/// A relay's events, with room for what it adds to them.
const MAX_FRAME_BYTES: usize = 4 << 20;

/// What to follow, from where, and whom to believe.
pub struct SubscriptionConfig {
    /// The relay's publish endpoint.
    pub publish: String,
    /// The relay's replay endpoint. Without it gaps cannot be filled: each is reported.
    pub replay: Option<String>,
    /// How to connect to both.
    pub security: Security,
    /// Which events; empty: all.
    pub prefixes: Vec<Prefix>,
    /// Where to begin.
    pub start: Start,
    /// Whose signatures are believed.
    pub believe: Believe,
    /// Tells the time by which keys are valid.
    pub clock: fn() -> Timestamp,
    /// What to do when the relay has another journal.
    pub other_journal: OtherJournal,
    /// The name under which the relay lists this consumer.
    pub name: Option<String>,
    /// Where the position is kept, if anywhere.
    pub cursor: Option<Box<dyn CursorStore>>,
    /// How often to ask whether something was missed.
    pub status_interval: Duration,
    /// Updates that wait for the consumer, at least one; beyond them events wait in the relay's
    /// journal.
    pub queued_updates: usize,
    /// The longest frame; a longer one cuts the connection.
    pub max_frame_bytes: usize,
}

impl SubscriptionConfig {
    /// Follows everything from now on, in the clear and unverified, and asks every 30 seconds.
    #[expect(clippy::disallowed_methods, reason = "where a test needs another time it sets it")]
    pub fn new(publish: impl Into<String>, replay: Option<String>) -> Self {
        Self {
            publish: publish.into(),
            replay,
            security: Security::Plain,
            prefixes: Vec::new(),
            start: Start::Now,
            believe: Believe::Everything,
            clock: Timestamp::now,
            other_journal: OtherJournal::ReadOn,
            name: None,
            cursor: None,
            status_interval: Duration::from_secs(30),
            queued_updates: 1_024,
            max_frame_bytes: MAX_FRAME_BYTES,
        }
    }
}

/// Where to begin. A stored cursor goes before it.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(try_from = "String")]
pub enum Start {
    /// With the next event.
    #[default]
    Now,
    /// After this position of whichever journal the relay has.
    After(Seq),
    /// With the first event that the relay took at or after this time (RFC 3339).
    Since(String),
}

/// Whose signatures are believed.
#[derive(Debug, Clone)]
pub enum Believe {
    /// Nothing is verified; deliveries say so.
    Everything,
    /// Events that one of these keys signed, whatever they say, as long as that key is valid.
    Keys(Keyring),
    /// Events that an authorised source signed, also with a key that has expired or been revoked
    /// since, where a trusted relay stands for it.
    Sources(Arc<Trust>),
    /// What somebody else decides, perhaps by rules that change.
    Judged(Arc<dyn Judge>),
}

/// Decides which events are believed.
///
/// It is asked for each frame, on the subscription's thread, and perhaps again for one that comes
/// again. What it refuses is told as [`Update::Refused`] and passed over.
pub trait Judge: fmt::Debug + Send + Sync {
    /// Parses and verifies a frame, and names the sources on whose word the event is believed.
    fn judge(
        &self,
        frame: &[u8],
        now: Timestamp,
    ) -> Result<(VerifiedEvent, Vec<SignerId>), Rejection>;
}

/// What to do when the relay has another journal than the one that was read before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherJournal {
    /// Say so and read on from the last time that was handled.
    ReadOn,
    /// Stop, unless it is the accepted one.
    Stop {
        /// A journal that the operator accepted.
        accept: Option<Uuid>,
    },
}

/// What a subscription has to tell.
#[derive(Debug)]
pub enum Update {
    /// The next event.
    Event(Box<Delivery>),
    /// A page was read: where reading is, and how far the journal goes.
    Progress {
        /// Everything up to here was read.
        at: Seq,
        /// The newest event.
        last: Seq,
    },
    /// Everything in the journal was delivered; live events follow. The position can be stored
    /// like that of an event.
    CaughtUp(Position),
    /// Everything was delivered that the relay had taken by then; the answer to
    /// [`Subscription::ask_complete`].
    Complete {
        /// When the relay was asked.
        as_of: Instant,
    },
    /// Events are gone: the journal no longer has them, or holds them damaged, or there is no
    /// journal to ask.
    Lost {
        /// The last position before the hole.
        after: Seq,
        /// The first position behind it.
        before: Seq,
    },
    /// The relay has another journal; reading goes on in it.
    JournalChanged {
        /// The journal read so far.
        from: Uuid,
        /// The journal that the relay has now.
        to: Uuid,
    },
    /// An event was not believed, or is no event.
    Refused {
        /// Where it stands, as far as that is known.
        seq: Option<Seq>,
        /// Why.
        reason: String,
    },
    /// The connection to the publish endpoint came up.
    Connected,
    /// The connection to the publish endpoint went down; it is tried again.
    Disconnected,
    /// The relay does not let this consumer connect, or cannot be understood; it is tried again.
    HandshakeFailed(HandshakeFailure),
    /// The replay endpoint does not answer; it is tried again.
    ReplaySilent,
    /// What the relay says of its journal does not fit together. Nothing of such an answer is
    /// delivered or counts; it is asked again, after pauses that grow. Told once a minute at most.
    Contradiction {
        /// The relay's replay endpoint, or its publish endpoint where there is no other.
        endpoint: String,
        /// What it said.
        said: Contradiction,
    },
}

/// The subscription cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubscriptionError {
    /// The relay has another journal, and this consumer must not read on by itself.
    #[error("the relay has another journal: {to} instead of {from}")]
    OtherJournal {
        /// The journal read so far.
        from: Uuid,
        /// The journal that the relay has now.
        to: Uuid,
    },
    /// The relay refuses to serve the request.
    #[error("the relay does not replay: {0}")]
    Replay(Failure),
    /// The replay endpoint is something else.
    #[error("{endpoint} is no replay endpoint of a relay")]
    NotARelay {
        /// Where the request was sent.
        endpoint: String,
    },
    /// The cursor cannot be kept.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// A socket failed.
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// A stream of events without gaps.
pub struct Subscription {
    updates: mpsc::Receiver<Result<Update, SubscriptionError>>,
    handled: Arc<Handled>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

impl Subscription {
    /// Reads the cursor, connects in the background and begins.
    ///
    /// # Errors
    ///
    /// The cursor cannot be read, an endpoint is malformed, or the system gives no socket.
    pub fn open(mut config: SubscriptionConfig) -> Result<Self, SubscriptionError> {
        let cursor = config.cursor.take();
        let position = cursor.as_ref().map(|cursor| cursor.load()).transpose()?.flatten();
        let handled = Arc::new(Handled::new(cursor));
        let waker = Waker::new().map_err(WireError::Thread)?;
        let (sender, updates) = mpsc::channel(config.queued_updates.max(1));
        let thread = thread::SubscriptionThread::new(
            config,
            position,
            sender,
            handled.clone(),
            waker.clone(),
        )?;
        let thread = std::thread::Builder::new()
            .name("subscription".to_owned())
            .spawn(move || thread.run())
            .map_err(WireError::Thread)?;
        Ok(Self { updates, handled, waker, thread: Some(thread) })
    }

    /// The next update; `None` after an error.
    pub async fn next(&mut self) -> Option<Result<Update, SubscriptionError>> {
        self.updates.recv().await
    }

    fn poll_next(
        &mut self,
        context: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Update, SubscriptionError>>> {
        self.updates.poll_recv(context)
    }

    /// The next update if it is there already, for a consumer that handles many at once.
    pub fn try_next(&mut self) -> Option<Result<Update, SubscriptionError>> {
        self.updates.try_recv().ok()
    }

    /// Where the relay's journal ends, as it said last.
    pub fn last(&self) -> Option<Seq> {
        self.handled.last()
    }

    /// Whether the relay's journal has shown that it goes as far as this. A consumer that stores
    /// its position itself, with what it did about the events, stores no other: live events say
    /// themselves where they stand, and could say anything.
    pub fn is_confirmed(&self, position: Position) -> bool {
        self.handled.is_confirmed(position)
    }

    /// Notes that everything up to `position` was handled. It is stored once the relay's journal
    /// has shown what stands there: neither a forged event nor a number moves the cursor.
    ///
    /// # Errors
    ///
    /// The cursor could not be stored, now or since the last call.
    pub fn handled(&self, position: Position) -> Result<(), CursorError> {
        let outcome = self.handled.note(position);
        self.waker.wake();
        outcome
    }

    /// Has the relay asked how far its journal goes. Once everything up to there was delivered,
    /// [`Update::Complete`] follows: for a consumer to which it matters what has *not* come. Live
    /// events alone do not tell, since nobody sees that none come over a dead connection.
    pub fn ask_complete(&self) {
        self.handled.wish_for_complete();
        self.waker.wake();
    }

    /// Waits until what was handled is stored, for at most `patience`, and ends the subscription.
    ///
    /// # Errors
    ///
    /// The cursor could not be stored. A relay that does not confirm in time is no error: the
    /// last events will be handled once more.
    pub async fn close(mut self, patience: Duration) -> Result<(), CursorError> {
        self.handled.hurry();
        self.waker.wake();
        // The thread may wait for room; what is thrown away here was never handled.
        let drain = async {
            while !self.handled.is_stored() {
                if self.updates.recv().await.is_none() {
                    break;
                }
            }
        };
        let stored = self.handled.stored();
        drop(
            tokio::time::timeout(patience, async {
                tokio::select! { () = drain => {}, () = stored => {} }
            })
            .await,
        );
        self.handled.outcome()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.updates.close();
        self.handled.stop();
        self.waker.wake();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
