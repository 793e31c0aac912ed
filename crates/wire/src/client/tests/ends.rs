//! Connections that end, and what is said of it.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use laniakea_zmtp::{Connection, Role, Security, Setup, encode};

use super::{
    Change, LIMITS, Owner, endpoint, listener,
    peer::{Peer, accept, transcript},
};
use crate::HandshakeFailure::{KeyRefused, NotUnderstood};

/// Says this to one client, once it has greeted, and closes.
fn say(listener: TcpListener, bytes: Vec<u8>) -> JoinHandle<TcpListener> {
    thread::spawn(move || {
        let mut stream = accept(&listener);
        let mut greeting = [0; 64];
        stream.read_exact(&mut greeting).unwrap();
        stream.write_all(&bytes).unwrap();
        finish(&mut stream);
        listener
    })
}

/// Closes without a reset: the client is to see all that was said.
fn finish(stream: &mut TcpStream) {
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    while !matches!(stream.read(&mut [0; 4_096]), Ok(0) | Err(_)) {}
}

fn told(owner: &mut Owner) -> Change {
    owner.until("a change", |link| {
        link.receive();
        link.change()
    })
}

#[test]
fn a_server_that_closes_at_any_byte_of_the_handshake_is_not_understood() {
    let all = transcript();
    let handshake = all.len() - b"\0\x05hello".len();
    for end in 0..all.len() {
        let listener = listener();
        let mut owner = Owner::dealer(&listener);
        let server = say(listener, all[..end].to_vec());
        if end < handshake {
            assert_eq!(told(&mut owner), Change::Failed(NotUnderstood), "{end}");
            assert_eq!(owner.link.failure(), Some(NotUnderstood));
        } else {
            assert_eq!(told(&mut owner), Change::Connected, "{end}");
            assert_eq!(told(&mut owner), Change::Disconnected, "{end}");
        }
        drop(owner);
        drop(server.join().unwrap());
    }
}

#[test]
fn other_protocols_and_rubbish_are_not_understood() {
    let greeting = &transcript()[..64];
    let command = |body: &[u8]| [greeting, &[4, u8::try_from(body.len()).unwrap()], body].concat();
    for bytes in [
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
        b"\x15\x03\x01\x00\x02\x02\x46".to_vec(),
        vec![0; 4_096],
        vec![0xff; 4_096],
        [greeting, &[0, 1, b'x']].concat(),
        [greeting, &[2, 0xff, 0, 0, 0, 0, 0, 0, 0]].concat(),
        command(b"\x04PING\0\0"),
        command(b"\x05READY\x0bSocket-Type\0\0\0\x03PUB"),
        command(b"\x05ERROR\x04no!\n"),
        command(b"\x05ERROR\xff"),
    ] {
        let listener = listener();
        let mut owner = Owner::dealer(&listener);
        let server = say(listener, bytes);
        assert_eq!(told(&mut owner), Change::Failed(NotUnderstood));
        drop(owner);
        drop(server.join().unwrap());
    }
}

#[test]
fn a_refused_key_is_told_as_such() {
    let listener = listener();
    let mut owner = Owner::dealer(&listener);
    let refusal = [&transcript()[..64], b"\x04\x0a\x05ERROR\x03400"].concat();
    drop(say(listener, refusal));
    assert_eq!(told(&mut owner), Change::Failed(KeyRefused));
    assert_eq!(owner.link.failure(), Some(KeyRefused));
}

