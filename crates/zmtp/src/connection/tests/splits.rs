//! However the bytes come, what is read is the same.

use proptest::prelude::*;

use super::pair::{GUARDS, Guard, Pair, frame, read_all, written};
use crate::{Connection, ConnectionError, Event, Role};

/// Something that an end says.
#[derive(Debug, Clone)]
enum Saying {
    Message(Vec<Vec<u8>>),
    Subscribe(Vec<u8>),
    Cancel(Vec<u8>),
    /// In the clear, right or wrong.
    Frame(u8, Vec<u8>),
}

fn sayings() -> impl Strategy<Value = Vec<Saying>> {
    let bytes = |most: usize| prop::collection::vec(any::<u8>(), 0..most);
    let frames = prop::collection::vec(bytes(300), 1..5);
    let saying = prop_oneof![
        4 => frames.prop_map(Saying::Message),
        2 => bytes(99).prop_map(Saying::Subscribe),
        2 => bytes(99).prop_map(Saying::Cancel),
        1 => (0..6_u8, bytes(300)).prop_map(|(flags, body)| Saying::Frame(flags & !2, body)),
        1 => bytes(99).prop_map(|more| Saying::Frame(4, [b"\x04PING\0\0", &more[..]].concat())),
    ];
    prop::collection::vec(saying, 0..12)
}

/// Whose bytes are split.
#[derive(Debug, Clone, Copy)]
enum By {
    Client,
    Server,
}

/// All that one end sends in a session. It does not depend on how the other reads it.
fn session(guard: Guard, by: By, sayings: &[Saying]) -> Vec<u8> {
    let pair = Pair::ready(guard, Role::Sub, Role::XPub);
    let (mut end, mut bytes) = match by {
        By::Client => (pair.client, pair.by_client),
        By::Server => (pair.server, pair.by_server),
    };
    for saying in sayings {
        match saying {
            Saying::Message(frames) => end.seal(frames, &mut bytes).unwrap(),
            Saying::Subscribe(topic) => end.subscribe(topic, &mut bytes).unwrap(),
            Saying::Cancel(topic) => end.cancel(topic, &mut bytes).unwrap(),
            Saying::Frame(flags, body) => bytes.extend(frame(*flags, body)),
        }
    }
    bytes
}

/// What an end makes of pieces.
fn read<'a>(
    mut end: Connection,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Event>, Option<ConnectionError>, Vec<u8>) {
    let mut events = Vec::new();
    let mut error = None;
    for mut piece in pieces {
        loop {
            match end.read(&mut piece) {
                Ok(Some(event)) => {
                    if matches!(event, Event::Authorise(_)) {
                        end.admit();
                    }
                    events.push(event);
                }
                Ok(None) => break,
                Err(other) => {
                    error = Some(other);
                    break;
                }
            }
        }
        if error.is_some() {
            break;
        }
    }
    (events, error, end.take_output())
}

/// Who hears it.
fn other(guard: Guard, by: By) -> Connection {
    let pair = Pair::new(guard, Role::Sub, Role::XPub);
    match by {
        By::Client => pair.server,
        By::Server => pair.client,
    }
}

/// Cuts `bytes` at these places, which are taken modulo the length.
fn pieces<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    ends.push(bytes.len());
    ends.sort_unstable();
    let starts = std::iter::once(0).chain(ends.iter().copied());
    starts.zip(&ends).map(|(start, end)| &bytes[start..*end]).collect()
}

const EVERY_WAY: [(Guard, By); 4] = [
    (Guard::Null, By::Client),
    (Guard::Null, By::Server),
    (Guard::Curve, By::Client),
    (Guard::Curve, By::Server),
];

const PREFIXES: &[&[u8]] = &[
    b"",
    b"GET / HT",
    b"SSH-2",
    b"\x16\x03\x01",
    b"\xff\0\0\0\0\0\0\0\x01\x7f",
    b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\x01NULL",
];

proptest! {
    #[test]
    fn any_split_of_the_bytes_gives_the_same(
        sayings in sayings(),
        cuts in prop::collection::vec(any::<usize>(), 0..20),
    ) {
        for (guard, by) in EVERY_WAY {
            let bytes = session(guard, by, &sayings);
            let whole = read(other(guard, by), [&bytes[..]]);
            prop_assert!(whole.0.iter().any(|event| matches!(event, Event::Ready(_))));
            prop_assert_eq!(&read(other(guard, by), pieces(&bytes, &cuts)), &whole);
            prop_assert_eq!(&read(other(guard, by), bytes.chunks(1)), &whole);
        }
    }

    #[test]
    fn what_begins_otherwise_is_judged_alike_however_it_comes(
        bytes in prop::collection::vec(any::<u8>(), 0..80),
        prefix in prop::sample::select(PREFIXES),
    ) {
        let bytes = [prefix, &bytes].concat();
        for (guard, by) in EVERY_WAY {
            let whole = read(other(guard, by), [&bytes[..]]);
            prop_assert_eq!(&read(other(guard, by), bytes.chunks(1)), &whole);
        }
    }

    #[test]
    fn a_message_is_read_as_it_was_written(
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..250), 1..=4),
    ) {
        for guard in GUARDS {
            let mut pair = Pair::ready(guard, Role::Dealer, Role::Router);
            let sent = written(|out| pair.client.seal(&frames, out).unwrap());
            let event = Event::Message(frames.iter().collect());
            prop_assert_eq!(read_all(&mut pair.server, &sent), Ok(vec![event]));
        }
    }
}
