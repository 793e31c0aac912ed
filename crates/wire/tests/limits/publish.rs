//! The publish endpoint: who asks for too much, and who sends what nobody needs.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use laniakea_wire::{
    Endpoint,
    publish::{Publication, PublishServer},
};

use crate::{
    PATIENCE, count, listen,
    raw::{connect, frame, is_cut, is_up},
    until,
};

#[test]
fn a_subscriber_to_everything_there_is_is_cut() {
    let server = PublishServer::bind(&listen(500, 100)).unwrap();
    let Endpoint(endpoint) = server.endpoints()[0].clone();
    let subscribe = |stream: &mut TcpStream, number: usize| {
        let topic = format!("\x01_lk.number-{number}.");
        stream.write_all(&frame(0, topic.as_bytes()))
    };
    let mut modest = connect(&endpoint, "SUB");
    (0..100).for_each(|number| subscribe(&mut modest, number).unwrap());
    let mut greedy = connect(&endpoint, "SUB");
    for number in 0..101 {
        // It may be cut while it still asks.
        drop(subscribe(&mut greedy, number));
    }
    assert!(is_cut(&mut greedy));
    assert!(is_up(&modest));
    let counters = server.connections().snapshot();
    assert_eq!(count(&counters, "cut_subscriptions"), 1);
    until("its subscriptions to be forgotten", || {
        server.subscriptions().load(Ordering::Relaxed) == 100
    });
}

/// Everything but a subscription that a peer can send at once, a thousand times and more.
fn junk() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("unsubscriptions", frame(0, b"\0never")),
        ("user data", frame(0, b"hello")),
        ("empty frames", frame(0, b"")),
        (
            "messages of many frames",
            [frame(1, b"x"), frame(1, b"\x01a"), frame(0, b"\0a")].concat(),
        ),
        ("CANCEL", frame(4, b"\x06CANCELnever")),
        ("the same subscription", frame(0, b"\x01a.")),
        ("SUBSCRIBE", frame(4, b"\x09SUBSCRIBEa.")),
        ("a subscription and its end", [frame(0, b"\x01a."), frame(0, b"\0a.")].concat()),
    ]
}

/// One event, published to a subscriber, and how long it took to come.
fn publish_one(server: &PublishServer, subscriber: &mut TcpStream) -> Duration {
    let start = Instant::now();
    let publication = Publication { id: "_lk.core.ping".into(), frame: Arc::from(&b"{}"[..]) };
    server.publish(vec![publication]);
    let expected = [frame(1, b"_lk.core.ping"), frame(0, b"{}")].concat();
    let mut received = vec![0; expected.len()];
    subscriber.read_exact(&mut received).unwrap();
    assert_eq!(received, expected);
    start.elapsed()
}

fn subscriber(server: &PublishServer, endpoint: &str) -> TcpStream {
    let before = server.subscriptions().load(Ordering::Relaxed);
    let mut stream = connect(endpoint, "SUB");
    stream.write_all(&frame(0, b"\x01_lk.")).unwrap();
    until("the subscription", || server.subscriptions().load(Ordering::Relaxed) == before + 1);
    stream
}

#[test]
fn whoever_sends_more_than_a_subscriber_needs_is_cut_and_events_go_out_meanwhile() {
    for (name, message) in junk() {
        let server = PublishServer::bind(&listen(500, 250)).unwrap();
        let Endpoint(endpoint) = server.endpoints()[0].clone();
        let mut modest = subscriber(&server, &endpoint);
        let mut flooder = connect(&endpoint, "SUB");
        let flood = std::thread::spawn(move || {
            let block = message.repeat(10_000);
            // Until it is cut, and no longer than there is patience.
            let deadline = Instant::now() + PATIENCE;
            while Instant::now() < deadline && flooder.write_all(&block).is_ok() {}
            is_cut(&mut flooder)
        });
        let mut slowest = Duration::ZERO;
        while !flood.is_finished() {
            slowest = slowest.max(publish_one(&server, &mut modest));
        }
        assert!(flood.join().unwrap(), "{name}: it goes on");
        slowest = slowest.max(publish_one(&server, &mut modest));
        assert!(slowest < Duration::from_secs(1), "{name}: an event took {slowest:?}");
        let counters = server.connections().snapshot();
        assert_eq!(count(&counters, "cut_messages"), 1, "{name}: {counters:?}");
        until("what it subscribed to to be forgotten", || {
            server.subscriptions().load(Ordering::Relaxed) == 1
        });
        assert!(is_up(&modest));
    }
}

