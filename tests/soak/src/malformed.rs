//! Malformed ZMTP: streams that break the protocol under the events, at every endpoint.

mod streams;
mod zmtp;

use std::{
    collections::VecDeque,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use fastrand::Rng;
use laniakea_e2e::{Relay, RunningRelay, until};
use rustix::net::sockopt::set_socket_linger;

use self::{
    streams::{Ending, Pace, Stream, Streams},
    zmtp::{GREETING_BYTES, MORE, frame, handshake, recorded_hello},
};
use crate::{
    Outcome, Scale,
    steady::Steady,
    submitter::Submitter,
    trial::{Attack, Trial, status, without_rates},
};

const ATTACKERS: u64 = 4;
/// Connections to submit, and as many to publish, that show what connections cost.
const GOOD_CONNECTIONS: u64 = 200;
/// Connections that each attacker leaves open: 400 in all.
const HELD: usize = 90;
const SLOW: usize = 10;
/// Messages that do not end: so many, and so many bytes of each.
const ENDLESS: u64 = 6;
const ENDLESS_BYTES: u64 = 64 << 20;
/// How long the relay may leave bytes unread before one gives up on the stream.
const STUCK: Duration = Duration::from_secs(2);
/// How long one waits for an answer to half a handshake.
const SILENT: Duration = Duration::from_millis(100);
/// Between the good events that are emitted all the while.
const INTERVAL: Duration = Duration::from_millis(20);

/// An endpoint to attack.
#[derive(Debug, Clone)]
pub struct Target {
    /// Such as `tcp://127.0.0.1:5571`.
    pub endpoint: String,
    /// The kind of socket that may connect: `DEALER` or `SUB`.
    pub socket_type: &'static str,
    /// How the endpoint wants to be spoken to.
    pub mechanism: Mechanism,
}

/// How connections to an endpoint are secured.
#[derive(Debug, Clone)]
pub enum Mechanism {
    /// They are not.
    Null,
    /// By CURVE, with this key of the server's, in Z85.
    Curve(String),
}

/// Runs the trial against the three plain endpoints and the three encrypted ones.
pub fn run(scale: &Scale) -> Outcome {
    let mut trial = Trial::begin(without_rates(Relay::new().encrypted()));
    let endpoints = trial.relay.endpoints().clone();
    let key = trial.relay.curve_key().unwrap().to_owned();
    let plain = [endpoints.submit, endpoints.publish, endpoints.replay];
    let plain = plain.into_iter().map(|endpoint| (endpoint, Mechanism::Null));
    let encrypted = endpoints.curve.into_iter().map(|it| (it, Mechanism::Curve(key.clone())));
    let socket_types = ["DEALER", "SUB", "DEALER"].into_iter().cycle();
    let targets: Vec<Target> = plain
        .chain(encrypted)
        .zip(socket_types)
        .map(|((endpoint, mechanism), socket_type)| Target { endpoint, socket_type, mechanism })
        .collect();
    assert_eq!(targets.len(), 6);
    // What so many connections cost is not what the broken ones leave behind.
    open_many(&trial.relay);
    trial.measure();
    run_against(trial, &targets, scale)
}

fn run_against(mut trial: Trial, targets: &[Target], scale: &Scale) -> Outcome {
    let targets: Arc<Vec<_>> = Arc::new(targets.iter().map(prepare).collect());
    let inputs = scale.of(100_000);
    let steady = Steady::start(&trial.relay, &trial.good, INTERVAL);
    let attackers: Vec<_> = (0..ATTACKERS)
        .map(|number| {
            let mut attacker = Attacker::new(targets.clone(), scale.rng(number));
            let count = inputs / ATTACKERS;
            std::thread::spawn(move || attacker.attack(count))
        })
        .collect();
    let refused: u64 = attackers.into_iter().map(|thread| thread.join().unwrap()).sum();
    let mut crashes = trial.look();
    let endless = endless(&targets, scale);
    crashes += trial.look();
    let served = steady.stop();
    let heard = trial.heard();
    let attack = Attack {
        inputs: inputs / ATTACKERS * ATTACKERS + endless.len() as u64,
        zeros: vec![
            ("good events refused", served.refused),
            ("good events unanswered", served.unanswered),
            ("published and not verifiable", heard.unverified),
            ("published twice", heard.repeated()),
        ],
        notes: vec![
            format!(
                "good events meanwhile: {}, p99 {:?}, slowest reply {:?}",
                served.sent,
                served.p99(),
                served.slowest()
            ),
            format!("connections refused or cut before anything was sent: {refused}"),
            format!("messages without end got as far as {}", endless.join(", ")),
        ],
        faults: Vec::new(),
        crashes: u64::from(crashes > 0),
    };
    trial.end("malformed", attack)
}

/// As many good connections as there will be bad ones, for a moment.
fn open_many(relay: &RunningRelay) {
    let context = zmq::Context::new();
    let sinks: Vec<_> = (0..GOOD_CONNECTIONS)
        .map(|number| {
            let sink = context.socket(zmq::SUB).unwrap();
            sink.set_linger(0).unwrap();
            sink.set_subscribe(format!("_lk.number-{number}.").as_bytes()).unwrap();
            sink.connect(&relay.endpoints().publish).unwrap();
            sink
        })
        .collect();
    let submitters: Vec<_> = (0..GOOD_CONNECTIONS)
        .map(|_| Submitter::connect(&relay.endpoints().submit))
        .map(|mut submitter| (submitter.submit(b"{}".to_vec(), ()).took, submitter))
        .collect();
    let subscriptions = |count: u64| {
        let counters = status(relay).counters.unwrap_or_default();
        (counters.get("subscriptions") == Some(&count)).then_some(())
    };
    let others = 2;
    until("the subscriptions", || subscriptions(GOOD_CONNECTIONS + others));
    drop((sinks, submitters));
    until("their end", || subscriptions(others));
}

struct Prepared {
    address: SocketAddr,
    streams: Streams,
}

fn prepare(target: &Target) -> Prepared {
    let address = target.endpoint.strip_prefix("tcp://").unwrap().parse().unwrap();
    let server_key = match &target.mechanism {
        Mechanism::Null => zmq::CurveKeyPair::new().unwrap().public_key.to_vec(),
        Mechanism::Curve(key) => zmq::z85_decode(key).unwrap(),
    };
    let streams = Streams {
        socket_type: target.socket_type,
        hello: recorded_hello(&server_key),
        is_curve: matches!(target.mechanism, Mechanism::Curve(_)),
    };
    Prepared { address, streams }
}

struct Attacker {
    targets: Arc<Vec<Prepared>>,
    rng: Rng,
    held: VecDeque<TcpStream>,
    /// With what is still to be sent, the next byte last.
    slow: VecDeque<(TcpStream, Vec<u8>)>,
}

impl Attacker {
    fn new(targets: Arc<Vec<Prepared>>, rng: Rng) -> Self {
        Self { targets, rng, held: VecDeque::new(), slow: VecDeque::new() }
    }

    /// Gives back how many connections came to nothing.
    fn attack(&mut self, count: u64) -> u64 {
        let mut refused = 0;
        for _ in 0..count {
            let targets = self.targets.clone();
            let target = self.rng.choice(targets.iter()).unwrap();
            let stream = target.streams.next(&mut self.rng);
            match connect(target.address) {
                Ok(connection) => self.send(connection, stream),
                Err(_) => refused += 1,
            }
            self.go_on_slowly();
        }
        refused
    }

    fn send(&mut self, mut connection: TcpStream, stream: Stream) {
        match stream.pace {
            // The relay may cut the connection at any byte, which is its right.
            Pace::AtOnce => drop(connection.write_all(&stream.bytes)),
            Pace::InTurns(first) => {
                drop(connection.write_all(&stream.bytes[..first]));
                wait_for_answer(&mut connection);
                drop(connection.write_all(&stream.bytes[first..]));
            }
            Pace::Slowly => {
                if self.slow.len() >= SLOW {
                    self.slow.pop_front();
                }
                let rest = stream.bytes.into_iter().rev().collect();
                self.slow.push_back((connection, rest));
                return;
            }
        }
        match stream.ending {
            Ending::Close => {}
            Ending::Reset => drop(set_socket_linger(&connection, Some(Duration::ZERO))),
            Ending::Hold => {
                if self.held.len() >= HELD {
                    self.held.pop_front();
                }
                self.held.push_back(connection);
            }
        }
    }

    /// One byte more on each of the slow connections; those that are done stay open.
    fn go_on_slowly(&mut self) {
        for (connection, rest) in &mut self.slow {
            if let Some(byte) = rest.pop() {
                drop(connection.write_all(&[byte]));
            }
        }
    }
}

fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let connection = TcpStream::connect_timeout(&address, STUCK)?;
    connection.set_write_timeout(Some(STUCK))?;
    connection.set_read_timeout(Some(SILENT))?;
    connection.set_nodelay(true)?;
    Ok(connection)
}

