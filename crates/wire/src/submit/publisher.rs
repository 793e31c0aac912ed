//! A source's side of submit: every event is answered, or the caller learns that it was not.

use std::{
    collections::BTreeMap,
    io,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use laniakea_event::{Reason, Seq};
use laniakea_zmtp::{Limits, Role};
use tokio::sync::{mpsc, oneshot};

use super::Reply;
use crate::{
    HandshakeFailure, WireError,
    client::{Change, Link, sleep},
    curve::Security,
    wake::Waker,
};

/// What a reply may hold; a longer one ends the connection.
const MAX_REPLY: Limits = Limits::of_messages(64 << 10, 16);
/// Without anything to do, the thread looks around now and then.
const IDLE: Duration = Duration::from_mins(1);
/// Replies that are read before anything else is looked at, also if the peer sends without end.
const MAX_BURST: usize = 1_000;

/// Where to submit, and how patiently.
#[derive(Debug, Clone)]
pub struct PublisherConfig {
    /// The relay's submit endpoint.
    pub endpoint: String,
    /// How to connect to it.
    pub security: Security,
    /// How long an event may wait for its reply.
    pub timeout: Duration,
    /// How many events may wait at once; more wait in [`Publisher::submit`].
    pub window: usize,
}

impl PublisherConfig {
    /// In the clear, ten seconds and 1,024 events.
    pub fn new(endpoint: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into(),
            security: Security::Plain,
            timeout: Duration::from_secs(10),
            window: 1_024,
        }
    }
}

/// The relay has the event on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The digest of the signed bytes, in lower-case hex.
    pub digest: String,
    /// Where the event stands in the relay's journal.
    pub seq: Seq,
    /// The relay had it before.
    pub duplicate: bool,
}

/// The relay did not take the event, or did not say that it did.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// The relay refused the event. The same event will be refused again, unless the reason is
    /// `rate_limited` or `unavailable`.
    #[error("the relay rejected the event: {reason}: {detail}")]
    Rejected {
        /// One of the rejections of `docs/protocol.md`.
        reason: String,
        /// One sentence for a person.
        detail: String,
    },
    /// No reply came in time. The relay may have the event; sending it again is safe.
    #[error("no reply from {endpoint} in {timeout:?}{}", because(*.handshake))]
    Unreachable {
        /// Where it was sent.
        endpoint: String,
        /// How long the reply was waited for.
        timeout: Duration,
        /// Why there is no connection, if that is known.
        handshake: Option<HandshakeFailure>,
    },
    /// What came back is no reply.
    #[error("{endpoint} answered with something that is no reply to a submission")]
    NotARelay {
        /// Where it was sent.
        endpoint: String,
    },
}

/// The end of a sentence that says why there is no connection.
pub(crate) fn because(failure: Option<HandshakeFailure>) -> String {
    failure.map_or_else(String::new, |failure| format!(": {failure}"))
}

impl SubmitError {
    /// Whether sending the same event again later can succeed.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Rejected { reason, .. } => {
                ["rate_limited", "unavailable"].contains(&reason.as_str())
            }
            Self::Unreachable { .. } | Self::NotARelay { .. } => true,
        }
    }

    /// Whether the relay does not know the key or its rights: nothing is wrong with the event, and
    /// it is taken once the relay's operator has trusted the key.
    pub fn awaits_trust(&self) -> bool {
        const REASONS: [Reason; 4] = [
            Reason::UnknownSigner,
            Reason::UnknownKeyId,
            Reason::BadSignature,
            Reason::NotAuthorised,
        ];
        match self {
            Self::Rejected { reason, .. } => REASONS.iter().any(|known| known.as_str() == reason),
            Self::Unreachable { .. } | Self::NotARelay { .. } => false,
        }
    }
}

/// Whether a rejection for this reason says that the event itself is at fault. Where only the relay's
/// trust is missing, somebody will mend that, and then every event is welcome.
pub fn is_final(reason: &str) -> bool {
    let error = SubmitError::Rejected { reason: reason.to_owned(), detail: String::new() };
    !error.is_temporary() && !error.awaits_trust()
}

/// Submits events and waits for the relay's replies. Events leave in the order of the calls.
pub struct Publisher {
    submissions: Option<mpsc::Sender<Pending>>,
    waker: Waker,
    config: PublisherConfig,
    thread: Option<JoinHandle<()>>,
}

struct Pending {
    event: Vec<u8>,
    /// Counted from the sending, since a full window may hold it up for longer.
    deadline: Instant,
    reply: oneshot::Sender<Result<Receipt, SubmitError>>,
}

impl Publisher {
    /// Connects in the background; a relay that is down is noticed by [`Publisher::submit`].
    ///
    /// # Errors
    ///
    /// Only where the endpoint is malformed or the system gives no thread.
    pub fn connect(config: PublisherConfig) -> Result<Self, WireError> {
        let waker = Waker::new().map_err(WireError::Thread)?;
        let dealer = (Role::Dealer, MAX_REPLY);
        let link = Link::open(&config.endpoint, dealer, &config.security, &waker)?;
        let (submissions, receiver) = mpsc::channel(config.window.max(1));
        let thread = PublisherThread {
            link,
            submissions: receiver,
            waker: waker.clone(),
            config: config.clone(),
            waiting: BTreeMap::new(),
            next_id: 0,
            next_sent: 0,
            heard: Instant::now(),
        };
        let thread = std::thread::Builder::new()
            .name("publisher".to_owned())
            .spawn(move || thread.run())
            .map_err(WireError::Thread)?;
        Ok(Self { submissions: Some(submissions), waker, config, thread: Some(thread) })
    }