#[test]
fn ends_of_what_was_never_subscribed_make_no_room_for_more() {
    let server = PublishServer::bind(&listen(500, 100)).unwrap();
    let Endpoint(endpoint) = server.endpoints()[0].clone();
    let mut greedy = connect(&endpoint, "SUB");
    let mut messages = Vec::new();
    for number in 0..101 {
        messages.extend(frame(0, b"\0never"));
        messages.extend(frame(0, format!("\x01_lk.number-{number}.").as_bytes()));
    }
    drop(greedy.write_all(&messages));
    assert!(is_cut(&mut greedy));
    assert_eq!(count(&server.connections().snapshot(), "cut_subscriptions"), 1);
}

#[test]
fn what_no_id_begins_with_is_no_subscription_to_keep() {
    let server = PublishServer::bind(&listen(500, 100)).unwrap();
    let Endpoint(endpoint) = server.endpoints()[0].clone();
    let mut modest = subscriber(&server, &endpoint);
    let mut endless = connect(&endpoint, "SUB");
    endless.write_all(&frame(0, &[&[1], &[b'a'; 129][..]].concat())).unwrap();
    endless.write_all(&frame(0, b"\x01_lk.")).unwrap();
    until("the one that counts", || server.subscriptions().load(Ordering::Relaxed) == 2);
    publish_one(&server, &mut modest);
    assert!(is_up(&endless));
    // It could be part of no id, and is a flood.
    let header = [&[2][..], &2_000_u64.to_be_bytes()].concat();
    drop(endless.write_all(&[&header, &[1; 2_000][..]].concat()));
    assert!(is_cut(&mut endless));
}

#[test]
fn a_crowd_with_many_subscriptions_that_leaves_holds_nobody_up() {
    let server = PublishServer::bind(&listen(500, 250)).unwrap();
    let Endpoint(endpoint) = server.endpoints()[0].clone();
    let mut modest = subscriber(&server, &endpoint);
    let mut crowd: Vec<TcpStream> = Vec::new();
    for peer in 0..400 {
        let mut stream = connect(&endpoint, "SUB");
        let topics = (0..250).map(|number| format!("\x01{peer}-{number:0>100}."));
        let messages: Vec<u8> = topics.flat_map(|topic| frame(0, topic.as_bytes())).collect();
        stream.write_all(&messages).unwrap();
        crowd.push(stream);
    }
    until("all subscriptions to be there", || {
        server.subscriptions().load(Ordering::Relaxed) == 1 + 400 * 250
    });
    assert!(crowd.iter_mut().all(|stream| is_up(stream)));
    drop(crowd);
    let slowest = publish_one(&server, &mut modest);
    assert!(slowest < Duration::from_secs(1), "an event took {slowest:?}");
    until("their subscriptions to be forgotten", || {
        server.subscriptions().load(Ordering::Relaxed) == 1
    });
}

#[test]
fn the_limit_of_subscriptions_holds_for_many_who_come_at_once() {
    let server = PublishServer::bind(&listen(500, 100)).unwrap();
    let Endpoint(endpoint) = server.endpoints()[0].clone();
    let mut modest = subscriber(&server, &endpoint);
    let greedy: Vec<bool> = std::thread::scope(|scope| {
        let one = |peer: usize| {
            let endpoint = &endpoint;
            move || {
                let mut stream = connect(endpoint, "SUB");
                let topics = (0..300).map(|number| format!("\x01_lk.peer-{peer}-number-{number}."));
                let messages: Vec<u8> =
                    topics.flat_map(|topic| frame(0, topic.as_bytes())).collect();
                // It may be cut while it still asks.
                drop(stream.write_all(&messages));
                is_cut(&mut stream)
            }
        };
        let peers: Vec<_> = (0..100).map(|peer| scope.spawn(one(peer))).collect();
        peers.into_iter().map(|peer| peer.join().unwrap()).collect()
    });
    assert!(greedy.iter().all(|is_cut| *is_cut));
    assert_eq!(count(&server.connections().snapshot(), "cut_subscriptions"), 100);
    until("their subscriptions to be forgotten", || {
        server.subscriptions().load(Ordering::Relaxed) == 1
    });
    let took = publish_one(&server, &mut modest);
    assert!(took < Duration::from_secs(1), "an event took {took:?}");
}
