//! Links that are encrypted.

use std::{
    io::Write as _,
    net::{Shutdown, TcpListener},
    thread::{self, JoinHandle},
};

use laniakea_zmtp::{
    ConnectionError, Event, Role,
    curve::{KeyPair, PublicKey, SecretKey},
};

use super::{Change, Owner, endpoint, listener, peer::Peer};
use crate::{
    HandshakeFailure::{KeyRefused, NotUnderstood},
    curve::{CurveKey, CurvePair, Security},
};

fn server() -> KeyPair {
    KeyPair::of(SecretKey::from_bytes([7; 32]))
}

/// Answers one message with itself, if the key may connect.
fn serve(listener: TcpListener, trusted: PublicKey) -> JoinHandle<Result<(), ConnectionError>> {
    thread::spawn(move || {
        let security = laniakea_zmtp::Security::CurveServer(server());
        let mut peer = Peer::greet(&listener, Role::Router, security);
        loop {
            match peer.try_next() {
                Ok(Event::Authorise(key)) if key == trusted => peer.connection.admit(),
                Ok(Event::Authorise(_)) => peer.connection.refuse(),
                Ok(Event::Message(message)) => {
                    let frames: Vec<&[u8]> = message.frames().collect();
                    let mut out = Vec::new();
                    peer.connection.seal(&frames, &mut out).unwrap();
                    peer.stream.write_all(&out).unwrap();
                    return Ok(());
                }
                Ok(_) => {}
                Err(error) => {
                    peer.stream.shutdown(Shutdown::Write).unwrap();
                    return Err(error);
                }
            }
        }
    })
}

fn owner(listener: &TcpListener, server: PublicKey, own: &CurvePair) -> Owner {
    let server = CurveKey::from_bytes(*server.as_bytes());
    let security = Security::Curve { server, own: own.clone() };
    Owner::open_with(&endpoint(listener), Role::Dealer, &security)
}

fn key(own: &CurvePair) -> PublicKey {
    let security = Security::Curve { server: own.public, own: own.clone() };
    match security.of_client() {
        laniakea_zmtp::Security::CurveClient { own, .. } => own.public(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_known_key_gets_in_and_messages_pass() {
    let (own, listener) = (CurvePair::generate(), listener());
    let mut owner = owner(&listener, server().public(), &own);
    let server = serve(listener, key(&own));
    assert_eq!(owner.change(), Change::Connected);
    owner.link.send(&["secret"]);
    owner.link.flush();
    assert!(owner.message().frames().eq([b"secret"]));
    server.join().unwrap().unwrap();
}

#[test]
fn an_unknown_key_is_refused_and_told_so() {
    let (own, listener) = (CurvePair::generate(), listener());
    let mut owner = owner(&listener, server().public(), &own);
    let server = serve(listener, server().public());
    assert_eq!(owner.change(), Change::Failed(KeyRefused));
    server.join().unwrap().unwrap_err();
}

#[test]
fn another_server_is_not_understood() {
    let (own, listener) = (CurvePair::generate(), listener());
    let mut owner = owner(&listener, key(&CurvePair::generate()), &own);
    let server = serve(listener, key(&own));
    assert_eq!(owner.change(), Change::Failed(NotUnderstood));
    server.join().unwrap().unwrap_err();
}

#[test]
fn one_in_the_clear_and_one_encrypted_do_not_understand_each_other() {
    let listener = listener();
    let mut owner = Owner::dealer(&listener);
    let server = serve(listener, server().public());
    assert_eq!(owner.change(), Change::Failed(NotUnderstood));
    server.join().unwrap().unwrap_err();
}
