//! Who is not let in, and what it is told.

use super::pair::{GUARDS, Guard, Pair, frame, key_pair, read_all, setup};
use crate::{Connection, ConnectionError, Event, Role, Security, connection::fuzzing};

/// The lines that server and client write.
fn lines(pair: &mut Pair) -> (Option<String>, Option<String>) {
    let server = pair.talk().err().map(|error| error.to_string());
    let left = pair.server.take_output();
    let client = read_all(&mut pair.client, &left).err().map(|error| error.to_string());
    (server, client)
}

#[test]
fn a_sub_at_the_submit_port_is_told_so() {
    let line = "a SUB where ROUTER is, which it does not talk to";
    for guard in GUARDS {
        let mut pair = Pair::new(guard, Role::Sub, Role::Router);
        let told = format!("the peer refuses: \"{line}\"");
        assert_eq!(lines(&mut pair), (Some(line.to_owned()), Some(told)), "{guard:?}");
    }
}

#[test]
fn a_key_that_is_not_trusted_is_told_what_libzmq_tells() {
    let Pair { mut client, mut server, .. } = Pair::new(Guard::Curve, Role::Dealer, Role::Router);
    read_all(&mut server, &client.take_output()).unwrap();
    read_all(&mut client, &server.take_output()).unwrap();
    read_all(&mut server, &client.take_output()).unwrap();
    read_all(&mut client, &server.take_output()).unwrap();
    let initiate = client.take_output();
    let mut input = &initiate[..];
    let key = key_pair(2).public();
    assert_eq!(server.read(&mut input), Ok(Some(Event::Authorise(key))));
    // Nothing happens until somebody has said whether the key is trusted.
    let mut more = &b"more"[..];
    assert_eq!((server.read(&mut more), more.len()), (Ok(None), 4));
    assert!(!server.has_output() && server.peer().is_none());
    server.refuse();
    server.admit();
    assert_eq!(server.read(&mut more).unwrap_err().to_string(), "the key is not trusted");
    let error = server.take_output();
    assert_eq!(error, frame(4, b"\x05ERROR\x03400"));
    let error = read_all(&mut client, &error).unwrap_err();
    assert_eq!(error.to_string(), "the peer refuses: \"400\"");
}

#[test]
fn a_server_with_the_right_key_and_another_role_is_not_talked_to() {
    for (metadata, line) in [
        (
            &b"\x0bSocket-Type\0\0\0\x06ROUTER"[..],
            "a ROUTER where SUB is, which it does not talk to",
        ),
        (b"\x0bSocket-Type\0\0\0\x05X\nPUB", "a X\\nPUB where SUB is, which it does not talk to"),
        (b"", "metadata without Socket-Type"),
    ] {
        let mut pair = Pair::new(Guard::Curve, Role::Sub, Role::XPub);
        fuzzing::say(&mut pair.server, metadata);
        assert_eq!(pair.talk().unwrap_err().to_string(), line);
        assert!(pair.client.peer().is_none());
    }
}

#[test]
fn one_in_the_clear_and_one_encrypted_both_hear_why() {
    let mut pair = Pair::new(Guard::Curve, Role::Dealer, Role::Router);
    pair.client = Pair::new(Guard::Null, Role::Dealer, Role::Router).client;
    let (server, client) = lines(&mut pair);
    assert_eq!(server.as_deref(), Some("the peer wants NULL, and here is CURVE"));
    assert_eq!(client.as_deref(), Some("the peer wants CURVE, and here is NULL"));
}

#[test]
fn a_server_with_another_key_is_not_talked_to() {
    let mut pair = Pair::new(Guard::Curve, Role::Dealer, Role::Router);
    let security = Security::CurveServer(key_pair(9));
    pair.server = Connection::new(&setup(Role::Router, security), &mut |bytes| bytes.fill(3));
    let (server, client) = lines(&mut pair);
    let line = "a HELLO that cannot be opened: it is for another key, or was changed";
    assert_eq!((server.as_deref(), client), (Some(line), None));
}

#[test]
fn what_comes_in_the_wrong_place_ends_the_connection_in_silence() {
    for (bytes, line) in [
        (frame(0, b"early"), "a message before the handshake is done"),
        (frame(1, b""), "a message before the handshake is done"),
        (frame(8, b""), "a frame with the flags 0x08"),
        (frame(5, b""), "a frame with the flags 0x05"),
        (frame(4, b"\x04PING\0\0"), "\"PING\" in the wrong place of the handshake"),
        (frame(4, b"\x09SUBSCRIBE"), "\"SUBSCRIBE\" in the wrong place of the handshake"),
        (frame(4, b""), "a command without a name"),
        (frame(4, b"\x05ERROR\x01!"), "the peer refuses: \"!\""),
    ] {
        for guard in GUARDS {
            let Pair { mut client, mut server, .. } = Pair::new(guard, Role::Sub, Role::XPub);
            read_all(&mut server, &client.take_output()[..64]).unwrap();
            server.take_output();
            let error = read_all(&mut server, &bytes).unwrap_err();
            assert_eq!(error.to_string(), line, "{guard:?}");
            assert!(!server.has_output());
            assert_eq!(server.read(&mut &bytes[..]), Err(ConnectionError::Over));
        }
    }
}

#[test]
fn an_error_after_the_handshake_ends_the_connection() {
    let mut pair = Pair::ready(Guard::Null, Role::Sub, Role::XPub);
    let error = read_all(&mut pair.client, &frame(4, b"\x05ERROR\x04bye\n")).unwrap_err();
    assert_eq!(error.to_string(), "the peer refuses: \"bye\\n\"");
}
