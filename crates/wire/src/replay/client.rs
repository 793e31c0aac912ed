//! A consumer's side of replay.

use std::time::{Duration, Instant};

use laniakea_event::Seq;
use laniakea_zmtp::{Limits, Role};

use super::{Contradiction, Failure, From, Gain, Header, Pace, Page, Read, Request};
use crate::{
    HandshakeFailure, WireError,
    client::{Change, Link, sleep},
    curve::Security,
    submit::because,
    wake::Waker,
};

/// A relay's events with room for what it adds to them.
const MAX_FRAME_BYTES: usize = 4 << 20;
/// What a page holds, if it is not one event alone, and its header.
const MAX_PAGE_BYTES: usize = 5 << 20;
/// The longest page, its header and the request's id.
const MAX_FRAMES: usize = 1_002;

/// Messages at once that answer nothing. A request at a time is on its way, so that there are few late
/// answers; whoever sends without end would keep us from everything else.
const MAX_LATE: usize = 1_000;

/// Who has looked through so many events has done something, also where none matched.
const FAR: u64 = 1_000;

/// A good answer: the header and the events' frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What the answer is.
    pub header: Header,
    /// The events, each as it was published.
    pub events: Vec<Vec<u8>>,
}

/// A request got no good answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The relay said why not.
    #[error("the relay answered {0}")]
    Failed(Failure),
    /// No answer came in time.
    #[error("no answer from {endpoint} in {timeout:?}{}", because(*.handshake))]
    Unreachable {
        /// Where the request was sent.
        endpoint: String,
        /// How long the answer was waited for.
        timeout: Duration,
        /// Why there is no connection, if that is known.
        handshake: Option<HandshakeFailure>,
    },
    /// What the relay says does not fit together.
    #[error("{endpoint} contradicts itself: {said}")]
    Contradiction {
        /// Where the request was sent.
        endpoint: String,
        /// What it said.
        said: Contradiction,
    },
    /// What came is no answer of a relay.
    #[error("{endpoint} answered with something that is no replay header")]
    NotARelay {
        /// Where the request was sent.
        endpoint: String,
        /// What the header's JSON lacks.
        source: serde_json::Error,
    },
    /// The connection could not be set up or waited for.
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// Asks one relay, one request after the other. It blocks.
pub struct ReplayClient {
    requester: Requester,
    waker: Waker,
    pace: Pace,
    timeout: Duration,
}

impl ReplayClient {
    /// Connects in the background; a relay that is down is noticed by the first request.
    pub fn connect(
        endpoint: &str,
        security: &Security,
        timeout: Duration,
    ) -> Result<Self, WireError> {
        let waker = Waker::new().map_err(WireError::Thread)?;
        let requester = Requester::connect(endpoint, security, MAX_FRAME_BYTES, &waker)?;
        Ok(Self { requester, waker, pace: Pace::new(Instant::now()), timeout })
    }

    /// Reads a page. Short ones come one after the other, and not as fast as the relay likes.
    ///
    /// # Errors
    ///
    /// There is no good answer, or one that does not fit the request.
    pub fn read(&mut self, read: &Read) -> Result<Page, ReplayError> {
        let asked = Instant::now();
        std::thread::sleep(self.pace.next().saturating_duration_since(asked));
        let asked = Instant::now();
        let answer = self.request(&Request::Read(read.clone()))?;
        let page = Page::of(read, answer).map_err(|said| {
            let endpoint = self.requester.endpoint().to_owned();
            ReplayError::Contradiction { endpoint, said }
        })?;
        let from = if let From::After(after) = read.from { after } else { Seq::START };
        let gain = match page.events.len() {
            full if full >= read.limit => Gain::Full,
            // Nothing matched, far and wide.
            0 if page.next.0.saturating_sub(from.0) < FAR => Gain::Nothing,
            _ => Gain::Some,
        };
        self.pace.answered(Instant::now(), asked.elapsed(), gain);
        Ok(page)
    }

