//! A CURVE session that was computed by the specification and another library
//! (`scripts/make-curve-vectors.py`): each end says the same byte for byte.

#![expect(clippy::disallowed_methods, reason = "a test opens files of its own")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use laniakea_zmtp::{
    Connection, Event, Limits, Role, Security, Setup,
    curve::{KeyPair, SecretKey},
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Session {
    client_secret: String,
    server_secret: String,
    client_random: String,
    server_random: String,
    frames: Vec<String>,
    client_says: String,
    server_says: String,
}

fn session() -> Session {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/curve/session.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    digits.map(|two| u8::from_str_radix(str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}

fn pair(secret: &str) -> KeyPair {
    KeyPair::of(SecretKey::from_bytes(bytes(secret).try_into().unwrap()))
}

/// All that an end says when it hears `heard`, and then sends the frames.
fn says(role: Role, security: Security, random: &str, heard: &str, frames: &[String]) -> Vec<u8> {
    let setup = Setup { role, security, limits: Limits::of_messages(1 << 16, 8) };
    let mut random = bytes(random);
    let mut draw = |wanted: &mut [u8]| {
        let rest = random.split_off(wanted.len());
        wanted.copy_from_slice(&random);
        random = rest;
    };
    let mut connection = Connection::new(&setup, &mut draw);
    assert!(random.is_empty(), "{} random bytes were not wanted", random.len());

    let mut said = connection.take_output();
    let heard = bytes(heard);
    let mut input = &heard[..];
    let mut message = None;
    while let Some(event) = connection.read(&mut input).unwrap() {
        connection.admit();
        if let Event::Message(came) = event {
            message = Some(came);
        }
    }
    said.extend(connection.take_output());
    let frames: Vec<Vec<u8>> = frames.iter().map(|frame| bytes(frame)).collect();
    assert!(message.unwrap().frames().eq(&frames));
    connection.seal(&frames, &mut said).unwrap();
    said
}

#[test]
fn a_client_says_what_the_specification_says() {
    let Session { client_secret, server_secret, client_random, frames, .. } = session();
    let server = pair(&server_secret).public();
    let security = Security::CurveClient { own: pair(&client_secret), server };
    let said = says(Role::Dealer, security, &client_random, &session().server_says, &frames);
    assert_eq!(said, bytes(&session().client_says));
}

#[test]
fn a_server_says_what_the_specification_says() {
    let Session { server_secret, server_random, frames, .. } = session();
    let security = Security::CurveServer(pair(&server_secret));
    let said = says(Role::Router, security, &server_random, &session().client_says, &frames);
    assert_eq!(said, bytes(&session().server_says));
}
