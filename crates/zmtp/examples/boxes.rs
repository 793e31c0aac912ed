//! What encryption costs: `cargo run --release -p laniakea-zmtp --example boxes`.
//!
//! Microseconds of one core, the best of several runs: a message of two frames, sealed and opened, by
//! the size of the second; the same in the clear; and a handshake, both sides together.

#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use std::{hint::black_box, time::Instant};

use laniakea_zmtp::{
    Connection, Event, Limits, Role, Security, Setup,
    curve::{KeyPair, SecretKey},
    encode,
};

const TOPIC: &[u8] = b"_lk.archive.package-published";
const RUNS: usize = 9;
const ROUNDS: u32 = 5_000;

fn main() {
    println!("bytes   encode    seal    open");
    for size in [35, 840, 8_192, 65_536] {
        let body = vec![7; size];
        let frames = [TOPIC, &body];
        let (mut client, mut server) = connected();
        let mut out = Vec::new();
        let encoded = best(ROUNDS, || {
            out.clear();
            encode(&frames, &mut out);
            black_box(&out);
        });
        let sealed = best(ROUNDS, || {
            out.clear();
            server.seal(&frames, &mut out).expect("it is ready");
            black_box(&out);
        });
        let both = best(ROUNDS, || {
            out.clear();
            server.seal(&frames, &mut out).expect("it is ready");
            let event = client.read(&mut &out[..]).expect("it was sealed for it");
            assert!(matches!(event, Some(Event::Message(_))));
        });
        println!("{size:5} {encoded:8.2} {sealed:7.2} {:7.2}", both - sealed);
    }
    let shaken = best(50, || drop(connected()));
    println!("a handshake, both sides: {shaken:.0}");
}

/// The best time for one round, in microseconds.
fn best(rounds: u32, mut round: impl FnMut()) -> f64 {
    let times = (0..RUNS).map(|_| {
        let start = Instant::now();
        (0..rounds).for_each(|_| round());
        start.elapsed().as_secs_f64() * 1e6 / f64::from(rounds)
    });
    times.fold(f64::INFINITY, f64::min)
}

fn connected() -> (Connection, Connection) {
    let pair = |number| KeyPair::of(SecretKey::from_bytes([number; 32]));
    let limits = Limits::of_messages(1 << 20, 4);
    let security = Security::CurveClient { own: pair(2), server: pair(1).public() };
    let client = Setup { role: Role::Sub, security, limits };
    let server = Setup { role: Role::XPub, security: Security::CurveServer(pair(1)), limits };
    let mut client = Connection::new(&client, &mut |bytes| bytes.fill(3));
    let mut server = Connection::new(&server, &mut |bytes| bytes.fill(4));
    while client.has_output() || server.has_output() {
        pass(&mut client, &mut server);
        pass(&mut server, &mut client);
    }
    (client, server)
}

fn pass(from: &mut Connection, to: &mut Connection) {
    let bytes = from.take_output();
    let mut input = &bytes[..];
    while to.read(&mut input).expect("both keep to the protocol").is_some() {
        to.admit();
    }
}
