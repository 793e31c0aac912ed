//! Messages, subscriptions and signs of life.

use super::pair::{GUARDS, Guard, Pair, frame, read_all, written};
use crate::{Connection, Event, Message, Role, Version, connection::Stage, encode};

/// What `from` says by a command of its own making.
fn command(from: &mut Connection, body: &[u8]) -> Vec<u8> {
    written(|out| from.command(body, out).unwrap())
}

#[test]
fn messages_pass_both_ways() {
    for guard in GUARDS {
        let mut pair = Pair::ready(guard, Role::Dealer, Role::Router);
        assert_eq!(pair.server.is_encrypted(), guard == Guard::Curve);
        for frames in [vec![""], vec!["a"], vec!["", "b", ""], vec!["c"; 4]] {
            let event = Event::Message(frames.iter().collect());
            let sent = written(|out| pair.client.seal(&frames, out).unwrap());
            assert_eq!(read_all(&mut pair.server, &sent), Ok(vec![event.clone()]));
            let sent = written(|out| pair.server.seal(&frames, out).unwrap());
            assert_eq!(read_all(&mut pair.client, &sent), Ok(vec![event]));
        }
    }
}

#[test]
fn in_the_clear_what_is_encoded_once_is_what_each_would_seal() {
    let mut pair = Pair::ready(Guard::Null, Role::Dealer, Role::Router);
    let frames = ["id", "event"];
    let sealed = written(|out| pair.server.seal(&frames, out).unwrap());
    assert_eq!(sealed, written(|out| encode(&frames, out)));
}

#[test]
fn events_are_read_one_by_one_and_what_is_left_is_left() {
    let mut pair = Pair::ready(Guard::Null, Role::Dealer, Role::Router);
    let bytes = written(|out| ["a", "b"].iter().for_each(|text| encode(&[text], out)));
    let mut input = &bytes[..];
    let first = Event::Message(Message::from_iter(["a"]));
    assert_eq!(pair.server.read(&mut input), Ok(Some(first)));
    assert_eq!(input, &bytes[3..]);
    assert_eq!(pair.server.held_bytes(), 0);
}

#[test]
fn subscriptions_are_understood_in_both_spellings() {
    for guard in GUARDS {
        let mut pair = Pair::ready(guard, Role::Sub, Role::XPub);
        let subscribe = Event::Subscribe(b"a.".to_vec());
        let cancel = Event::Cancel(b"a.".to_vec());
        for version in [Version::V3_1, Version::V3_0] {
            if let Stage::Traffic(traffic) = &mut pair.client.stage {
                traffic.peer.version = version;
            }
            let sent = written(|out| pair.client.subscribe(b"a.", out).unwrap());
            assert_eq!(read_all(&mut pair.server, &sent), Ok(vec![subscribe.clone()]));
            let sent = written(|out| pair.client.cancel(b"a.", out).unwrap());
            assert_eq!(read_all(&mut pair.server, &sent), Ok(vec![cancel.clone()]));
        }
    }
}

#[test]
fn only_who_publishes_is_subscribed_to() {
    let mut pair = Pair::ready(Guard::Null, Role::Dealer, Role::Router);
    let message = Event::Message(Message::from_iter(["\x01a."]));
    let sent = written(|out| encode(&["\x01a."], out));
    assert_eq!(read_all(&mut pair.server, &sent), Ok(vec![message]));
    let sent = command(&mut pair.client, b"\x09SUBSCRIBEa.");
    assert_eq!(read_all(&mut pair.server, &sent), Ok(vec![]));
}

#[test]
fn a_message_of_several_frames_is_no_subscription() {
    let mut pair = Pair::ready(Guard::Null, Role::XSub, Role::XPub);
    for frames in [&["\x01a", "b"][..], &["a"], &[""]] {
        let sent = written(|out| encode(frames, out));
        let event = Event::Message(frames.iter().collect());
        assert_eq!(read_all(&mut pair.server, &sent), Ok(vec![event]));
    }
}

#[test]
fn a_ping_is_answered_with_its_context_and_many_with_the_last() {
    for guard in GUARDS {
        let mut pair = Pair::ready(guard, Role::Sub, Role::XPub);
        assert!(!pair.server.has_output());
        for _ in 0..1_000 {
            let ping = command(&mut pair.client, b"\x04PING\0\x0aold");
            assert_eq!(read_all(&mut pair.server, &ping), Ok(vec![]));
        }
        let ping = command(&mut pair.client, b"\x04PING\0\0new");
        assert_eq!(read_all(&mut pair.server, &ping), Ok(vec![]));
        assert!(pair.server.has_output() && pair.server.held_bytes() == 0);
        let answer = pair.server.take_output();
        assert!(!pair.server.has_output());
        if guard == Guard::Null {
            assert_eq!(answer, frame(4, b"\x04PONGnew"));
        }
        assert_eq!(read_all(&mut pair.client, &answer), Ok(vec![]));
        assert!(!pair.client.has_output());
    }
}

/// libzmq sends them there.
#[test]
fn commands_may_stand_between_the_frames_of_a_message() {
    let mut pair = Pair::ready(Guard::Null, Role::Sub, Role::XPub);
    let sent = [frame(1, b"a"), frame(4, b"\x04PING\0\0"), frame(0, b"b")].concat();
    let event = Event::Message(Message::from_iter(["a", "b"]));
    assert_eq!(read_all(&mut pair.server, &sent), Ok(vec![event]));
    assert!(pair.server.has_output());
}

#[test]
fn commands_that_mean_nothing_here_are_passed_over() {
    for guard in GUARDS {
        let mut pair = Pair::ready(guard, Role::Sub, Role::XPub);
        for body in [&b"\x04NEWS"[..], b"\x05READY", b"\x04PONG", b"\x05HELLO"] {
            let sent = command(&mut pair.client, body);
            assert_eq!(read_all(&mut pair.server, &sent), Ok(vec![]));
        }
        assert!(!pair.server.has_output());
    }
}

#[test]
fn nothing_is_sealed_before_the_handshake_is_done() {
    let mut pair = Pair::new(Guard::Curve, Role::Sub, Role::XPub);
    let mut out = Vec::new();
    assert!(pair.server.seal(&["a"], &mut out).is_err());
    assert!(pair.client.subscribe(b"a", &mut out).is_err());
    assert!(pair.client.cancel(b"a", &mut out).is_err());
    assert!(out.is_empty() && pair.client.peer().is_none() && !pair.client.is_encrypted());
}

/// Whoever seals for many does so on all cores.
#[test]
fn a_connection_may_go_to_another_thread() {
    fn goes<T: Send + Sync>(_: &T) {}
    let pair = Pair::new(Guard::Curve, Role::Sub, Role::XPub);
    goes(&pair.server);
    assert!(size_of::<Connection>() <= 64 && size_of::<super::super::Traffic>() <= 384);
}
