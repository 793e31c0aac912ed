//! A source's events arrive in the order in which they were submitted, also where the relay went away
//! meanwhile.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    net::TcpStream,
    time::{Duration, Instant},
};

use laniakea_wire::{
    Endpoint, Listen,
    submit::{Next, Publisher, PublisherConfig, SubmitServer},
};

const PATIENCE: Duration = Duration::from_secs(20);

fn bind(endpoint: &str) -> SubmitServer {
    let listen = Listen::plain([Endpoint(endpoint.to_owned())]);
    let deadline = Instant::now() + PATIENCE;
    loop {
        // The port may be in use for as long as the one before closes.
        match SubmitServer::bind(&listen, 1 << 20) {
            Err(_) if Instant::now() < deadline => std::thread::yield_now(),
            bound => return bound.unwrap(),
        }
    }
}

/// Events in the order in which they came first, until there are so many.
fn arrivals(server: &SubmitServer, count: usize) -> Vec<Vec<u8>> {
    let mut arrived: Vec<Vec<u8>> = Vec::new();
    while arrived.len() < count {
        let Next::Batch(batch) = server.next(Some(PATIENCE)) else { break };
        for submission in batch {
            if !arrived.contains(&submission.event) {
                arrived.push(submission.event);
            }
        }
    }
    arrived
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_was_submitted_while_the_relay_was_away_does_not_overtake_what_was_before() {
    let server = bind("tcp://127.0.0.1:*");
    let endpoint = server.endpoints()[0].0.clone();
    let publisher = Publisher::connect(PublisherConfig::new(&endpoint)).unwrap();
    let event = |number: usize| format!("event {number}").into_bytes();
    let mut waiting = Vec::new();
    // Each future is polled once, so that the event is on its way.
    let mut submit = |number| {
        let mut submission = Box::pin(publisher.submit(event(number)));
        let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
        assert!(submission.as_mut().poll(context).is_pending());
        waiting.push(submission);
    };
    for number in 0..5 {
        submit(number);
    }
    assert_eq!(arrivals(&server, 5).len(), 5);
    drop(server);
    let address = endpoint.strip_prefix("tcp://").unwrap();
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(address).is_ok() {
        assert!(Instant::now() < deadline, "the relay is still there");
    }
    for number in 5..10 {
        submit(number);
    }
    let server = bind(&endpoint);
    assert_eq!(arrivals(&server, 10), (0..10).map(event).collect::<Vec<_>>());
}
