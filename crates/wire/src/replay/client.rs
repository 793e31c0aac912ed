//! A consumer's side of replay.

use std::time::{Duration, Instant};

use super::{Contradiction, Failure, Gain, Header, Pace, Page, Read, Request};
use crate::{
    Context, HandshakeFailure, WireError,
    client::ClientSocket,
    curve::Security,
    socket::{Keepalive, Received, Report, Settings, poll, receive},
    submit::because,
};

/// A relay's events with room for what it adds to them.
const MAX_FRAME_BYTES: i64 = 4 << 20;
/// The longest page and its header.
const MAX_FRAMES: usize = 1_002;

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
    /// The socket failed.
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// Asks one relay, one request after the other. It blocks.
pub struct ReplayClient {
    socket: ReplaySocket,
    pace: Pace,
    timeout: Duration,
}

impl ReplayClient {
    /// Connects in the background; a relay that is down is noticed by the first request.
    pub fn connect(
        context: &Context,
        endpoint: &str,
        security: &Security,
        timeout: Duration,
    ) -> Result<Self, WireError> {
        let socket = ReplaySocket::connect(context, endpoint, security, MAX_FRAME_BYTES)?;
        Ok(Self { socket, pace: Pace::new(Instant::now()), timeout })
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
            let endpoint = self.socket.endpoint.clone();
            ReplayError::Contradiction { endpoint, said }
        })?;
        let gain = match page.events.len() {
            0 => Gain::Nothing,
            full if full >= read.limit => Gain::Full,
            _ => Gain::Some,
        };
        self.pace.answered(Instant::now(), asked.elapsed(), gain);
        Ok(page)
    }

    /// Sends a request and waits for its answer, of which only the form is looked at.
    pub fn request(&mut self, request: &Request) -> Result<Answer, ReplayError> {
        self.socket.send(request)?;
        let deadline = Instant::now() + self.timeout;
        loop {
            if let Some(answer) = self.socket.receive()? {
                return answer;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let endpoint = self.socket.endpoint.clone();
                let handshake = self.socket.handshake_failure()?;
                return Err(ReplayError::Unreachable {
                    endpoint,
                    timeout: self.timeout,
                    handshake,
                });
            }
            let look = self.socket.next_look().saturating_duration_since(Instant::now());
            let left = i64::try_from(left.min(look).as_millis()).unwrap_or(i64::MAX) + 1;
            let mut items = [self.socket.poll_item(), self.socket.monitor_item()];
            poll(&mut items, left).map_err(WireError::Socket)?;
            if self.socket.has_broken()? {
                // What was asked over the connection that broke gets no answer.
                self.socket.reconnect()?;
                self.socket.send(request)?;
            }
        }
    }
}

/// The socket behind a request; it never waits.
pub(crate) struct ReplaySocket {
    context: Context,
    endpoint: String,
    security: Security,
    max_frame_bytes: i64,
    socket: ClientSocket,
    /// The id of the request whose answer is waited for; others are late answers.
    id: u64,
    is_connected: bool,
}

impl ReplaySocket {
    pub(crate) fn connect(
        context: &Context,
        endpoint: &str,
        security: &Security,
        max_frame_bytes: i64,
    ) -> Result<Self, WireError> {
        let socket = open(context, endpoint, security, max_frame_bytes)?;
        let (context, security) = (context.clone(), security.clone());
        Ok(Self {
            context,
            endpoint: endpoint.to_owned(),
            security,
            max_frame_bytes,
            socket,
            id: 0,
            is_connected: false,
        })
    }

    /// Starts over with a new connection: what was asked on the old one is not waited for.
    pub(crate) fn reconnect(&mut self) -> Result<(), WireError> {
        let Self { context, endpoint, security, max_frame_bytes, .. } = self;
        self.socket = open(context, endpoint, security, *max_frame_bytes)?;
        self.is_connected = false;
        Ok(())
    }

    /// Whether a connection broke since the last call. What was asked over it gets no answer.
    pub(crate) fn has_broken(&mut self) -> Result<bool, WireError> {
        let mut has_broken = false;
        while let Some(report) = self.socket.report()? {
            match report {
                Report::Connected => self.is_connected = true,
                Report::Disconnected(_) => has_broken |= std::mem::take(&mut self.is_connected),
                Report::Failed(_) | Report::Opened(_) => {}
            }
        }
        self.socket.look(Instant::now())?;
        Ok(has_broken)
    }

    /// When [`Self::has_broken`] has something to look at.
    pub(crate) fn next_look(&self) -> Instant {
        self.socket.next_look()
    }

    pub(crate) fn monitor_item(&self) -> zmq::PollItem<'_> {
        self.socket.monitor_item()
    }

    pub(crate) fn send(&mut self, request: &Request) -> Result<(), WireError> {
        self.id += 1;
        let frames = [&self.id.to_be_bytes()[..], &request.to_json()];
        match self.socket.zmq().send_multipart(frames, zmq::DONTWAIT) {
            // Not sent: no answer will come, which the caller notices in time.
            Ok(()) | Err(zmq::Error::EAGAIN) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The answer to the last request, if it is there.
    pub(crate) fn receive(&self) -> Result<Option<Result<Answer, ReplayError>>, WireError> {
        while let Some(Received { mut frames, count, .. }) = receive(self.socket.zmq(), MAX_FRAMES)?
        {
            if frames.len() < 2 || frames[0][..] != self.id.to_be_bytes() {
                continue;
            }
            if count > MAX_FRAMES {
                let said = Contradiction(format!("{} events on one page", count - 2));
                let endpoint = self.endpoint.clone();
                return Ok(Some(Err(ReplayError::Contradiction { endpoint, said })));
            }
            let events = frames.split_off(2);
            return Ok(Some(read_header(&frames[1], &self.endpoint).map(|header| Answer {
                header,
                events: events.iter().map(|frame| frame.to_vec()).collect(),
            })));
        }
        Ok(None)
    }

    /// Where requests go.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(crate) fn poll_item(&self) -> zmq::PollItem<'_> {
        self.socket.zmq().as_poll_item(zmq::POLLIN)
    }

    /// Why there is no connection, if the last attempt says so.
    fn handshake_failure(&mut self) -> Result<Option<HandshakeFailure>, WireError> {
        while self.socket.report()?.is_some() {}
        Ok(self.socket.failure())
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

fn open(
    context: &Context,
    endpoint: &str,
    security: &Security,
    max_frame_bytes: i64,
) -> Result<ClientSocket, WireError> {
    let settings = Settings {
        kind: zmq::DEALER,
        max_message_bytes: max_frame_bytes,
        receive_queue: 16,
        send_queue: 16,
        keepalive: Keepalive::CLIENT,
    };
    ClientSocket::connect(context, &settings, endpoint, security)
}