/// Reads the relay's greeting and what comes after it.
fn wait_for_answer(connection: &mut TcpStream) {
    let mut buffer = [0; 1_024];
    let mut received = 0;
    while received <= GREETING_BYTES {
        match connection.read(&mut buffer) {
            Ok(count) if count > 0 => received += count,
            // It hung up, which is an answer too, or has nothing to say to this.
            _ => return,
        }
    }
}

/// Sends messages that do not end, and leaves them all open; says how far each got.
fn endless(targets: &[Prepared], scale: &Scale) -> Vec<String> {
    let count = scale.of(ENDLESS).max(targets.len() as u64);
    let streams = (0..).zip(targets.iter().cycle()).take(usize::try_from(count).unwrap());
    let (open, told): (Vec<_>, Vec<_>) = streams
        .map(|(number, target)| {
            // Small frames cost the relay more memory than they cost the sender.
            let (size, bytes) =
                if number % 2 == 0 { (60 << 10, ENDLESS_BYTES) } else { (1, ENDLESS_BYTES / 8) };
            let bytes = scale.of(bytes).max(1 << 20);
            let (connection, sent) = send_endless(target, size, bytes).unwrap();
            (connection, format!("{} KiB of {}", sent >> 10, bytes >> 10))
        })
        .unzip();
    drop(open);
    told
}

fn send_endless(target: &Prepared, size: usize, bytes: u64) -> std::io::Result<(TcpStream, u64)> {
    let mut connection = connect(target.address)?;
    connection.write_all(&handshake(target.streams.socket_type))?;
    wait_for_answer(&mut connection);
    let one = frame(MORE, &vec![b'x'; size]);
    let piece = one.repeat((64 << 10) / one.len() + 1);
    let mut sent = 0;
    while sent < bytes {
        match connection.write(&piece) {
            Ok(written) => sent += written as u64,
            Err(_) => break,
        }
    }
    Ok((connection, sent))
}
