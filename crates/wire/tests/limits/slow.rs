//! Subscribers that are slower than the events, or do not read at all.

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
    count, listen,
    raw::{connect, frame, is_up},
    until,
};

const ID: &str = "_lk.core.ping";
/// Events of these tests are so long.
const LENGTH: usize = 20_000;

fn event(number: usize) -> Publication {
    let frame = format!("{number:>LENGTH$}").into_bytes();
    Publication { id: ID.into(), frame: frame.into() }
}

fn subscriber(server: &PublishServer) -> TcpStream {
    let Endpoint(endpoint) = &server.endpoints()[0];
    let before = server.subscriptions().load(Ordering::Relaxed);
    let mut stream = connect(endpoint, "SUB");
    stream.write_all(&frame(0, b"\x01_lk.")).unwrap();
    until("the subscription", || server.subscriptions().load(Ordering::Relaxed) == before + 1);
    stream
}

/// Reads one event, whole.
fn read_number(stream: &mut TcpStream) -> usize {
    let mut header = vec![0; 2 + ID.len() + 9];
    stream.read_exact(&mut header).unwrap();
    let long = [&frame(1, ID.as_bytes())[..], &[2], &(LENGTH as u64).to_be_bytes()].concat();
    assert_eq!(header, long);
    let mut body = vec![0; LENGTH];
    stream.read_exact(&mut body).unwrap();
    String::from_utf8(body).unwrap().trim().parse().unwrap()
}

#[test]
fn a_subscriber_that_never_reads_costs_the_others_nothing() {
    let server = PublishServer::bind(&listen(500, 250)).unwrap();
    let mut good = subscriber(&server);
    let silent: Vec<TcpStream> = (0..20).map(|_| subscriber(&server)).collect();
    let mut slowest = Duration::ZERO;
    for number in 0..2_000 {
        let start = Instant::now();
        server.publish(vec![event(number)]);
        assert_eq!(read_number(&mut good), number);
        slowest = slowest.max(start.elapsed());
    }
    assert!(slowest < Duration::from_secs(1), "an event took {slowest:?}");
    assert!(silent.iter().all(is_up));
    assert!(count(&server.connections().snapshot(), "lost_events") > 0);
}

#[test]
fn a_reader_that_stops_in_the_middle_of_an_event_finds_whole_events_later() {
    let server = PublishServer::bind(&listen(500, 250)).unwrap();
    let mut reader = subscriber(&server);
    // Half of the first event, and then nothing for as long as all room is taken.
    server.publish(vec![event(0)]);
    let mut half = vec![0; LENGTH / 2];
    reader.read_exact(&mut half).unwrap();
    let lost = || count(&server.connections().snapshot(), "lost_events");
    let mut sent = 1;
    while lost() < 100 {
        server.publish((sent..sent + 10).map(event).collect());
        sent += 10;
        assert!(sent < 100_000);
    }
    let mut rest = vec![0; 2 + ID.len() + 9 + LENGTH - half.len()];
    reader.read_exact(&mut rest).unwrap();
    // What was kept comes in order, without a gap, and whole; what is new comes after it.
    let mut next = 1;
    let kept = loop {
        let number = read_number(&mut reader);
        if number != next {
            break next - 1;
        }
        next += 1;
        if next % 100 == 0 {
            server.publish(vec![event(sent)]);
            sent += 1;
        }
    };
    assert!(kept * LENGTH >= 4 << 20, "{kept} events were kept");
    assert!(is_up(&reader));
}

#[test]
fn a_reader_that_stops_for_a_while_stays_connected() {
    let server = PublishServer::bind(&listen(500, 250)).unwrap();
    let mut reader = subscriber(&server);
    let start = Instant::now();
    let mut sent = 0;
    while start.elapsed() < Duration::from_secs(4) {
        server.publish(vec![event(sent)]);
        sent += 1;
        std::thread::park_timeout(Duration::from_millis(2));
    }
    assert!(is_up(&reader));
    assert_eq!(read_number(&mut reader), 0);
    let snapshot = server.connections().snapshot();
    assert_eq!((count(&snapshot, "connections"), count(&snapshot, "cut_vanished")), (1, 0));
}

#[test]
fn events_go_to_whoever_subscribed_to_what_their_ids_begin_with() {
    let server = PublishServer::bind(&listen(500, 250)).unwrap();
    let mut ours = subscriber(&server);
    let mut others = connect(&server.endpoints()[0].0, "SUB");
    others.write_all(&frame(4, b"\x09SUBSCRIBEa.")).unwrap();
    until("the subscription", || server.subscriptions().load(Ordering::Relaxed) == 2);
    let elsewhere = |number: usize| Publication { id: "a.b".into(), ..event(number) };
    for group in [200, 1] {
        let events = (0..group)
            .map(|number| if number % 3 == 0 { elsewhere(number) } else { event(number) });
        server.publish(events.collect());
    }
    server.publish(vec![event(7)]);
    for expected in (0..200).filter(|number| number % 3 != 0).chain([7]) {
        assert_eq!(read_number(&mut ours), expected);
    }
    let mut header = [0; 5];
    others.read_exact(&mut header).unwrap();
    assert_eq!(&header, b"\x01\x03a.b");
    drop(Arc::new(others));
}