    /// Submits a signed event and waits until the relay has it on disk.
    ///
    /// # Errors
    ///
    /// A rejection, or no reply within the timeout.
    pub async fn submit(&self, event: Vec<u8>) -> Result<Receipt, SubmitError> {
        let (reply, receiver) = oneshot::channel();
        let pending = Pending { event, deadline: Instant::now() + self.config.timeout, reply };
        if let Some(submissions) = &self.submissions
            && submissions.send(pending).await.is_ok()
        {
            self.waker.wake();
        }
        receiver.await.unwrap_or_else(|_| Err(self.config.unreachable(None)))
    }
}

impl PublisherConfig {
    fn unreachable(&self, handshake: Option<HandshakeFailure>) -> SubmitError {
        let (endpoint, timeout) = (self.endpoint.clone(), self.timeout);
        SubmitError::Unreachable { endpoint, timeout, handshake }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.submissions = None;
        self.waker.wake();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

struct PublisherThread {
    link: Link,
    submissions: mpsc::Receiver<Pending>,
    waker: Waker,
    config: PublisherConfig,
    /// By request id, which counts up: the order of submission.
    waiting: BTreeMap<u64, Pending>,
    next_id: u64,
    /// What waits was sent over the connection that there is, up to here.
    next_sent: u64,
    /// When the relay last replied.
    heard: Instant,
}

impl PublisherThread {
    fn run(mut self) {
        if let Err(error) = self.serve() {
            tracing::error!(%error, "the thread that submits failed");
        }
    }

    fn serve(&mut self) -> io::Result<()> {
        loop {
            self.waker.reset();
            if self.take_new() == Senders::Gone {
                return Ok(());
            }
            self.read_replies();
            self.read_changes();
            self.send_waiting();
            self.give_up_on_the_late();
            let late = self.waiting.first_key_value().map(|(_, pending)| pending.deadline);
            let next = late.unwrap_or_else(|| Instant::now() + IDLE);
            sleep(&self.waker, &[&self.link], next)?;
        }
    }

    fn take_new(&mut self) -> Senders {
        while self.waiting.len() < self.config.window.max(1) {
            match self.submissions.try_recv() {
                Ok(mut pending) => {
                    pending.deadline = Instant::now() + self.config.timeout;
                    self.waiting.insert(self.next_id, pending);
                    self.next_id += 1;
                }
                Err(mpsc::error::TryRecvError::Empty) => break,
                Err(mpsc::error::TryRecvError::Disconnected) => return Senders::Gone,
            }
        }
        Senders::There
    }

    /// As far as there is room, in order.
    fn send_waiting(&mut self) {
        while self.link.has_room()
            && let Some((id, pending)) = self.waiting.range(self.next_sent..).next()
        {
            // An empty first frame would be read as a REQ envelope; such an event is junk anyway,
            // and the relay answers it all the same.
            self.link.send(&[&pending.event[..], &id.to_be_bytes()]);
            self.next_sent = id + 1;
            if !self.link.has_room() {
                self.link.flush();
            }
        }
        self.link.flush();
    }

    fn read_replies(&mut self) {
        let was_full = self.waiting.len() >= self.config.window.max(1);
        for left in (0..MAX_BURST).rev() {
            let Some(message) = self.link.receive() else { break };
            if left == 0 {
                // There may be more, and nobody says that it is there.
                self.waker.wake();
            }
            self.heard = Instant::now();
            let mut frames = message.frames();
            let (Some(id), Some(reply)) = (frames.next(), frames.next()) else { continue };
            let id = <[u8; 8]>::try_from(id).map(u64::from_be_bytes);
            let Some(pending) = id.ok().and_then(|id| self.waiting.remove(&id)) else { continue };
            drop(pending.reply.send(self.read_reply(reply)));
        }
        if was_full {
            self.waker.wake();
        }
    }

    fn read_reply(&self, reply: &[u8]) -> Result<Receipt, SubmitError> {
        match serde_json::from_slice(reply) {
            Ok(Reply::Accepted { digest, seq, duplicate, .. }) => {
                Ok(Receipt { digest, seq, duplicate })
            }
            Ok(Reply::Rejected { reason, detail, .. }) => {
                Err(SubmitError::Rejected { reason, detail })
            }
            Err(_) => Err(SubmitError::NotARelay { endpoint: self.config.endpoint.clone() }),
        }
    }

    /// Over a new connection all that waits is sent, in its order: a first copy may have died with
    /// the relay, and the relay recognises a second one.
    fn read_changes(&mut self) {
        while let Some(change) = self.link.change() {
            if change == Change::Connected {
                self.next_sent = 0;
            }
        }
    }

    fn give_up_on_the_late(&mut self) {
        let now = Instant::now();
        let mut is_deaf = false;
        while let Some(late) =
            self.waiting.first_entry().filter(|first| first.get().deadline <= now)
        {
            let late = late.remove();
            is_deaf |= self.heard + self.config.timeout < late.deadline;
            drop(late.reply.send(Err(self.config.unreachable(self.link.failure()))));
            self.waker.wake();
        }
        // Not a word since that was sent: somebody in between may hold a connection that leads
        // nowhere, which neither end's kernel can see.
        if is_deaf {
            self.link.cut();
        }
    }
}

#[derive(PartialEq, Eq)]
enum Senders {
    There,
    Gone,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_wrong_with_the_event_itself_is_final() {
        for (reason, expected) in [
            ("stale", true),
            ("too_large", true),
            ("conflict", true),
            ("rate_limited", false),
            ("unavailable", false),
            ("not_authorised", false),
            ("unknown_signer", false),
        ] {
            assert_eq!(is_final(reason), expected, "{reason}");
        }
    }
}
