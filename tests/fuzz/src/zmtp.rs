//! ZMTP: each end, in the clear and encrypted, against whatever the other sends.
//!
//! For encrypted ends what is made up is sealed by an end that has the keys, or nothing would get past
//! the first box.

use laniakea_zmtp::{
    Connection, Event, Limits, Message, Role, Security, Setup,
    curve::{KeyPair, SecretKey},
    encode, fuzzing,
};

use crate::input::Input;

const LIMITS: Limits = Limits { command_bytes: 64, ..Limits::of_messages(300, 4) };

/// What an end may hold: a vector may have twice the room that it needs.
const MOST_HELD_BYTES: usize =
    2 * (LIMITS.message_bytes + 8 * LIMITS.message_frames) + 2 * LIMITS.handshake_bytes;

/// The two ends of a connection.
struct Pair {
    client: Connection,
    server: Connection,
}

/// Which of them is attacked.
#[derive(Clone, Copy)]
enum Victim {
    Client,
    Server,
}

/// A server in the clear.
pub fn zmtp_null_server(bytes: &[u8]) {
    null(bytes, Victim::Server);
}

/// A client in the clear.
pub fn zmtp_null_client(bytes: &[u8]) {
    null(bytes, Victim::Client);
}

/// An encrypted server.
pub fn zmtp_curve_server(bytes: &[u8]) {
    curve(bytes, Victim::Server);
}

/// An encrypted client.
pub fn zmtp_curve_client(bytes: &[u8]) {
    curve(bytes, Victim::Client);
}

fn null(bytes: &[u8], victim: Victim) {
    let mut input = Input::new(bytes);
    let (is_ready, roles) = (input.below(2) == 1, input.below(2));
    let piece = 1 + usize::from(input.byte());
    let said = input.rest();
    let end = || {
        let mut pair = Pair::new(roles, [Security::NullClient, Security::NullServer]);
        if is_ready {
            pair.shake(victim, &[]);
        }
        pair.split(victim).0
    };
    let (mut one, mut other) = (end(), end());
    let (events, error) = hear(&mut one, &[said], true);
    // However the bytes come, they are understood alike.
    let pieces: Vec<&[u8]> = said.chunks(piece).collect();
    assert_eq!(hear(&mut other, &pieces, true), (events.clone(), error));
    assert_eq!(one.take_output(), other.take_output());
    events.iter().for_each(check_again);
}

fn curve(bytes: &[u8], victim: Victim) {
    let mut input = Input::new(bytes);
    let (stage, roles) = (input.below(3), input.below(2));
    let is_trusted = input.below(8) != 0;
    let keys = [2, 1].map(|number| KeyPair::of(SecretKey::from_bytes([number; 32])));
    let [own, server] = keys;
    let client = Security::CurveClient { own, server: server.public() };
    let mut pair = Pair::new(roles, [client, Security::CurveServer(server)]);
    match stage {
        0 => {
            let said = input.rest();
            let (mut end, _) = pair.split(victim);
            hear(&mut end, &[said], is_trusted);
        }
        1 => {
            fuzzing::say(pair.attacker(victim), input.counted());
            pair.shake(victim, input.rest());
        }
        _ => {
            pair.shake(victim, &[]);
            let (mut end, mut attacker) = pair.split(victim);
            let mut said = Vec::new();
            while !input.is_empty() {
                let flags = input.byte();
                fuzzing::put(&mut attacker, flags, input.counted(), &mut said);
            }
            let (events, error) = hear(&mut end, &[&said], is_trusted);
            events.iter().for_each(check_again);
            // Unless the connection is over, the other still understands.
            if error.is_none() {
                let mut said = end.take_output();
                end.seal(&["still", "here"], &mut said).expect("it is ready");
                let heard = attacker.read(&mut &said[..]).expect("it was sealed");
                assert_eq!(heard, Some(Event::Message(Message::from_iter(["still", "here"]))));
            }
        }
    }
}

impl Pair {
    fn new(roles: usize, securities: [Security; 2]) -> Self {
        let roles = [[Role::Sub, Role::XPub], [Role::Dealer, Role::Router]][roles];
        let [client_security, server_security] = securities;
        let end = |role, security, random| {
            let setup = Setup { role, security, limits: LIMITS };
            Connection::new(&setup, &mut |bytes| bytes.fill(random))
        };
        Self {
            client: end(roles[0], client_security, 3),
            server: end(roles[1], server_security, 4),
        }
    }

    fn attacker(&mut self, victim: Victim) -> &mut Connection {
        match victim {
            Victim::Client => &mut self.server,
            Victim::Server => &mut self.client,
        }
    }

    /// The victim and the other.
    fn split(self, victim: Victim) -> (Connection, Connection) {
        match victim {
            Victim::Client => (self.client, self.server),
            Victim::Server => (self.server, self.client),
        }
    }

    /// Lets the two shake hands. `changes` are places, of two bytes, and what is changed in them, in
    /// all that the victim hears.
    fn shake(&mut self, victim: Victim, changes: &[u8]) {
        let (end, attacker) = match victim {
            Victim::Client => (&mut self.client, &mut self.server),
            Victim::Server => (&mut self.server, &mut self.client),
        };
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
            if hear(end, &[&said], true).1.is_some() {
                return;
            }
            hear(attacker, &[&end.take_output()], true);
        }
    }
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
                        end.admit()
                    } else {
                        end.refuse()
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
    let mut pair = Pair::new(1, [Security::NullClient, Security::NullServer]);
    pair.shake(Victim::Server, &[]);
    let frames: Vec<&[u8]> = message.frames().collect();
    let mut bytes = Vec::new();
    encode(&frames, &mut bytes);
    assert_eq!(pair.server.read(&mut &bytes[..]).as_ref(), Ok(&Some(event.clone())));
}
