//! ZMTP: each end, in the clear and encrypted, against whatever the other sends.
//!
//! For encrypted ends what is made up is sealed by an end that has the keys, or nothing would get past
//! the first box. A handshake takes a hundred times as long as what follows it, so most inputs begin
//! where it is done.

use std::{mem, sync::LazyLock};

use laniakea_zmtp::{
    Connection, Event, Limits, Message, Peer, Role, Security, Setup, Version,
    curve::{KeyPair, SecretKey},
    encode, fuzzing,
};

use crate::input::Input;

const LIMITS: Limits = Limits { command_bytes: 64, ..Limits::of_messages(300, 4) };

/// What an end may hold: a vector may have twice the room that it needs.
const MOST_HELD_BYTES: usize =
    2 * (LIMITS.message_bytes + 8 * LIMITS.message_frames) + 2 * LIMITS.handshake_bytes;

/// Of the client and of the server.
static KEYS: LazyLock<[KeyPair; 2]> =
    LazyLock::new(|| [2, 1].map(|number| KeyPair::of(SecretKey::from_bytes([number; 32]))));

/// One of the two ends of a connection.
#[derive(Clone, Copy)]
struct End {
    is_server: bool,
    is_encrypted: bool,
    /// Which two roles talk to each other.
    roles: usize,
}

/// A server in the clear.
pub fn zmtp_null_server(bytes: &[u8]) {
    null(bytes, true);
}

/// A client in the clear.
pub fn zmtp_null_client(bytes: &[u8]) {
    null(bytes, false);
}

/// An encrypted server.
pub fn zmtp_curve_server(bytes: &[u8]) {
    curve(bytes, true);
}

/// An encrypted client.
pub fn zmtp_curve_client(bytes: &[u8]) {
    curve(bytes, false);
}

fn null(bytes: &[u8], is_server: bool) {
    let mut input = Input::new(bytes);
    let is_ready = input.below(2) == 1;
    let end = End { is_server, is_encrypted: false, roles: input.below(2) };
    let make = if is_ready { End::established } else { End::fresh };
    hear_twice(|| make(end), &mut input, true);
}

fn curve(bytes: &[u8], is_server: bool) {
    let mut input = Input::new(bytes);
    let kind = input.byte();
    let end = End { is_server, is_encrypted: true, roles: input.below(2) };
    let is_trusted = input.below(8) != 0;
    match kind {
        ..4 => drop(hear_twice(|| end.fresh(), &mut input, is_trusted)),
        4..8 => {
            let mut attacker = end.other().fresh();
            fuzzing::say(&mut attacker, input.counted());
            shake(&mut end.fresh(), &mut attacker, input.rest(), is_trusted);
        }
        8.. => after_handshake(end, &mut input),
    }
}

/// What somebody says whose handshake was a good one.
fn after_handshake(end: End, input: &mut Input<'_>) {
    let piece = input.take(1);
    let mut attacker = end.other().established();
    let (mut said, mut last) = (Vec::from(piece), 0..0);
    let (mut is_in_the_clear, mut is_repeated) = (false, false);
    while !input.is_empty() {
        let (flags, body) = (input.byte(), input.counted());
        match flags >> 6 {
            0 | 1 => {
                let start = said.len();
                fuzzing::put(&mut attacker, flags, body, &mut said);
                last = start..said.len();
            }
            2 => {
                said.extend_from_slice(body);
                is_in_the_clear |= !body.is_empty();
            }
            // What came before comes again.
            _ => {
                is_repeated |= !last.is_empty();
                said.extend_from_within(mem::take(&mut last));
            }
        }
    }
    let said = &mut Input::new(&said);
    if let Some((mut end, mut answer)) = hear_twice(|| end.established(), said, true) {
        // What is in the clear may have all that follows in it.
        assert!(is_in_the_clear || !is_repeated, "a frame counted twice");
        // The connection is not over, so the other still understands.
        end.seal(&["still", "here"], &mut answer).expect("it is ready");
        let heard = attacker.read(&mut &answer[..]).expect("it was sealed");
        assert_eq!(heard, Some(Event::Message(Message::from_iter(["still", "here"]))));
    }
}

impl End {
    fn other(self) -> Self {
        Self { is_server: !self.is_server, ..self }
    }

    fn role(self) -> Role {
        let roles = [[Role::Sub, Role::XPub], [Role::Dealer, Role::Router]][self.roles];
        roles[usize::from(self.is_server)]
    }

