//! What strangers send: each stream is broken in one way, or is nothing at all.

use fastrand::Rng;

use super::zmtp::{
    COMMAND, GREETING_BYTES, LONG, MORE, announced, command, command_body, frame, greeting,
    handshake, property,
};
use crate::hostile;

/// One connection's bytes, and how it goes on.
pub(super) struct Stream {
    pub(super) bytes: Vec<u8>,
    pub(super) pace: Pace,
    pub(super) ending: Ending,
}

/// How fast the bytes are sent.
pub(super) enum Pace {
    AtOnce,
    /// What comes after so many bytes waits until the relay has answered them: before its own
    /// half of a handshake is out, it takes nothing else for the next message.
    InTurns(usize),
    /// A byte now and then.
    Slowly,
}

/// What becomes of the connection.
pub(super) enum Ending {
    Close,
    Reset,
    /// It stays open for as long as there is room.
    Hold,
}

/// Makes streams for one endpoint.
pub(super) struct Streams {
    /// The kind of socket that may connect there.
    pub(super) socket_type: &'static str,
    /// A HELLO that a CURVE server of the endpoint's key takes for a good one.
    pub(super) hello: Vec<u8>,
    pub(super) is_curve: bool,
}

impl Streams {
    pub(super) fn next(&self, rng: &mut Rng) -> Stream {
        let bytes = match rng.u8(..16) {
            0 => rubbish(rng),
            1 | 2 => broken_greeting(rng),
            3 | 4 => self.broken_ready(rng),
            5 | 6 => self.truncated(rng),
            7 | 8 => self.broken_frames(rng),
            9 | 10 => self.broken_commands(rng),
            11 => subscriptions(rng),
            12 => self.flipped(rng),
            13 => many_frames(rng, self.socket_type),
            _ => self.broken_curve(rng),
        };
        let pace = match (rng.u8(..32), after_ready(&bytes)) {
            (0, _) => Pace::Slowly,
            (1, _) => Pace::AtOnce,
            (_, Some(handshake)) => Pace::InTurns(handshake),
            (2..16, None) if bytes.len() > GREETING_BYTES => Pace::InTurns(GREETING_BYTES),
            _ => Pace::AtOnce,
        };
        let ending = match rng.u8(..8) {
            0 => Ending::Hold,
            1..4 => Ending::Reset,
            _ => Ending::Close,
        };
        Stream { bytes, pace, ending }
    }

    /// What a good peer sends: a handshake, and messages of its kind.
    fn good(&self, rng: &mut Rng) -> Vec<u8> {
        let message = match self.socket_type {
            "SUB" => frame(0, b"\x01_lk."),
            _ => [frame(MORE, b"{}"), frame(0, &rng.u64(..).to_be_bytes())].concat(),
        };
        [handshake(self.socket_type), message].concat()
    }

    fn truncated(&self, rng: &mut Rng) -> Vec<u8> {
        let mut bytes = self.good(rng);
        bytes.truncate(rng.usize(..=bytes.len()));
        bytes
    }

    fn flipped(&self, rng: &mut Rng) -> Vec<u8> {
        let mut bytes = self.good(rng);
        for _ in 0..rng.u8(1..4) {
            let at = rng.usize(..bytes.len());
            bytes[at] ^= 1 << rng.u8(..8);
        }
        bytes
    }

    fn broken_ready(&self, rng: &mut Rng) -> Vec<u8> {
        let kind = self.socket_type.as_bytes();
        let socket_type = property(b"Socket-Type", kind);
        let ready = match rng.u8(..10) {
            0 => command("READY", b""),
            1 => command("READY", &property(b"Socket-Type", b"")),
            2 => command("READY", &property(b"Socket-Type", rng.choice(TYPES).unwrap().as_bytes())),
            3 => {
                command("READY", &[&socket_type[..], &property(b"Identity", &[b'x'; 256])].concat())
            }
            4 => {
                command("READY", &[&socket_type[..], &property(&[b'x'; 255], &[0; 1_000])].concat())
            }
            // Lengths beyond the frame, and beyond every integer's sign.
            5 => command("READY", b"\x0bSocket-Type\xff\xff\xff\xffDEALER"),
            6 => command("READY", b"\xffSocket-Type\0\0\0\x06DEALER"),
            7 => command("READY", &socket_type[..rng.usize(..socket_type.len())]),
            8 => command("READY", &property(b"Identity", &[0; 3]).repeat(rng.usize(1..300))),
            _ => frame(COMMAND, &[&[rng.u8(..)][..], b"READY", &socket_type].concat()),
        };
        [greeting((3, rng.u8(..2)), "NULL", rng.bool()), ready].concat()
    }

    fn broken_frames(&self, rng: &mut Rng) -> Vec<u8> {
        let sizes =
            [0, 1, 255, 256, 2 << 20, (2 << 20) + 1, 1 << 32, 1 << 40, 1 << 62, 1 << 63, u64::MAX];
        let size = *rng.choice(&sizes).unwrap();
        let any = rng.u8(..);
        let flags = *rng
            .choice(&[0, MORE, LONG, LONG | MORE, COMMAND, COMMAND | MORE, 0xf8, 0xff, any])
            .unwrap();
        let body: Vec<u8> = (0..rng.usize(..300)).map(|_| rng.u8(..)).collect();
        [handshake(self.socket_type), announced(flags, size, &body)].concat()
    }

