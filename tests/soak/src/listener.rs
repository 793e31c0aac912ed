//! A live subscriber that verifies everything, and counts how often each event came.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

use laniakea_daemon::{Clock as _, SystemClock};
use laniakea_e2e::RunningRelay;
use laniakea_event::Digest;
use laniakea_wire::subscription::{Believe, Delivery};

/// Listens until it is dropped, through restarts of the relay too.
pub(crate) struct Listener {
    heard: Arc<Mutex<Heard>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What was published.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heard {
    /// How often each event was.
    pub(crate) times: BTreeMap<Digest, u64>,
    /// Publications that do not verify.
    pub(crate) unverified: u64,
}

impl Heard {
    /// Publications beyond the first of each event.
    pub(crate) fn repeated(&self) -> u64 {
        self.times.values().map(|times| times - 1).sum()
    }
}

impl Listener {
    pub(crate) fn new(relay: &RunningRelay) -> Self {
        let socket = zmq::Context::new().socket(zmq::SUB).unwrap();
        socket.set_linger(0).unwrap();
        socket.set_rcvhwm(0).unwrap();
        socket.set_rcvtimeo(20).unwrap();
        socket.set_reconnect_ivl(20).unwrap();
        socket.set_subscribe(b"").unwrap();
        socket.connect(&relay.endpoints().publish).unwrap();
        let believe = Believe::Sources(Arc::new(relay.trust()));
        let heard = Arc::new(Mutex::new(Heard::default()));
        let is_over = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let (heard, is_over) = (heard.clone(), is_over.clone());
            move || {
                while !is_over.load(Ordering::Relaxed) {
                    let Ok(mut frames) = socket.recv_multipart(0) else { continue };
                    let delivery = Delivery::open(
                        frames.pop().unwrap_or_default(),
                        &believe,
                        SystemClock.now(),
                    );
                    let mut heard = heard.lock().unwrap();
                    match delivery {
                        Ok(delivery) if frames == [delivery.id().as_str().as_bytes()] => {
                            *heard.times.entry(delivery.digest()).or_default() += 1;
                        }
                        _ => heard.unverified += 1,
                    }
                }
            }
        });
        Self { heard, is_over, thread: Some(thread) }
    }

    /// What was heard so far.
    pub(crate) fn heard(&self) -> Heard {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
