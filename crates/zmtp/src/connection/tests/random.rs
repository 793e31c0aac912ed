//! Bytes that mean nothing: no panic, and no more memory than the limits say.

use proptest::prelude::*;

use super::pair::{GUARDS, LIMITS, Pair, frame};
use crate::{Connection, Event, Role};

/// Room for what a peer may make a connection hold: what is not complete (a vector may have twice
/// the room that it needs), the ends of frames, and the handshake's commands.
const MOST_HELD_BYTES: usize =
    2 * LIMITS.message_bytes + 8 * 2 * LIMITS.message_frames + 2 * LIMITS.handshake_bytes;

fn feed(connection: &mut Connection, bytes: &[u8]) {
    for mut piece in bytes.chunks(7) {
        while let Ok(Some(event)) = connection.read(&mut piece) {
            if let Event::Message(message) = event {
                assert!(message.byte_count() <= LIMITS.message_bytes);
                assert!(message.frame_count() <= LIMITS.message_frames);
            }
            connection.admit();
        }
        assert!(connection.held_bytes() <= MOST_HELD_BYTES, "{}", connection.held_bytes());
    }
}

const NAMES: &[&[u8]] = &[
    b"\x05READY",
    b"\x05ERROR",
    b"\x09SUBSCRIBE",
    b"\x06CANCEL",
    b"\x04PING",
    b"\x05HELLO",
    b"\x07WELCOME",
    b"\x08INITIATE",
    b"\x07MESSAGE",
    b"",
];

/// Frames of which many are well-formed.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let name = prop::sample::select(NAMES);
    let body = prop::collection::vec(any::<u8>(), 0..260);
    let frame = (any::<u8>(), name, body)
        .prop_map(|(flags, name, body)| frame(flags & 0b101, &[name, &body[..]].concat()));
    prop::collection::vec(frame, 0..8).prop_map(|frames| frames.concat())
}

proptest! {
    #[test]
    fn bytes_that_mean_nothing_do_no_harm_at_any_stage(
        bytes in prop_oneof![prop::collection::vec(any::<u8>(), 0..2_000), frames()],
    ) {
        for guard in GUARDS {
            let Pair { mut client, mut server, .. } = Pair::new(guard, Role::Sub, Role::XPub);
            feed(&mut server, &bytes);
            feed(&mut client, &bytes);
            let Pair { mut client, mut server, .. } = Pair::new(guard, Role::Sub, Role::XPub);
            let greetings = [client.take_output(), server.take_output()];
            feed(&mut server, &greetings[0][..64]);
            feed(&mut client, &[&greetings[1][..], &server.take_output()].concat()[..64]);
            feed(&mut server, &bytes);
            feed(&mut client, &bytes);
            let Pair { mut client, mut server, .. } = Pair::ready(guard, Role::Sub, Role::XPub);
            feed(&mut server, &bytes);
            feed(&mut client, &bytes);
        }
    }
}