    fn setup(self) -> Setup {
        let [client, server] = &*KEYS;
        let security = match (self.is_encrypted, self.is_server) {
            (false, false) => Security::NullClient,
            (false, true) => Security::NullServer,
            (true, false) => Security::CurveClient { own: client.clone(), server: server.public() },
            (true, true) => Security::CurveServer(server.clone()),
        };
        Setup { role: self.role(), security, limits: LIMITS }
    }

    /// Before the handshake.
    fn fresh(self) -> Connection {
        let random = if self.is_server { 4 } else { 3 };
        Connection::new(&self.setup(), &mut |bytes| bytes.fill(random))
    }

    /// After it.
    fn established(self) -> Connection {
        let peer = Peer { role: self.other().role(), version: Version::V3_1, key: None };
        fuzzing::established(&self.setup(), peer)
    }
}

/// Lets the two shake hands. `changes` are places, of two bytes, and what is changed in them, in all
/// that `end` hears.
fn shake(end: &mut Connection, attacker: &mut Connection, changes: &[u8], is_trusted: bool) {
    let mut passed = 0;
    while attacker.has_output() || end.has_output() {
        let mut said = attacker.take_output();
        for change in changes.chunks_exact(3) {
            let place = usize::from(u16::from_be_bytes([change[0], change[1]]));
            if let Some(byte) = place.checked_sub(passed).and_then(|at| said.get_mut(at)) {
                *byte ^= change[2];
            }
        }
        passed += said.len();
        if hear(end, &[&said], is_trusted).1.is_some() {
            return;
        }
        hear(attacker, &[&end.take_output()], true);
    }
}

/// However the bytes come, they are understood alike. Gives back an end that is not over,
/// and what it has said.
fn hear_twice(
    make: impl Fn() -> Connection,
    input: &mut Input<'_>,
    is_trusted: bool,
) -> Option<(Connection, Vec<u8>)> {
    let piece = 1 + usize::from(input.byte());
    let said = input.rest();
    let (mut one, mut other) = (make(), make());
    let (events, error) = hear(&mut one, &[said], is_trusted);
    let pieces: Vec<&[u8]> = said.chunks(piece).collect();
    let in_pieces = hear(&mut other, &pieces, is_trusted);
    assert_eq!((&in_pieces.0, &in_pieces.1), (&events, &error));
    events.iter().for_each(check_again);
    let output = one.take_output();
    assert_eq!(output, other.take_output());
    error.is_none().then_some((one, output))
}

/// All that an end makes of these pieces: events, and why it is over.
fn hear(end: &mut Connection, pieces: &[&[u8]], is_trusted: bool) -> (Vec<Event>, Option<String>) {
    let mut events = Vec::new();
    let mut error = None;
    for mut piece in pieces.iter().copied() {
        while error.is_none() {
            match end.read(&mut piece) {
                Ok(None) => break,
                Ok(Some(event)) => {
                    check_limits(&event);
                    if is_trusted {
                        end.admit();
                    } else {
                        end.refuse();
                    }
                    events.push(event);
                }
                Err(why) => error = Some(why.to_string()),
            }
        }
        assert!(error.is_some() || piece.is_empty(), "something was left");
        assert!(end.held_bytes() <= MOST_HELD_BYTES, "{} bytes are held", end.held_bytes());
    }
    if let Some(line) = &error {
        assert!(line.len() < 1_100 && !line.contains(char::is_control), "{line:?}");
    }
    (events, error)
}

fn check_limits(event: &Event) {
    match event {
        Event::Message(message) => {
            assert!(message.byte_count() <= LIMITS.message_bytes);
            assert!((1..=LIMITS.message_frames).contains(&message.frame_count()));
            let bytes: usize = message.frames().map(<[u8]>::len).sum();
            assert_eq!(bytes, message.byte_count());
        }
        Event::Subscribe(topic) | Event::Cancel(topic) => {
            assert!(topic.len() <= LIMITS.command_bytes);
        }
        Event::Authorise(_) | Event::Ready(_) => {}
    }
}

/// A message that was read and is written is read again.
fn check_again(event: &Event) {
    let Event::Message(message) = event else {
        return;
    };
    let mut end = End { is_server: true, is_encrypted: false, roles: 1 }.established();
    let frames: Vec<&[u8]> = message.frames().collect();
    let mut bytes = Vec::new();
    encode(&frames, &mut bytes);
    assert_eq!(end.read(&mut &bytes[..]).as_ref(), Ok(&Some(event.clone())));
}
