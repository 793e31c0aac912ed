//! The ZAP handler: libzmq asks it about each client's key before the client gets in.
//!
//! It fails closed. Sockets of the gate demand an answer (`ZMQ_ZAP_ENFORCE_DOMAIN`), so that
//! without the handler nobody gets in, and the handler says no to whatever it does not know.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
};

use super::{Clients, CurveKey, CurvePair, check_available, show};
use crate::{
    Context, WireError,
    socket::{poll, receive},
    sys::{SocketOption, set_option},
    wake::Waker,
};

/// Where libzmq looks for the handler (RFC 27/ZAP).
const ENDPOINT: &str = "inproc://zeromq.zap.01";
const VERSION: &[u8] = b"1.0";
const MECHANISM: &[u8] = b"CURVE";
/// The name that our sockets give themselves towards the handler.
const DOMAIN: &str = "laniakea";
/// Version, request id, domain, address, identity, mechanism, credentials.
const REQUEST_FRAMES: usize = 7;

/// Guards the encrypted endpoints of one context. While it lives, clients with a known key get
/// in; once it is gone, nobody does.
pub struct CurveGate {
    pair: CurvePair,
    clients: Clients,
    refused: Arc<AtomicU64>,
    stopping: Arc<AtomicBool>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

impl CurveGate {
    /// Starts the handler, which must be there before the first endpoint is bound.
    ///
    /// # Errors
    ///
    /// libzmq has no CURVE, or the context has a handler already.
    pub fn open(context: &Context, pair: CurvePair, clients: Clients) -> Result<Self, WireError> {
        check_available()?;
        let socket = context.handler(ENDPOINT)?;
        let waker = Waker::new().map_err(WireError::Thread)?;
        let refused = Arc::new(AtomicU64::new(0));
        let stopping = Arc::new(AtomicBool::new(false));
        let thread = GateThread {
            socket,
            clients: clients.clone(),
            refused: refused.clone(),
            stopping: stopping.clone(),
            waker: waker.clone(),
        };
        let thread = std::thread::Builder::new()
            .name("zap".to_owned())
            .spawn(move || thread.run())
            .map_err(WireError::Thread)?;
        Ok(Self { pair, clients, refused, stopping, waker, thread: Some(thread) })
    }

    /// Makes a socket, before it is bound, one of this gate's.
    pub(crate) fn guard(&self, socket: &mut zmq::Socket) -> Result<(), WireError> {
        socket.set_curve_server(true)?;
        socket.set_curve_secretkey(&self.pair.secret)?;
        socket.set_zap_domain(DOMAIN)?;
        set_option(socket, SocketOption::ZapEnforceDomain, true).map_err(|_| WireError::NoCurve)
    }

    pub(crate) fn clients(&self) -> &Clients {
        &self.clients
    }

    /// Counts clients whose key is not known.
    pub fn refused(&self) -> Arc<AtomicU64> {
        self.refused.clone()
    }
}

impl Drop for CurveGate {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        self.waker.wake();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

struct GateThread {
    socket: zmq::Socket,
    clients: Clients,
    refused: Arc<AtomicU64>,
    stopping: Arc<AtomicBool>,
    waker: Waker,
}

impl GateThread {
    fn run(self) {
        if let Err(error) = self.serve() {
            tracing::error!(%error, "the ZAP handler failed: nobody can connect any more");
        }
    }