    /// Sends a request and waits for its answer, of which only the form is looked at.
    pub fn request(&mut self, request: &Request) -> Result<Answer, ReplayError> {
        self.requester.send(request);
        let deadline = Instant::now() + self.timeout;
        loop {
            self.waker.reset();
            if self.requester.has_broken() {
                // What was asked over the connection that broke gets no answer.
                self.requester.send(request);
            }
            if let Some(answer) = self.requester.receive() {
                return answer;
            }
            if deadline <= Instant::now() {
                let endpoint = self.requester.link.endpoint().to_owned();
                let (timeout, handshake) = (self.timeout, self.requester.link.failure());
                return Err(ReplayError::Unreachable { endpoint, timeout, handshake });
            }
            sleep(&self.waker, &[&self.requester.link], deadline).map_err(WireError::Thread)?;
        }
    }
}

/// Asks over one link, one request at a time; it never waits.
pub(crate) struct Requester {
    link: Link,
    /// The id of the request whose answer is waited for; others are late answers.
    id: u64,
    /// That request, as long as there is no connection that it could be sent over.
    unsent: Option<Vec<u8>>,
    is_connected: bool,
}

impl Requester {
    pub(crate) fn connect(
        endpoint: &str,
        security: &Security,
        max_frame_bytes: usize,
        waker: &Waker,
    ) -> Result<Self, WireError> {
        // A page has one event in any case.
        let max_bytes = max_frame_bytes.saturating_add(MAX_PAGE_BYTES);
        let dealer = (Role::Dealer, Limits::of_messages(max_bytes, MAX_FRAMES));
        let link = Link::open(endpoint, dealer, security, waker)?;
        Ok(Self { link, id: 0, unsent: None, is_connected: false })
    }

    pub(crate) fn link(&self) -> &Link {
        &self.link
    }

    /// Starts over with a new connection: what was asked on the old one is not waited for.
    pub(crate) fn reconnect(&mut self) {
        self.link.cut();
        self.is_connected = false;
        self.unsent = None;
    }

    /// Whether a connection broke since the last call. What was asked over it gets no answer.
    pub(crate) fn has_broken(&mut self) -> bool {
        let mut has_broken = false;
        while let Some(change) = self.link.change() {
            match change {
                Change::Connected => {
                    self.is_connected = true;
                    if let Some(request) = self.unsent.take() {
                        self.put(&request);
                    }
                }
                Change::Disconnected => has_broken |= std::mem::take(&mut self.is_connected),
                Change::Failed(_) => {}
            }
        }
        has_broken
    }

    /// Sends a request, now or when there is a connection.
    pub(crate) fn send(&mut self, request: &Request) {
        self.id += 1;
        let request = request.to_json();
        if self.is_connected {
            self.put(&request);
        } else {
            self.unsent = Some(request);
        }
    }

    /// Without room no answer will come, which the caller notices in time.
    fn put(&mut self, request: &[u8]) {
        self.link.send(&[&self.id.to_be_bytes()[..], request]);
        self.link.flush();
    }

    /// The answer to the last request, if it is there.
    pub(crate) fn receive(&mut self) -> Option<Result<Answer, ReplayError>> {
        for _ in 0..MAX_LATE {
            let message = self.link.receive()?;
            let mut frames = message.frames();
            let (Some(id), Some(header)) = (frames.next(), frames.next()) else { continue };
            if id != self.id.to_be_bytes() {
                continue;
            }
            let header = read_header(header, self.link.endpoint());
            return Some(
                header
                    .map(|header| Answer { header, events: frames.map(<[u8]>::to_vec).collect() }),
            );
        }
        tracing::info!("{} sends what nobody asked for: connecting anew", self.endpoint());
        self.link.cut();
        None
    }

    /// Where requests go.
    pub(crate) fn endpoint(&self) -> &str {
        self.link.endpoint()
    }
}

/// The first frame of an answer.
pub(super) fn read_header(bytes: &[u8], endpoint: &str) -> Result<Header, ReplayError> {
    if let Ok(failure) = serde_json::from_slice::<Failure>(bytes)
        && !failure.ok
    {
        return Err(ReplayError::Failed(failure));
    }
    serde_json::from_slice(bytes)
        .map_err(|source| ReplayError::NotARelay { endpoint: endpoint.to_owned(), source })
}
