//! Connections that do what they should.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

use laniakea_zmtp::{Event, Role, encode};

use super::{
    Change, Link, Owner, endpoint, listener,
    peer::{Peer, accept, handshake, transcript},
    sleep,
};

#[test]
fn messages_pass_in_both_directions() {
    let listener = listener();
    let mut owner = Owner::dealer(&listener);
    let server = thread::spawn(move || {
        let mut peer = Peer::accept(&listener, Role::Router);
        let question = peer.first_frame();
        let mut out = Vec::new();
        encode(&[&b"answer to "[..], &question], &mut out);
        peer.stream.write_all(&out).unwrap();
        peer
    });
    assert_eq!(owner.change(), Change::Connected);
    assert!(owner.link.has_room());
    owner.link.send(&["question"]);
    owner.link.flush();
    assert!(owner.message().frames().eq(["answer to ", "question"].map(str::as_bytes)));
    drop(server.join().unwrap());
    assert_eq!(owner.until("the end", next_change), Change::Disconnected);
}

#[test]
fn what_comes_byte_by_byte_is_understood() {
    let listener = listener();
    let mut owner = Owner::dealer(&listener);
    let server = thread::spawn(move || {
        let mut stream = accept(&listener);
        stream.set_nodelay(true).unwrap();
        for byte in transcript() {
            stream.write_all(&[byte]).unwrap();
        }
        stream
    });
    assert_eq!(owner.change(), Change::Connected);
    assert!(owner.message().frames().eq([b"hello"]));
    drop(server.join().unwrap());
}

/// Its greeting and its READY come in one piece, and ours still goes before what follows it.
#[test]
fn who_says_all_at_once_hears_our_handshake_before_the_rest() {
    let listener = listener();
    let mut owner = Owner::open(&endpoint(&listener), Role::Sub);
    owner.link = owner.link.with_topics(vec![b"a.".to_vec()]);
    let server = thread::spawn(move || {
        let mut stream = accept(&listener);
        let mut greeting = [0; 64];
        stream.read_exact(&mut greeting).unwrap();
        stream.write_all(&handshake(Role::XPub, Role::Sub)).unwrap();
        let mut said = [0; 41];
        stream.read_exact(&mut said).unwrap();
        said
    });
    assert_eq!(owner.change(), Change::Connected);
    let said = server.join().unwrap();
    let expected = b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03SUB\x04\x0c\x09SUBSCRIBEa.";
    assert_eq!(said, *expected);
}

#[test]
fn a_ping_is_answered_and_no_one_else_is_bothered() {
    let listener = listener();
    let mut owner = Owner::open(&endpoint(&listener), Role::Sub);
    let server = thread::spawn(move || {
        let mut peer = Peer::accept(&listener, Role::XPub);
        let mut stream = peer.stream.try_clone().unwrap();
        stream.write_all(b"\x04\x0a\x04PING\0\x01abc\0\x01x").unwrap();
        let mut answer = [0; 10];
        peer.stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer[..], b"\x04\x08\x04PONGabc");
    });
    assert_eq!(owner.change(), Change::Connected);
    assert!(owner.message().frames().eq([b"x"]));
    owner.until("the answer", |link| {
        link.change();
        server.is_finished().then_some(())
    });
    server.join().unwrap();
}

#[test]
fn subscriptions_are_made_over_each_connection() {
    let listener = listener();
    let mut owner = Owner::open(&endpoint(&listener), Role::Sub);
    owner.link = owner.link.with_topics(vec![b"a.".to_vec(), b"b.".to_vec()]);
    let server = thread::spawn(move || {
        for _ in 0..2 {
            let mut peer = Peer::accept(&listener, Role::XPub);
            assert_eq!(peer.next(), Event::Subscribe(b"a.".to_vec()));
            assert_eq!(peer.next(), Event::Subscribe(b"b.".to_vec()));
        }
    });
    for change in [Change::Connected, Change::Disconnected, Change::Connected] {
        assert_eq!(owner.until("a change", next_change), change);
    }
    server.join().unwrap();
}

#[test]
fn what_waits_for_a_peer_that_does_not_read_is_bounded_and_arrives_in_order() {
    let listener = listener();
    let mut owner = Owner::dealer(&listener);
    let accepted = thread::spawn(move || Peer::accept(&listener, Role::Router));
    assert_eq!(owner.change(), Change::Connected);
    let mut peer = accepted.join().unwrap();
    let message = |number: u32| [&number.to_be_bytes()[..], &[7; 900]].concat();
    let mut sent = 0_u32;
    while owner.link.has_room() {
        owner.link.send(&[message(sent)]);
        owner.link.flush();
        sent += 1;
        assert!(sent < 100_000, "nothing bounds it");
    }
    owner.link.send(&["lost"]);
    let reader = thread::spawn(move || {
        (0..sent).for_each(|number| assert_eq!(peer.first_frame(), message(number)));
    });
    owner.until("the reader", |link| {
        link.change();
        reader.is_finished().then_some(())
    });
    reader.join().unwrap();
    assert!(owner.link.has_room());
}

#[test]
fn what_is_not_asked_for_waits_at_the_senders() {
    let listener = listener();
    let mut owner = Owner::open(&endpoint(&listener), Role::Sub);
    let accepted = thread::spawn(move || Peer::accept(&listener, Role::XPub));
    assert_eq!(owner.change(), Change::Connected);
    let mut peer = accepted.join().unwrap();
    let mut message = Vec::new();
    encode(&[[7; 1_000]], &mut message);
    peer.stream.set_nonblocking(true).unwrap();
    let block = message.repeat(100);
    let mut written = 0_usize;
    // The kernel's buffers end somewhere.
    while let Ok(length) = peer.stream.write(&block[written % block.len()..]) {
        assert!(length > 0 && written < 1 << 30);
        written += length;
    }
    for _ in 0..written / message.len() {
        owner.message();
    }
    assert!(owner.link.receive().is_none());
}

#[test]
fn a_server_that_comes_back_is_found_soon() {
    let first = listener();
    let address = first.local_addr().unwrap();
    let mut owner = Owner::dealer(&first);
    let server = thread::spawn(move || drop(Peer::accept(&first, Role::Router)));
    assert_eq!(owner.change(), Change::Connected);
    server.join().unwrap();
    assert_eq!(owner.until("the end", next_change), Change::Disconnected);
    // Nobody is there for some attempts.
    let deadline = Instant::now() + Duration::from_millis(700);
    while Instant::now() < deadline {
        assert_eq!(owner.link.change(), None);
        sleep(&owner.waker, &[&owner.link], deadline).unwrap();
        owner.waker.reset();
    }
    let again = TcpListener::bind(address).unwrap();
    let begun = Instant::now();
    let server = thread::spawn(move || Peer::accept(&again, Role::Router));
    assert_eq!(owner.change(), Change::Connected);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    drop(server.join().unwrap());
}

/// That a connection ended shows when it is read.
fn next_change(link: &mut Link) -> Option<Change> {
    assert!(link.receive().is_none());
    link.change()
}