    fn serve(&self) -> Result<(), zmq::Error> {
        loop {
            self.waker.reset();
            if self.stopping.load(Ordering::Acquire) {
                return Ok(());
            }
            while let Some(request) = receive(&self.socket, REQUEST_FRAMES + 1)? {
                let frames: Vec<&[u8]> = request.frames.iter().map(|frame| &frame[..]).collect();
                let answer = answer(&frames, &self.clients);
                if answer.status != Status::Welcome {
                    self.refused.fetch_add(1, Ordering::Relaxed);
                    let key = frames.get(6).map(|key| show(key));
                    let address = frames.get(3).map(|address| String::from_utf8_lossy(address));
                    let address = address.unwrap_or_default();
                    tracing::info!(
                        reason = answer.text,
                        key = key.unwrap_or_default(),
                        // IPv4 comes in its IPv6 spelling.
                        address = address.strip_prefix("::ffff:").unwrap_or(&address),
                        "an encrypted connection was refused"
                    );
                }
                self.socket.send_multipart(answer.frames(&frames), 0)?;
            }
            poll(&mut [self.waker.poll_item(), self.socket.as_poll_item(zmq::POLLIN)], -1)?;
        }
    }
}

/// The status codes of ZAP that are used here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Welcome,
    Refused,
    Malformed,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: Status,
    text: &'static str,
    /// The client's key, which comes back with each of its messages.
    user: String,
}

/// Decides on one request of libzmq.
pub(super) fn answer(frames: &[&[u8]], clients: &Clients) -> Answer {
    let no = |status, text| Answer { status, text, user: String::new() };
    let [version, _id, domain, _address, _identity, mechanism, key] = frames else {
        return no(Status::Malformed, "the request has another number of frames");
    };
    if *version != VERSION || *domain != DOMAIN.as_bytes() || *mechanism != MECHANISM {
        return no(Status::Malformed, "the request is not of this version, domain and mechanism");
    }
    let Ok(key) = <[u8; 32]>::try_from(*key) else {
        return no(Status::Malformed, "the key is not of 32 bytes");
    };
    let key = CurveKey::from_bytes(key);
    if clients.signer(&key).is_none() {
        return no(Status::Refused, "the key is not trusted");
    }
    Answer { status: Status::Welcome, text: "welcome", user: key.to_string() }
}

impl Answer {
    /// Version, request id, status, text, user id, metadata.
    pub(super) fn frames<'a>(&'a self, request: &[&'a [u8]]) -> [&'a [u8]; 6] {
        let status: &[u8] = match self.status {
            Status::Welcome => b"200",
            Status::Refused => b"400",
            Status::Malformed => b"500",
        };
        let id = request.get(1).copied().unwrap_or_default();
        [VERSION, id, status, self.text.as_bytes(), self.user.as_bytes(), b""]
    }
}

#[cfg(test)]
mod tests {
    use laniakea_event::SignerId;

    use super::*;

    fn request<'a>(key: &'a [u8], domain: &'a [u8], mechanism: &'a [u8]) -> Vec<&'a [u8]> {
        vec![b"1.0", b"\x01", domain, b"127.0.0.1", b"", mechanism, key]
    }

    #[test]
    fn only_a_known_key_is_welcome() {
        let key = [7; 32];
        let clients = Clients::default();
        let good = request(&key, b"laniakea", b"CURVE");
        assert_eq!(answer(&good, &clients).status, Status::Refused);
        let archive = SignerId::parse("archive-01").unwrap();
        clients.set([(CurveKey::from_bytes(key), archive)].into());
        let welcome = answer(&good, &clients);
        assert_eq!(welcome.status, Status::Welcome);
        assert_eq!(welcome.user, CurveKey::from_bytes(key).to_string());
        assert_eq!(welcome.frames(&good)[..3], [&b"1.0"[..], b"\x01", b"200"]);
        for (status, frames) in [
            (Status::Refused, request(&[8; 32], b"laniakea", b"CURVE")),
            (Status::Malformed, request(&key[..31], b"laniakea", b"CURVE")),
            (Status::Malformed, request(&key, b"", b"CURVE")),
            (Status::Malformed, request(&key, b"laniakea", b"NULL")),
            (Status::Malformed, request(&key, b"laniakea", b"CURVE")[..6].to_vec()),
            (Status::Malformed, vec![]),
        ] {
            let refused = answer(&frames, &clients);
            assert_eq!((refused.status, refused.user.as_str()), (status, ""), "{frames:?}");
        }
        clients.set([].into());
        assert_eq!(answer(&good, &clients).status, Status::Refused);
    }
}
