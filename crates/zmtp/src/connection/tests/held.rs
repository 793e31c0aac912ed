//! Whatever the limits and whatever comes: no connection holds more than they say.

use proptest::prelude::*;

use super::pair::{GUARDS, Guard, client_security, counting, frame, server_security};
use crate::{Connection, Event, Limits, Peer, Role, Setup, Version, connection::fuzzing};

fn limits() -> impl Strategy<Value = Limits> {
    (0..2_000_usize, 0..20_usize, 0..500_usize, 0..1_000_usize).prop_map(
        |(message_bytes, message_frames, command_bytes, handshake_bytes)| Limits {
            message_bytes,
            message_frames,
            command_bytes,
            handshake_bytes,
        },
    )
}

const BEGINNINGS: &[&[u8]] = &[b"", b"\x04PING\0\0", b"\x09SUBSCRIBE", b"\x01a"];

/// Frames as flags inside a box and bodies. Those of a message are alike more often than not, so that
/// messages become long.
fn frames() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    let size = prop_oneof![0..4_usize, 0..100_usize, 0..2_200_usize];
    let frame = (prop_oneof![4 => Just(fuzzing::MORE), 1 => 0..4_u8], size);
    let name = prop::sample::select(BEGINNINGS);
    let frame = (frame, name).prop_map(|((flags, size), name)| {
        (flags, name.iter().copied().chain(std::iter::repeat(7)).take(size).collect())
    });
    prop::collection::vec(frame, 1..40)
}

/// What is not complete, in vectors that may have twice the room that they need: a frame, sealed
/// perhaps, and the frames before it with their ends.
fn most_held(limits: Limits) -> usize {
    const SEALED: usize = 33;
    const LEAST: usize = 8;
    let frame = limits.message_bytes.max(limits.command_bytes) + SEALED;
    let ends = size_of::<usize>() * limits.message_frames.max(LEAST);
    2 * (frame + limits.message_bytes + ends + LEAST)
}

/// Feeds pieces, and says whether all were understood.
fn feed(end: &mut Connection, bytes: &[u8], piece: usize, limits: Limits, most: usize) -> bool {
    for mut piece in bytes.chunks(piece) {
        loop {
            match end.read(&mut piece) {
                Ok(None) => break,
                Ok(Some(Event::Message(message))) => {
                    assert!(message.byte_count() <= limits.message_bytes);
                    assert!(message.frame_count() <= limits.message_frames);
                }
                Ok(Some(Event::Subscribe(topic) | Event::Cancel(topic))) => {
                    assert!(topic.len() <= limits.command_bytes);
                }
                Ok(Some(_)) => end.admit(),
                Err(_) => {
                    // What is left is the line that the peer is told.
                    assert!(end.held_bytes() <= 1_024, "{}", end.held_bytes());
                    return false;
                }
            }
        }
        assert!(end.held_bytes() <= most, "{} of {most} with {limits:?}", end.held_bytes());
    }
    true
}

fn established(guard: Guard, is_server: bool, limits: Limits) -> Connection {
    let (role, security, theirs) = if is_server {
        (Role::XPub, server_security(guard), Role::Sub)
    } else {
        (Role::Sub, client_security(guard), Role::XPub)
    };
    let peer = Peer { role: theirs, version: Version::V3_1, key: None };
    fuzzing::established(&Setup { role, security, limits }, peer)
}

proptest! {
    #[test]
    fn messages_hold_no_more_than_the_limits(
        limits in limits(),
        frames in frames(),
        piece in prop_oneof![1..50_usize, 1..5_000_usize],
    ) {
        for guard in GUARDS {
            for is_server in [false, true] {
                let mut end = established(guard, is_server, limits);
                let mut attacker = established(guard, !is_server, limits);
                let mut bytes = Vec::new();
                for (flags, body) in &frames {
                    fuzzing::put(&mut attacker, *flags, body, &mut bytes);
                }
                feed(&mut end, &bytes, piece, limits, most_held(limits));
            }
        }
    }

    #[test]
    fn handshakes_hold_no_more_than_the_limits(
        limits in limits(),
        size in 0..1_200_usize,
        piece in 1..1_500_usize,
    ) {
        const OWN: usize = 512;
        for guard in GUARDS {
            for is_server in [false, true] {
                let (role, security) = if is_server {
                    (Role::XPub, server_security(guard))
                } else {
                    (Role::Sub, client_security(guard))
                };
                let setup = Setup { role, security, limits };
                let mut end = Connection::new(&setup, &mut counting(7));
                let mut greeting = [0; 64];
                greeting[..12].copy_from_slice(b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\x01");
                let name: &[u8] = if guard == Guard::Null { b"NULL" } else { b"CURVE" };
                greeting[12..12 + name.len()].copy_from_slice(name);
                let mut command = frame(4, &vec![9; size]);
                // It never ends.
                command.pop();
                let bytes = [&greeting[..], &command].concat();
                let is_understood =
                    feed(&mut end, &bytes, piece, limits, 2 * limits.handshake_bytes + OWN);
                prop_assert_eq!(is_understood, size <= limits.handshake_bytes);
            }
        }
    }
}
