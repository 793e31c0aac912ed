//! Events for many encrypted subscribers at once, more than one core seals in a moment.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use laniakea_event::SignerId;
use laniakea_wire::{
    Endpoint, Listen,
    curve::{Clients, CurveGate, CurvePair},
    publish::{Publication, PublishServer},
};
use laniakea_zmtp::{
    Connection, Event, Limits, Role, Security, Setup,
    curve::{KeyPair, PublicKey, SecretKey},
};

const PATIENCE: Duration = Duration::from_secs(20);
const EVENTS: usize = 300;
const IDS: [&str; 3] = ["_lk.a.one", "_lk.a.two", "_lk.b.one"];

fn key(text: &str) -> [u8; 32] {
    z85::decode(text).unwrap().try_into().unwrap()
}

fn subscribe(endpoint: &str, setup: &Setup, topic: &str) -> (TcpStream, Connection) {
    let mut connection = Connection::new(setup, &mut |bytes: &mut [u8]| fastrand::fill(bytes));
    let mut stream = TcpStream::connect(endpoint.strip_prefix("tcp://").unwrap()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut bytes = [0; 4 << 10];
    while connection.peer().is_none() {
        stream.write_all(&connection.take_output()).unwrap();
        let length = stream.read(&mut bytes).unwrap();
        assert!(length > 0, "the server lets its subscribers in");
        connection.read(&mut &bytes[..length]).unwrap();
    }
    let mut output = connection.take_output();
    connection.subscribe(topic.as_bytes(), &mut output).unwrap();
    stream.write_all(&output).unwrap();
    (stream, connection)
}

/// The frames of what comes, so many messages.
fn read(stream: &mut TcpStream, connection: &mut Connection, count: usize) -> Vec<Vec<Vec<u8>>> {
    let mut messages = Vec::new();
    let mut bytes = vec![0; 64 << 10];
    while messages.len() < count {
        let length = stream.read(&mut bytes).unwrap();
        assert!(length > 0, "the server stays");
        let mut input = &bytes[..length];
        while let Some(event) = connection.read(&mut input).unwrap() {
            let Event::Message(message) = event else { panic!("{event:?}") };
            messages.push(message.frames().map(<[u8]>::to_vec).collect());
        }
    }
    messages
}

#[test]
fn each_of_many_has_whole_events_in_their_order_and_no_others() {
    let (pair, own) = (CurvePair::generate(), CurvePair::generate());
    let clients = Clients::default();
    clients.set([(own.public, SignerId::parse("mirk").unwrap())].into());
    let security = Security::CurveClient {
        own: KeyPair::of(SecretKey::from_bytes(key(&own.secret_text()))),
        server: PublicKey::from_bytes(key(&pair.public.to_string())),
    };
    let setup = Setup { role: Role::Sub, security, limits: Limits::of_messages(1 << 20, 4) };
    let listen = Listen {
        curve: vec![Endpoint("tcp://127.0.0.1:*".to_owned())],
        gate: Some(Arc::new(CurveGate::new(pair, clients))),
        ..Listen::default()
    };
    let server = PublishServer::bind(&listen).unwrap();
    let Endpoint(endpoint) = server.endpoints()[0].clone();
    let topics = ["", "_lk.a.", "_lk.b."];
    let mut subscribers: Vec<_> = (0..40)
        .map(|number| {
            let topic = topics[number % topics.len()];
            (topic, subscribe(&endpoint, &setup, topic))
        })
        .collect();
    let deadline = Instant::now() + PATIENCE;
    while server.subscriptions().load(Ordering::Relaxed) < 40 {
        assert!(Instant::now() < deadline, "waited in vain for the subscriptions");
        std::thread::park_timeout(Duration::from_millis(2));
    }
    let events: Vec<_> = (0..EVENTS)
        .map(|number| {
            let frame = format!("{number} {}", "x".repeat(number * 7)).into_bytes();
            Publication { id: IDS[number % IDS.len()].into(), frame: frame.into() }
        })
        .collect();
    // Single ones, which one thread seals, and many at once.
    let groups = [1, 2, 97, EVENTS];
    for group in groups {
        server.publish(events[..group].to_vec());
    }
    for (topic, (stream, connection)) in &mut subscribers {
        let published = groups.into_iter().flat_map(|group| &events[..group]);
        let wanted = published.filter(|event| event.id.starts_with(*topic));
        let expected: Vec<_> =
            wanted.map(|event| vec![event.id.as_bytes().to_vec(), event.frame.to_vec()]).collect();
        assert!(read(stream, connection, expected.len()) == expected, "{topic:?}");
    }
}
