//! The replay endpoint: who asks without pause, and who leaves before the answer.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use laniakea_event::Seq;
use laniakea_wire::{
    Endpoint,
    curve::Security,
    replay::{Header, ReplayClient, ReplayServer, Request},
};
use uuid::Uuid;

use crate::{
    PATIENCE, count, listen,
    raw::{connect, frame},
    until,
};

/// What one request costs the server of these tests.
const WORK: Duration = Duration::from_millis(20);

/// A server that has to work for each answer, and how many it worked for.
fn with_replay_server(test: impl FnOnce(&ReplayServer, &str, &AtomicUsize)) {
    let server = ReplayServer::bind(&listen(500, 250)).unwrap();
    let Endpoint(endpoint) = server.endpoints()[0].clone();
    let worked = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let answers = server.answers();
            while let Some(request) = server.next() {
                std::thread::park_timeout(WORK);
                worked.fetch_add(1, Ordering::Relaxed);
                let header = Header::new(Uuid::nil(), Seq(1), Seq(0));
                answers.answer(request, &header, Vec::new());
            }
        });
        let test = || test(&server, &endpoint, &worked);
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(test));
        server.closer().close();
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    });
}

/// A peer that sends one request after the other without waiting, until it is stopped.
fn pipeline(stream: &mut TcpStream, requests: usize) {
    let request = [frame(1, b"id"), frame(0, br#"{"op":"status"}"#)].concat();
    stream.write_all(&request.repeat(requests)).unwrap();
}

fn ask(endpoint: &str) -> Duration {
    let mut client = ReplayClient::connect(endpoint, &Security::Plain, PATIENCE).unwrap();
    let start = Instant::now();
    client.request(&Request::Status(None)).unwrap();
    start.elapsed()
}

#[test]
fn a_peer_that_asks_without_waiting_stands_before_nobody() {
    with_replay_server(|_, endpoint, worked| {
        let mut greedy: Vec<TcpStream> = (0..5).map(|_| connect(endpoint, "DEALER")).collect();
        for stream in &mut greedy {
            pipeline(stream, 2_000);
        }
        let took = ask(endpoint);
        // Five others, each with one request before it.
        assert!(took < WORK * 5 * 5, "a newcomer waited for {took:?}");
        // The others are told that they are busy; nothing is kept for later.
        let mut answers = String::new();
        let stream = &mut greedy[0];
        while !answers.contains("busy") {
            let mut buffer = [0; 512];
            let length = stream.read(&mut buffer).unwrap();
            assert!(length > 0);
            answers.push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
        until("the flood to be over", || {
            let before = worked.load(Ordering::Relaxed);
            std::thread::park_timeout(WORK * 10);
            worked.load(Ordering::Relaxed) == before
        });
        assert!(worked.load(Ordering::Relaxed) < 500);
    });
}

#[test]
fn nothing_is_done_for_peers_that_are_gone() {
    with_replay_server(|server, endpoint, worked| {
        let mut peers: Vec<TcpStream> = (0..100).map(|_| connect(endpoint, "DEALER")).collect();
        for stream in &mut peers {
            pipeline(stream, 100);
        }
        until("the first answer", || worked.load(Ordering::Relaxed) > 0);
        drop(peers);
        let connections = || count(&server.connections().snapshot(), "connections");
        until("the connections to be forgotten", || connections() == 0);
        let before = worked.load(Ordering::Relaxed);
        ask(endpoint);
        let done = worked.load(Ordering::Relaxed) - before;
        // The one that was being served, and the newcomer's.
        assert!(done <= 2, "{done} were served");
        assert_eq!(server.waiting(), 0);
    });
}

#[test]
fn a_server_that_is_closed_ends_although_peers_go_on_asking() {
    let server = Arc::new(ReplayServer::bind(&listen(500, 250)).unwrap());
    let Endpoint(endpoint) = server.endpoints()[0].clone();
    let mut stream = connect(&endpoint, "DEALER");
    let flood = std::thread::spawn(move || {
        let request = [frame(1, b"id"), frame(0, br#"{"op":"status"}"#)].concat().repeat(100);
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline && stream.write_all(&request).is_ok() {}
    });
    let work = std::thread::spawn({
        let server = server.clone();
        move || {
            let answers = server.answers();
            while let Some(request) = server.next() {
                answers.answer(request, &Header::new(Uuid::nil(), Seq(1), Seq(0)), Vec::new());
            }
        }
    });
    until("the first request", || count(&server.connections().snapshot(), "connections") == 1);
    let start = Instant::now();
    server.closer().close();
    work.join().unwrap();
    drop(server);
    assert!(start.elapsed() < Duration::from_secs(4), "it took {:?}", start.elapsed());
    flood.join().unwrap();
}