    fn broken_commands(&self, rng: &mut Rng) -> Vec<u8> {
        let text = rng.choice(hostile::TEXT).unwrap().as_bytes();
        let one = match rng.u8(..10) {
            0 => command("PING", b""),
            1 => command("PING", &[0, 10].repeat(rng.usize(1..2_000))),
            2 => command("PONG", &[b'x'; 200]),
            3 => command("READY", &property(b"Socket-Type", b"DEALER")),
            4 => command("ERROR", &[250, b'x']),
            5 => command("SUBSCRIBE", text),
            6 => command("CANCEL", text),
            7 => frame(COMMAND, &[rng.u8(..)]),
            8 => frame(COMMAND | MORE, &command_body("PING", b"\0\0")),
            _ => frame(COMMAND, b""),
        };
        [handshake(self.socket_type), one.repeat(rng.usize(1..20))].concat()
    }

    fn broken_curve(&self, rng: &mut Rng) -> Vec<u8> {
        let random = |rng: &mut Rng, length| (0..length).map(|_| rng.u8(..)).collect::<Vec<u8>>();
        let mut bytes = greeting((3, 1), "CURVE", rng.u8(..8) == 0);
        let hello_only = rng.bool();
        bytes.extend(match rng.u8(..7) {
            0 => self.hello.clone(),
            // The same HELLO a second time.
            1 => self.hello.repeat(2),
            2 => {
                // Version, client's key, nonce or box.
                let mut hello = self.hello.clone();
                let at = rng.usize(8..hello.len());
                hello[at] ^= 1 << rng.u8(..8);
                hello
            }
            3 => command("HELLO", &random(rng, 194)),
            4 => command("HELLO", &random(rng, 193)),
            5 => command("HELLO", &random(rng, 195)),
            _ => self.hello[..rng.usize(..self.hello.len())].to_vec(),
        });
        if !hello_only {
            let length = *rng.choice(&[0, 1, 103, 104, 120, 248, 249, 2_000]).unwrap();
            bytes.extend(command(
                rng.choice(["INITIATE", "MESSAGE", "READY", "WELCOME"]).unwrap(),
                &random(rng, length),
            ));
        }
        // On a CURVE endpoint the plain handshake is the broken one.
        if self.is_curve && rng.u8(..8) == 0 {
            return self.good(rng);
        }
        bytes
    }
}

/// Where a plain handshake is over and something comes after it.
fn after_ready(bytes: &[u8]) -> Option<usize> {
    let is_plain = bytes.get(12..17) == Some(b"NULL\0");
    let length = match bytes.get(GREETING_BYTES..)? {
        [COMMAND, length, ..] => usize::from(*length),
        _ => return None,
    };
    let end = GREETING_BYTES + 2 + length;
    (is_plain && bytes.len() > end).then_some(end)
}

const TYPES: &[&str] = &[
    "REQ", "REP", "ROUTER", "PUB", "XPUB", "PUSH", "PULL", "PAIR", "STREAM", "SERVER", "dealer",
    "DEALER\0", "\u{ff}",
];

fn rubbish(rng: &mut Rng) -> Vec<u8> {
    match rng.u8(..6) {
        0 => Vec::new(),
        1 => b"GET / HTTP/1.1\r\nHost: relay\r\n\r\n".to_vec(),
        2 => [&b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"[..], &[7; 500]].concat(),
        3 => b"SSH-2.0-OpenSSH_9.9\r\n".to_vec(),
        4 => vec![0xff; rng.usize(..5_000)],
        _ => (0..rng.usize(..2_000)).map(|_| rng.u8(..)).collect(),
    }
}

fn broken_greeting(rng: &mut Rng) -> Vec<u8> {
    let mechanism = *rng
        .choice(
            ["NULL", "PLAIN", "CURVE", "GSSAPI", "EVIL", "", "NULLNULLNULLNULLNULL!"].as_slice(),
        )
        .unwrap();
    let mut bytes = greeting((rng.u8(..), rng.u8(..)), mechanism, rng.bool());
    match rng.u8(..8) {
        // ZMTP 1.0 and 2.0 as old peers speak them.
        0 => bytes = [&frame(0, b"")[..], &frame(MORE, b"x"), &frame(0, b"y")].concat(),
        1 => {
            bytes = [
                &[0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, rng.u8(..3), rng.u8(..12)][..],
                &frame(0, b"id"),
                &frame(0, b"{}"),
            ]
            .concat();
        }
        2 => bytes[9] = rng.u8(..),
        3 => bytes[0] = rng.u8(..),
        4 => bytes[1..9].fill(rng.u8(..)),
        5 => bytes[33..].fill(rng.u8(..)),
        6 => bytes.truncate(rng.usize(..GREETING_BYTES)),
        _ => {}
    }
    bytes
}

fn subscriptions(rng: &mut Rng) -> Vec<u8> {
    let mut bytes = handshake(if rng.bool() { "SUB" } else { "XSUB" });
    for _ in 0..rng.u8(1..200) {
        let topic: Vec<u8> = (0..rng.usize(..40)).map(|_| rng.u8(b'a'..b'e')).collect();
        let verb = [rng.u8(..3)];
        bytes.extend(match rng.u8(..4) {
            0 => command("SUBSCRIBE", &topic),
            1 => command("CANCEL", &topic),
            2 => frame(0, &[&verb[..], &[b'x'; 1_000]].concat()),
            _ => frame(0, &[&verb[..], &topic].concat()),
        });
    }
    bytes
}

/// Frames without end, until the connection is closed.
fn many_frames(rng: &mut Rng, socket_type: &str) -> Vec<u8> {
    let one = match rng.u8(..4) {
        0 => frame(MORE, b""),
        1 => frame(MORE, b"x"),
        2 => frame(0, b""),
        _ => frame(MORE, &[b'x'; 300]),
    };
    [handshake(socket_type), one.repeat(rng.usize(1..2_000))].concat()
}
