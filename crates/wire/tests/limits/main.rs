//! What a connection may not do: there are too many, a message never ends, it subscribes to
//! everything there is, it sends what nobody needs. The others do not notice.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod addresses;
mod keys;
mod publish;
mod raw;
mod replay;
mod slow;
mod strangers;

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use laniakea_event::{Digest, Seq};
use laniakea_wire::{
    ConnectionLimits, Endpoint, Listen,
    submit::{Next, Publisher, PublisherConfig, Reply, SubmitServer},
};

use self::raw::{connect, is_cut, is_up};

const PATIENCE: Duration = Duration::from_secs(20);

fn listen(connections: usize, subscriptions: usize) -> Listen {
    let limits = ConnectionLimits { connections, subscriptions, ..ConnectionLimits::default() };
    Listen { limits, ..Listen::plain([Endpoint("tcp://127.0.0.1:*".to_owned())]) }
}

/// Waits for something to become true.
fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

fn count(counters: &[(&'static str, u64)], name: &str) -> u64 {
    counters.iter().find(|(known, _)| *known == name).unwrap().1
}

/// A server that answers everything, and what it says of its connections.
fn with_submit_server(limits: &Listen, test: impl FnOnce(&SubmitServer, &str)) {
    with_answers(limits, |server, endpoint| {
        test(server, endpoint);
        assert_answers(endpoint);
    });
}

fn with_answers(limits: &Listen, test: impl FnOnce(&SubmitServer, &str)) {
    let server = SubmitServer::bind(limits, 64 << 10).unwrap();
    let Endpoint(endpoint) = server.endpoints()[0].clone();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let replies = server.replies();
            while let Next::Batch(batch) = server.next(None) {
                let reply_to = batch.into_iter().filter_map(|submission| submission.reply_to);
                let reply = Reply::accepted(&Digest::of(b""), Seq(1));
                replies.send(reply_to.map(|to| (to, reply.clone())));
            }
        });
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            test(&server, &endpoint);
        }));
        server.closer().close();
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    });
}

fn assert_answers(endpoint: &str) {
    let config = PublisherConfig { timeout: PATIENCE, ..PublisherConfig::new(endpoint) };
    let publisher = Publisher::connect(config).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(publisher.submit(b"{}".to_vec())).unwrap();
}

#[test]
fn newcomers_beyond_the_limit_are_cut_and_the_others_stay() {
    with_submit_server(&listen(10, 250), |server, endpoint| {
        let mut first: Vec<TcpStream> = (0..10).map(|_| connect(endpoint, "DEALER")).collect();
        let counters = || server.connections().snapshot();
        let deadline = Instant::now() + PATIENCE;
        while count(&counters(), "connections") < 10 {
            assert!(Instant::now() < deadline);
            std::thread::park_timeout(Duration::from_millis(2));
        }
        let addresses = endpoint.strip_prefix("tcp://").unwrap();
        let mut more: Vec<TcpStream> =
            (0..20).map(|_| TcpStream::connect(addresses).unwrap()).collect();
        let deadline = Instant::now() + PATIENCE;
        while count(&counters(), "cut_too_many") < 20 {
            assert!(Instant::now() < deadline, "{:?}", counters());
            std::thread::park_timeout(Duration::from_millis(2));
        }
        assert!(first.iter().all(is_up));
        assert!(more.iter_mut().all(is_cut));
        // There is room again once somebody has left.
        first.clear();
        let deadline = Instant::now() + PATIENCE;
        while count(&counters(), "connections") > 0 {
            assert!(Instant::now() < deadline, "{:?}", counters());
            std::thread::park_timeout(Duration::from_millis(2));
        }
    });
}

#[test]
fn a_message_that_never_ends_is_cut() {
    for (frame, repeated) in [(vec![1, 0], 32 << 10), ([vec![1, 200], vec![7; 200]].concat(), 400)]
    {
        with_submit_server(&listen(500, 250), |server, endpoint| {
            let mut endless = connect(endpoint, "DEALER");
            endless.set_write_timeout(Some(PATIENCE)).unwrap();
            let block = frame.repeat(repeated);
            // 64 MiB at most: it must not be needed.
            let blocks = (64 << 20) / block.len();
            let failure = (0..blocks).find_map(|_| endless.write_all(&block).err());
            let failure = failure.expect("64 MiB were taken").kind();
            // It is told, and does not wait for a window that nobody opens again.
            assert!(!matches!(failure, ErrorKind::WouldBlock | ErrorKind::TimedOut), "{failure}");
            assert_eq!(count(&server.connections().snapshot(), "cut_unfinished"), 1);
        });
    }
}

#[test]
fn a_long_message_in_small_pieces_is_no_endless_one() {
    with_submit_server(&listen(500, 250), |server, endpoint| {
        let mut slow = connect(endpoint, "DEALER");
        let event = vec![b'x'; 100 << 10];
        let length = (event.len() as u64).to_be_bytes();
        for _ in 0..8 {
            slow.write_all(&[[3].as_slice(), &length].concat()).unwrap();
            for piece in event.chunks(30 << 10) {
                slow.write_all(piece).unwrap();
                slow.flush().unwrap();
                std::thread::park_timeout(Duration::from_millis(60));
            }
            slow.write_all(&[0, 1, b'q']).unwrap();
            // The reply: two frames, of which the first is the request id.
            slow.read_exact(&mut [0; 3]).unwrap();
        }
        assert!(is_up(&slow));
        assert_eq!(count(&server.connections().snapshot(), "cut_unfinished"), 0);
    });
}
