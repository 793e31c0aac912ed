//! Encrypted endpoints: strangers keep out nobody whose key is trusted, nor does one such key.

use std::{
    collections::VecDeque,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use laniakea_event::SignerId;
use laniakea_wire::{
    ConnectionLimits, Endpoint, Listen,
    curve::{Clients, CurveGate, CurveKey, CurvePair, Security},
    submit::{Publisher, PublisherConfig, SubmitServer},
};
use laniakea_zmtp::{
    Connection, Limits, Role, Setup,
    curve::{KeyPair, PublicKey},
};

use crate::{
    PATIENCE,
    addresses::{HERE, THERE, connect_from},
    count,
    raw::is_cut,
    until, with_answers,
};

/// A relay that trusts some keys.
struct Guarded {
    listen: Listen,
    key: CurveKey,
    trusted: Vec<CurvePair>,
}

impl Guarded {
    fn new(connections: usize, keys: usize) -> Self {
        let clients = Clients::default();
        let trusted: Vec<_> = (0..keys).map(|_| CurvePair::generate()).collect();
        let signer = |number: usize| SignerId::parse(&format!("module-{number}")).unwrap();
        clients.set((0..keys).map(|number| (trusted[number].public, signer(number))).collect());
        let pair = CurvePair::generate();
        let key = pair.public;
        let listen = Listen {
            curve: vec![Endpoint("tcp://127.0.0.1:*".to_owned())],
            gate: Some(Arc::new(CurveGate::new(pair, clients))),
            limits: ConnectionLimits { connections, ..ConnectionLimits::default() },
            ..Listen::default()
        };
        Self { listen, key, trusted }
    }

    /// Connects with one of the keys.
    fn client(&self, endpoint: &str, key: usize) -> Client {
        let security = Security::Curve { server: self.key, own: self.trusted[key].clone() };
        let config =
            PublisherConfig { security, timeout: PATIENCE, ..PublisherConfig::new(endpoint) };
        Client(Publisher::connect(config).unwrap())
    }

    /// What a stranger can say who knows the relay's key: all of a handshake that comes before its own.
    fn hello(&self, endpoint: &str) -> Vec<u8> {
        let server: [u8; 32] = zmq::z85_decode(&self.key.to_string()).unwrap().try_into().unwrap();
        let random = &mut |bytes: &mut [u8]| fastrand::fill(bytes);
        let security = laniakea_zmtp::Security::CurveClient {
            own: KeyPair::generate(random),
            server: PublicKey::from_bytes(server),
        };
        let setup = Setup { role: Role::Dealer, security, limits: Limits::of_messages(1, 1) };
        let mut connection = Connection::new(&setup, random);
        let mut said = connection.take_output();
        let mut stream = connect_from(HERE, endpoint);
        stream.write_all(&said).unwrap();
        let mut greeting = [0; 64];
        stream.read_exact(&mut greeting).unwrap();
        assert_eq!(connection.read(&mut &greeting[..]).unwrap(), None);
        said.extend(connection.take_output());
        said
    }
}

struct Client(Publisher);

impl Client {
    /// How long a submission takes.
    fn submit(&self) -> Duration {
        let start = Instant::now();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(self.0.submit(b"{}".to_vec())).unwrap();
        start.elapsed()
    }
}

fn counter(server: &SubmitServer, name: &str) -> u64 {
    count(&server.connections().snapshot(), name)
}

fn stranger(address: Ipv4Addr, endpoint: &str, hello: &[u8]) -> TcpStream {
    let mut stream = connect_from(address, endpoint);
    // It may be cut by now.
    drop(stream.write_all(hello));
    stream
}

/// Strangers come one after the other, so many at least and until somebody is done. The newest stay.
fn crowd(came: &AtomicUsize, is_done: &AtomicBool, mut stranger: impl FnMut() -> TcpStream) {
    const STRANGERS: usize = 10_000;
    let start = Instant::now();
    let mut held = VecDeque::new();
    while came.load(Ordering::Relaxed) < STRANGERS || !is_done.load(Ordering::Relaxed) {
        held.push_back(stranger());
        came.fetch_add(1, Ordering::Relaxed);
        if held.len() > 350 {
            held.pop_front();
        }
        if start.elapsed() > 3 * PATIENCE {
            break;
        }
    }
}

#[test]
fn ten_thousand_strangers_who_say_hello_keep_out_nobody_who_is_trusted() {
    for address in [THERE, HERE] {
        let guarded = Guarded::new(500, 8);
        with_answers(&guarded.listen, |_, endpoint| {
            let hello = guarded.hello(endpoint);
            let (came, is_done) = (AtomicUsize::new(0), AtomicBool::new(false));
            let slowest = std::thread::scope(|scope| {
                scope.spawn(|| crowd(&came, &is_done, || stranger(address, endpoint, &hello)));
                until("a crowd", || came.load(Ordering::Relaxed) > 500);
                let each = (0..8).map(|key| guarded.client(endpoint, key).submit());
                let slowest = each.max();
                is_done.store(true, Ordering::Relaxed);
                slowest.unwrap()
            });
            assert!(slowest < Duration::from_secs(5), "among strangers at {address}: {slowest:?}");
        });
    }
}

#[test]
fn the_last_place_is_for_whom_one_knows() {
    let guarded = Guarded::new(4, 5);
    with_answers(&guarded.listen, |server, endpoint| {
        let hello = guarded.hello(endpoint);
        let mut clients = Vec::new();
        for key in 0..4 {
            // As many as there are places, and one more.
            let mut strangers: Vec<_> = (0..5).map(|_| stranger(THERE, endpoint, &hello)).collect();
            assert!(strangers[..3].iter_mut().all(is_cut));
            let client = guarded.client(endpoint, key);
            client.submit();
            clients.push(client);
        }
        until("the strangers to be given up", || counter(server, "connections") == 4);
        let mut late = stranger(THERE, endpoint, &hello);
        assert!(is_cut(&mut late));
        assert_eq!(counter(server, "cut_too_many"), 1);
        for client in &clients {
            client.submit();
        }
    });
}

#[test]
fn one_key_takes_half_of_the_places_and_leaves_the_rest() {
    let guarded = Guarded::new(16, 2);
    with_answers(&guarded.listen, |server, endpoint| {
        let greedy: Vec<_> = (0..8).map(|_| guarded.client(endpoint, 0)).collect();
        for client in &greedy {
            client.submit();
        }
        let _more: Vec<_> = (0..8).map(|_| guarded.client(endpoint, 0)).collect();
        until("one too many", || counter(server, "cut_key") >= 8);
        guarded.client(endpoint, 1).submit();
        for client in &greedy {
            client.submit();
        }
    });
}