#[test]
fn who_cannot_be_talked_to_is_tried_again_after_longer_pauses() {
    let listener = listener();
    let mut owner = Owner::dealer(&listener);
    let server = say(listener, b"220 mail\r\n".to_vec());
    assert_eq!(told(&mut owner), Change::Failed(NotUnderstood));
    let pause = owner.link.next_timer().unwrap().saturating_duration_since(Instant::now());
    assert!(pause > Duration::from_millis(100) && pause < Duration::from_secs(1), "{pause:?}");
    let listener = server.join().unwrap();
    let server = thread::spawn(move || Peer::accept(&listener, Role::Router));
    assert_eq!(told(&mut owner), Change::Connected);
    assert_eq!(owner.link.failure(), None);
    drop(server.join().unwrap());
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let listener = listener();
    let mut owner = Owner::dealer(&listener);
    let _silent = accept(&listener);
    let begun = owner.until("a connection", |link| {
        assert_eq!(link.change(), None);
        link.interest().is_some().then(Instant::now)
    });
    owner.link.drive(begun + Duration::from_secs(2));
    assert_eq!(owner.link.change(), None);
    owner.link.drive(begun + Duration::from_millis(3_500));
    assert_eq!(owner.link.change(), Some(Change::Failed(NotUnderstood)));
}

/// The consumer may have held up the thread for a minute.
#[test]
fn a_handshake_that_was_left_alone_says_nothing_about_the_server() {
    let listener = listener();
    let mut owner = Owner::dealer(&listener);
    let first = accept(&listener);
    let begun = owner.until("a connection", |link| {
        link.drive(Instant::now());
        link.interest().is_some().then(Instant::now)
    });
    drop(first);
    owner.link.drive(begun + Duration::from_millis(4_500));
    let server = thread::spawn(move || Peer::accept(&listener, Role::Router));
    assert_eq!(told(&mut owner), Change::Connected);
    drop(server.join().unwrap());
}

#[test]
fn what_is_no_message_or_too_long_a_one_ends_the_connection() {
    let mut long = Vec::new();
    encode(&[[7; 1_001]], &mut long);
    let endless = b"\x01\0".repeat(5);
    for bytes in [long, endless, b"\x09\0".to_vec(), b"\x04\x01\xff".to_vec()] {
        let listener = listener();
        let mut owner = Owner::open(&endpoint(&listener), Role::Sub);
        let server = thread::spawn(move || {
            let mut peer = Peer::accept(&listener, Role::XPub);
            peer.stream.write_all(&bytes).unwrap();
            peer
        });
        assert_eq!(told(&mut owner), Change::Connected);
        assert_eq!(told(&mut owner), Change::Disconnected);
        drop(server.join().unwrap());
    }
}

#[test]
fn a_connection_that_is_given_up_is_reset_and_made_anew() {
    let listener = listener();
    let mut owner = Owner::dealer(&listener);
    thread::scope(|scope| {
        let server = scope.spawn(|| Peer::accept(&listener, Role::Router));
        assert_eq!(told(&mut owner), Change::Connected);
        let mut first = server.join().unwrap();
        owner.link.cut();
        assert_eq!(owner.link.change(), Some(Change::Disconnected));
        assert!(first.stream.read(&mut [0]).is_err());
        let server = scope.spawn(|| Peer::accept(&listener, Role::Router));
        assert_eq!(told(&mut owner), Change::Connected);
        drop(server.join().unwrap());
    });
}

#[test]
fn another_role_is_told_that_it_is_not_talked_to() {
    let listener = listener();
    let mut owner = Owner::open(&endpoint(&listener), Role::Sub);
    let server = thread::spawn(move || {
        let mut stream = accept(&listener);
        let setup = Setup { role: Role::Router, security: Security::NullServer, limits: LIMITS };
        let mut connection = Connection::new(&setup, &mut |_| {});
        let mut error = None;
        while error.is_none() {
            stream.write_all(&connection.take_output()).unwrap();
            let mut buffer = [0; 4_096];
            let length = stream.read(&mut buffer).unwrap();
            error = connection.read(&mut &buffer[..length]).err();
        }
        stream.write_all(&connection.take_output()).unwrap();
        finish(&mut stream);
    });
    assert_eq!(told(&mut owner), Change::Failed(NotUnderstood));
    server.join().unwrap();
}
