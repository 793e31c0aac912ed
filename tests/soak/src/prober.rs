//! Good events beside the attack, and after it: from submission to publication.

use std::time::{Duration, Instant};

use laniakea_e2e::{Module, RunningRelay, until};
use laniakea_wire::submit::Reply;

use crate::submitter::Submitter;

/// What probes are emitted as.
const ID: &str = "_lk.good.probe";
const TRIES: usize = 5;

/// A good source and its own sink.
pub(crate) struct Prober {
    submitter: Submitter<()>,
    sink: zmq::Socket,
    good: Module,
}

impl Prober {
    /// Connects, and waits until events come through.
    pub(crate) fn new(relay: &RunningRelay, good: &Module) -> Self {
        let sink = zmq::Context::new().socket(zmq::SUB).unwrap();
        sink.set_linger(0).unwrap();
        sink.set_rcvhwm(0).unwrap();
        sink.set_rcvtimeo(30_000).unwrap();
        sink.set_subscribe(ID.as_bytes()).unwrap();
        sink.connect(&relay.endpoints().publish).unwrap();
        let submitter = Submitter::connect(&relay.endpoints().submit);
        let mut prober = Self { submitter, sink, good: good.clone() };
        prober.wait_for_subscription();
        prober
    }

    /// After a restart the sink may not be back yet.
    fn wait_for_subscription(&mut self) {
        let mut published = String::new();
        until("an event to come through", || {
            let submitted = self.submit();
            while published != submitted && self.sink.poll(zmq::POLLIN, 50).unwrap() > 0 {
                published = self.receive();
            }
            (published == submitted).then_some(())
        });
    }

    /// The best of some tries: the machine may have something else to do, the relay may not.
    pub(crate) fn best(&mut self) -> Duration {
        self.wait_for_subscription();
        let tries = (0..TRIES).map(|_| {
            let start = Instant::now();
            self.once();
            start.elapsed()
        });
        tries.min().unwrap_or_default()
    }

    /// Submits an event and waits until it is published.
    pub(crate) fn once(&mut self) {
        let number = self.submit();
        while self.receive() != number {}
    }

    /// Submits a good event and gives back its bytes' digest.
    fn submit(&mut self) -> String {
        let event = self.good.event(ID);
        match self.submitter.submit(event.into_bytes(), ()).reply {
            Reply::Accepted { digest, duplicate: false, .. } => digest,
            reply => panic!("a good event was answered {reply:?}"),
        }
    }

    fn receive(&self) -> String {
        let frames = self.sink.recv_multipart(0).expect("a good event is published");
        let frame = frames.get(1).expect("an event is two frames");
        let limits =
            laniakea_event::Limits { max_bytes: 4 << 20, ..laniakea_event::Limits::SUBMISSION };
        laniakea_event::SubmittedEvent::parse(frame, &limits).unwrap().digest().to_string()
    }
}
