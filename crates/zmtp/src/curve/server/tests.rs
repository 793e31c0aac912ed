//! Clients that know the protocol and do not keep to it.

use super::*;
use crate::curve::{CurveClient, SecretKey};

fn pair(number: u8) -> KeyPair {
    KeyPair::of(SecretKey::from_bytes([number; 32]))
}

fn server() -> CurveServer {
    CurveServer::new(Role::Router, pair(1), &mut |bytes| bytes.fill(11))
}

fn client() -> CurveClient {
    CurveClient::new(Role::Dealer, pair(2), pair(1).public(), &mut |bytes| bytes.fill(22))
}

/// A server that has had HELLO, and the INITIATE that this client answers with.
fn until_initiate(mut client: CurveClient) -> (CurveServer, Vec<u8>) {
    let mut server = server();
    let Ok(Step::Reply(welcome)) = server.receive(&client.hello().unwrap()) else {
        panic!("no WELCOME");
    };
    let Ok(Step::Reply(initiate)) = client.receive(&welcome) else {
        panic!("no INITIATE");
    };
    (server, initiate)
}

fn curve(error: CurveError) -> HandshakeError {
    HandshakeError::Curve(error)
}

#[test]
fn the_commands_have_the_sizes_of_the_specification() {
    let mut client = client();
    let hello = client.hello().unwrap();
    let Ok(Step::Reply(welcome)) = server().receive(&hello) else {
        panic!("no WELCOME");
    };
    client.say(b"");
    let Ok(Step::Reply(initiate)) = client.receive(&welcome) else {
        panic!("no INITIATE");
    };
    assert_eq!([hello.len(), welcome.len(), initiate.len()], [200, 168, 257]);
}

#[test]
fn a_hello_of_another_size_or_version_is_refused() {
    let hello = client().hello().unwrap();
    let longer = [&hello[..], &[0]].concat();
    let mut newer = hello.clone();
    newer[7] = 1;
    for wrong in [&hello[..199], &longer, &newer, b"\x05HELLO"] {
        let error = server().receive(wrong).unwrap_err();
        assert_eq!(error, curve(CurveError::Malformed("HELLO")));
    }
}

#[test]
fn a_hello_with_a_key_that_protects_nothing_is_refused() {
    let mut hello = client().hello().unwrap();
    hello[80..112].fill(0);
    assert_eq!(server().receive(&hello).unwrap_err(), curve(CurveError::WeakKey));
}

#[test]
fn an_initiate_that_is_too_short_is_refused() {
    let (mut server, initiate) = until_initiate(client());
    let error = server.receive(&initiate[..256]).unwrap_err();
    assert_eq!(error, curve(CurveError::Malformed("INITIATE")));
    // And that was the one attempt.
    assert!(matches!(server.receive(&initiate), Err(HandshakeError::Unexpected(_))));
}

#[test]
fn a_cookie_of_another_connection_is_refused() {
    let (_, initiate) = until_initiate(client());
    let mut other = CurveServer::new(Role::Router, pair(1), &mut |bytes| bytes.fill(12));
    other.receive(&client().hello().unwrap()).unwrap();
    let error = other.receive(&initiate).unwrap_err();
    assert_eq!(error, curve(CurveError::CannotOpen("cookie")));
}

#[test]
fn an_initiate_whose_number_does_not_grow_is_refused() {
    for number in [0_u64, 1] {
        let (mut server, mut initiate) = until_initiate(client());
        initiate[105..113].copy_from_slice(&number.to_be_bytes());
        let error = server.receive(&initiate).unwrap_err();
        assert_eq!(error, curve(CurveError::Repeated("INITIATE")));
    }
}

#[test]
fn a_client_that_has_not_the_secret_of_its_key_is_refused() {
    let own = KeyPair::mismatched(pair(2).public(), pair(3).secret().clone());
    let impostor =
        CurveClient::new(Role::Dealer, own, pair(1).public(), &mut |bytes| bytes.fill(22));
    let (mut server, initiate) = until_initiate(impostor);
    let error = server.receive(&initiate).unwrap_err();
    assert_eq!(error, curve(CurveError::CannotOpen("vouch")));
}

#[test]
fn a_vouch_counts_for_the_keys_that_it_names_alone() {
    let (client, short) = (pair(3), pair(4));
    let key = BoxKey::between(short.public(), pair(2).secret()).unwrap();
    let number = [5; 16];
    for (vouched, for_server, expected) in [
        (client.public(), pair(1).public(), Ok(())),
        (pair(6).public(), pair(1).public(), Err(CurveError::WrongVouch)),
        (client.public(), pair(6).public(), Err(CurveError::WrongVouch)),
    ] {
        let keys = [*vouched.as_bytes(), *for_server.as_bytes()].concat();
        let sealed = key.seal(&nonce::random(*b"VOUCH---", &number), &keys);
        let vouch = [&number, &sealed[..]].concat().try_into().unwrap();
        let checked = server().check_vouch(vouch, pair(2).public(), client.public(), &short);
        assert_eq!(checked, expected);
    }
}

#[test]
fn a_role_is_looked_at_once_the_key_is_trusted() {
    let mut other = client();
    other.say(b"\x0bSocket-Type\0\0\0\x03SUB");
    let (mut server, initiate) = until_initiate(other);
    assert!(
        matches!(server.receive(&initiate), Ok(Step::Authorise(key)) if key == pair(2).public())
    );
    let error = server.admit(true).unwrap_err();
    assert_eq!(error.to_string(), "a SUB where ROUTER is, which it does not talk to");

    let mut nonsense = client();
    nonsense.say(b"nonsense");
    let (mut server, initiate) = until_initiate(nonsense);
    server.receive(&initiate).unwrap();
    let error = server.admit(false).unwrap_err();
    assert_eq!(error, HandshakeError::KeyRefused(pair(2).public()));
}

#[test]
fn nobody_is_admitted_without_being_judged() {
    assert!(matches!(server().admit(true), Err(HandshakeError::Unexpected(_))));
    let (mut server, _) = until_initiate(client());
    assert!(matches!(server.admit(true), Err(HandshakeError::Unexpected(_))));
}
