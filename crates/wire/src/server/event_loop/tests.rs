//! How much happens before what was read is handed on.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use crossbeam_channel::{Receiver, Sender, bounded};
use laniakea_zmtp::{self as zmtp, Limits, Role, Security, Setup, encode};

use super::{Connection, Connections, Cut, Duration, Message, Pool, ROUND_TIME, Service};
use crate::{
    Endpoint, Listen,
    server::{BoundServer, Settings},
};

const PATIENCE: Duration = Duration::from_secs(30);
const LIMITS: Limits = Limits::of_messages(1 << 10, 4);
const PEERS: usize = 10;

/// Takes long over each message, and says how many there were before they were handed on.
struct Slow {
    gate: Receiver<()>,
    count: usize,
    handed_on: Sender<usize>,
}

impl Service for Slow {
    const TURN: usize = 8;
    const MAX_UNSENT: usize = usize::MAX;

    fn message(&mut self, _: &mut Connection, _: Message, _: &Pool) -> Result<(), Cut> {
        // The first waits until all have sent theirs, and finds nobody to wait for afterwards.
        self.gate.recv_timeout(PATIENCE).unwrap_or_default();
        std::thread::park_timeout(ROUND_TIME * 2);
        self.count += 1;
        Ok(())
    }

    fn hand_on(&mut self) {
        if self.count > 0 {
            self.handed_on.send(std::mem::take(&mut self.count)).unwrap_or_default();
        }
    }

    fn send(&mut self, _: &mut Connections) -> Option<Duration> {
        None
    }
}

fn connect(endpoint: &Endpoint) -> TcpStream {
    let setup = Setup { role: Role::Dealer, security: Security::NullClient, limits: LIMITS };
    let mut zmtp = zmtp::Connection::new(&setup, &mut |_| {});
    let mut stream = TcpStream::connect(endpoint.0.strip_prefix("tcp://").unwrap()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut bytes = [0; 1 << 10];
    while zmtp.peer().is_none() {
        stream.write_all(&zmtp.take_output()).unwrap();
        let length = stream.read(&mut bytes).unwrap();
        zmtp.read(&mut &bytes[..length]).unwrap();
    }
    stream.write_all(&zmtp.take_output()).unwrap();
    stream
}

#[test]
fn what_was_read_is_handed_on_soon_however_long_each_turn_takes() {
    let settings =
        Settings { name: "slow", role: Role::Router, messages: LIMITS, max_unsent: 1 << 20 };
    let listen = Listen::plain([Endpoint("tcp://127.0.0.1:0".to_owned())]);
    let bound = BoundServer::bind(&listen, &settings).unwrap();
    let (open, gate) = bounded(1);
    let (handed_on, rounds) = bounded(PEERS);
    let server = bound.start(Slow { gate, count: 0, handed_on }).unwrap();
    let mut peers: Vec<_> = (0..PEERS).map(|_| connect(&server.endpoints[0])).collect();
    let mut message = Vec::new();
    encode(&["x"], &mut message);
    for peer in &mut peers {
        peer.write_all(&message).unwrap();
    }
    drop(open);
    let mut left = PEERS;
    while left > 0 {
        let count = rounds.recv_timeout(PATIENCE).expect("all are handed on");
        assert_eq!(count, 1, "more than one turn after the time of a round");
        left -= count;
    }
}
