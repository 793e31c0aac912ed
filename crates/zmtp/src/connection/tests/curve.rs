//! CURVE handshakes in which something is changed.

use super::pair::{Guard, Pair, key_pair, read_all, setup};
use crate::{Connection, Event, Role, Security, curve::PublicKey};

/// All that each side says in a handshake.
fn handshake() -> (Vec<u8>, Vec<u8>) {
    let pair = Pair::ready(Guard::Curve, Role::Dealer, Role::Router);
    (pair.by_client, pair.by_server)
}

/// Whether an end comes through the handshake that reads these bytes.
fn comes_through(mut connection: Connection, bytes: &[u8]) -> bool {
    matches!(read_all(&mut connection, bytes), Ok(events)
        if events.iter().any(|event| matches!(event, Event::Ready(_))))
}

#[test]
fn a_byte_that_is_changed_on_the_way_to_the_server_ends_the_handshake() {
    let bytes = handshake().0;
    let server = || Pair::new(Guard::Curve, Role::Dealer, Role::Router).server;
    assert!(comes_through(server(), &bytes));
    let hello = 64 + 2;
    // Sizes in the signature, the filler of the greeting and the padding of HELLO mean nothing.
    let free = |at: usize| {
        (1..9).contains(&at) || (32..64).contains(&at) || (hello + 8..hello + 80).contains(&at)
    };
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        // A later version is as good.
        let is_free = free(at) || at == 9 || at == 10 || at == 11;
        assert_eq!(comes_through(server(), &changed), is_free, "{at}");
    }
}

#[test]
fn a_byte_that_is_changed_on_the_way_to_the_client_ends_the_handshake() {
    let bytes = handshake().1;
    let client = || Pair::new(Guard::Curve, Role::Dealer, Role::Router).client;
    assert!(comes_through(client(), &bytes));
    for at in 64..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        assert!(!comes_through(client(), &changed), "{at}");
    }
}

#[test]
fn what_one_server_heard_is_of_no_use_at_another() {
    let bytes = handshake().0;
    let setup = setup(Role::Router, Security::CurveServer(key_pair(1)));
    let other = Connection::new(&setup, &mut |bytes| bytes.fill(77));
    assert!(!comes_through(other, &bytes));
}

#[test]
fn a_server_key_that_protects_nothing_is_not_used() {
    let server = PublicKey::from_bytes([0; 32]);
    let security = Security::CurveClient { own: key_pair(2), server };
    let mut client = Connection::new(&setup(Role::Dealer, security), &mut |bytes| bytes.fill(5));
    client.take_output();
    let mut server = Pair::new(Guard::Curve, Role::Dealer, Role::Router).server;
    let greeting = [server.take_output(), Vec::new()].concat();
    read_all(&mut client, &greeting).unwrap();
    let rest = [&b"CURVE"[..], &[0; 47]].concat();
    let error = read_all(&mut client, &rest).unwrap_err();
    assert_eq!(error.to_string(), "a key that protects nothing");
}

#[test]
fn the_randomness_of_a_connection_decides_all_its_bytes() {
    assert_eq!(handshake(), handshake());
}
