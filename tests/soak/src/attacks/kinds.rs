//! What peers may do to a relay, each at every endpoint where it can be done.

use std::{sync::LazyLock, time::Duration};

use laniakea_zmtp::{Connection, Role};

/// One kind of attack.
pub(super) struct Kind {
    pub(super) what: &'static str,
    /// At submit, publish and replay: as whom, and what the relay counts then; nothing where it is
    /// not even counted.
    pub(super) at: [Option<(Role, &'static str)>; 3],
    /// It is about encryption.
    pub(super) is_encrypted: bool,
    pub(super) peers: usize,
    pub(super) lasts: Duration,
    pub(super) way: Way,
}

/// How it goes.
#[derive(Clone, Copy)]
pub(super) enum Way {
    /// Nobody does anything: what the machine itself comes to.
    Nothing,
    /// They send this as fast as they can, and read nothing; who is cut comes again.
    Flood(Fill),
    /// They shake hands at one byte a second.
    Slowly,
    /// They ask for much and stop in the middle of it.
    Stop,
    /// They shake hands with keys that the relay does not know.
    WithWrongKeys,
    /// They say the first that costs the relay something, and nothing more.
    Hello,
    /// They leave after each byte of a session, with RST and with FIN.
    Cut,
    /// They connect and leave.
    Connect,
}

/// Appends what comes next, and counts it.
pub(super) type Fill = fn(&mut Connection, &mut Dose, &mut Vec<u8>);

/// How far a connection is.
#[derive(Clone, Copy, Default)]
pub(super) struct Dose {
    pub(super) peer: usize,
    pub(super) number: u64,
}

/// A debug build has something else to show.
const fn lasting(ms: u64) -> Duration {
    Duration::from_millis(if cfg!(debug_assertions) { 250 } else { ms })
}

const USUAL: Duration = lasting(800);
const ROUTERS: [Option<(Role, &str)>; 3] =
    [Some((Role::Dealer, "")), None, Some((Role::Dealer, ""))];
const ALL: [Option<(Role, &str)>; 3] =
    [Some((Role::Dealer, "")), Some((Role::Sub, "")), Some((Role::Dealer, ""))];

/// What they do not take: a debug build has not the time to publish more than may wait.
const LOST: &str = if cfg!(debug_assertions) { "" } else { "publish_lost_events" };

const fn everywhere(counted: &'static str) -> [Option<(Role, &'static str)>; 3] {
    [Some((Role::Dealer, counted)), Some((Role::Sub, counted)), Some((Role::Dealer, counted))]
}

const fn at_publish(role: Role, counted: &'static str) -> [Option<(Role, &'static str)>; 3] {
    [None, Some((role, counted)), None]
}

const fn flood(
    what: &'static str,
    at: [Option<(Role, &'static str)>; 3],
    peers: usize,
    fill: Fill,
) -> Kind {
    Kind { what, at, is_encrypted: false, peers, lasts: USUAL, way: Way::Flood(fill) }
}

const fn other(what: &'static str, way: Way) -> Kind {
    Kind { what, at: ALL, is_encrypted: false, peers: 20, lasts: USUAL, way }
}

/// All of them.
pub(super) const KINDS: &[Kind] = &[
    Kind { at: [Some((Role::Dealer, "")), None, None], ..other("nothing", Way::Nothing) },
    flood("dear reads, unread", [None, None, ROUTERS[2]], 20, reads),
    flood("statuses, unread", [None, None, ROUTERS[2]], 20, statuses),
    flood(
        "junk events, replies unread",
        [Some((Role::Dealer, "rejected_bad_json")), None, None],
        20,
        junk,
    ),
    flood(
        "user messages",
        [Some((Role::Dealer, "malformed")), Some((Role::XSub, "publish_cut_messages")), ROUTERS[2]],
        20,
        user_messages,
    ),
    flood(
        "empty frames",
        [Some((Role::Dealer, "malformed")), Some((Role::Sub, "publish_cut_messages")), ROUTERS[2]],
        20,
        empty_frames,
    ),
    flood(
        "SUBSCRIBE and CANCEL",
        [ROUTERS[0], Some((Role::Sub, "publish_cut_messages")), ROUTERS[2]],
        20,
        cancels,
    ),
    flood("multipart without end", everywhere("cut_unfinished"), 20, endless),
    flood("messages of 10^6 frames", everywhere("cut_unfinished"), 20, many_frames),
    flood(
        "PINGs, PONGs unread",
        [ROUTERS[0], Some((Role::Sub, "publish_cut_messages")), ROUTERS[2]],
        20,
        pings,
    ),
    flood(
        "unknown commands",
        [ROUTERS[0], Some((Role::Sub, "publish_cut_messages")), ROUTERS[2]],
        20,
        unknown_commands,
    ),
    flood(
        "480 peers, 1,000 topics each",
        at_publish(Role::Sub, "publish_cut_subscriptions"),
        480,
        a_thousand_topics,
    ),
    flood(
        "100,000 subscriptions",
        at_publish(Role::XSub, "publish_cut_subscriptions"),
        4,
        topics_without_end,
    ),
    Kind {
        at: everywhere("failed_handshakes"),
        peers: 500,
        lasts: lasting(4_500),
        ..other("handshakes, a byte a second", Way::Slowly)
    },
    Kind {
        at: [None, Some((Role::Sub, LOST)), ROUTERS[2]],
        lasts: lasting(2_000),
        ..other("readers that stop midway", Way::Stop)
    },
    Kind {
        at: everywhere("refused_keys"),
        is_encrypted: true,
        peers: 50,
        ..other("CURVE, wrong keys", Way::WithWrongKeys)
    },
    Kind { is_encrypted: true, peers: 100, ..other("CURVE, HELLO alone", Way::Hello) },
    Kind { peers: 16, ..other("RST and FIN at each byte", Way::Cut) },
    other("connections alone", Way::Connect),
];

impl Kind {
    /// Where it can be done: the endpoint's number, and whether it is the encrypted one.
    pub(super) fn places(&self) -> Vec<(usize, bool)> {
        let endpoints = (0..self.at.len()).filter(|at| self.at[*at].is_some());
        let both = endpoints.flat_map(|endpoint| [(endpoint, false), (endpoint, true)]);
        both.filter(|(_, is_encrypted)| *is_encrypted || !self.is_encrypted).collect()
    }
}

/// About as much as one connection is given at a time.
pub(super) const BLOCK: usize = 64 << 10;

fn say(zmtp: &mut Connection, dose: &mut Dose, out: &mut Vec<u8>, messages: &[&[&[u8]]]) {
    while out.len() < BLOCK {
        for message in messages {
            zmtp.seal(message, out).unwrap();
            dose.number += 1;
        }
    }
}

fn command(zmtp: &mut Connection, dose: &mut Dose, out: &mut Vec<u8>, bodies: &[&[u8]]) {
    while out.len() < BLOCK {
        for body in bodies {
            zmtp.command(body, out).unwrap();
            dose.number += 1;
        }
    }
}

/// Reads of the whole journal that match nothing.
static READS: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    [1, 1_000].map(|count| {
        let prefixes: Vec<String> = (0..count).map(|at| format!("\"org.nothing{at}.\"")).collect();
        let prefixes = prefixes.join(",");
        format!(r#"{{"op":"read","after":0,"prefixes":[{prefixes}],"limit":1000}}"#).into_bytes()
    })
});

fn reads(zmtp: &mut Connection, dose: &mut Dose, out: &mut Vec<u8>) {
    let [short, long] = &*READS;
    let whole = br#"{"op":"read","after":0,"prefixes":[],"limit":1000}"#;
    say(zmtp, dose, out, &[&[b"id", short], &[b"id", long], &[b"id", whole]]);
}

fn statuses(zmtp: &mut Connection, dose: &mut Dose, out: &mut Vec<u8>) {
    say(zmtp, dose, out, &[&[b"id", br#"{"op":"status"}"#]]);
}

fn junk(zmtp: &mut Connection, dose: &mut Dose, out: &mut Vec<u8>) {
    say(zmtp, dose, out, &[&[b"{\"id\":5}", b"id"], &[&vec![b' '; 100_000], b"id"]]);
}

fn user_messages(zmtp: &mut Connection, dose: &mut Dose, out: &mut Vec<u8>) {
    say(zmtp, dose, out, &[&[b"hello"], &[b"a", b"b", b"c", b"d"], &[&[7; 900]]]);
}

fn empty_frames(zmtp: &mut Connection, dose: &mut Dose, out: &mut Vec<u8>) {
    say(zmtp, dose, out, &[&[b""], &[b"", b""], &[b"", b"", b""], &[b"", b"", b"", b""]]);
}

fn cancels(zmtp: &mut Connection, dose: &mut Dose, out: &mut Vec<u8>) {
    while out.len() < BLOCK {
        let topic = format!("org.peer{}.", dose.number % 100);
        zmtp.cancel(b"never", out).unwrap();
        zmtp.subscribe(topic.as_bytes(), out).unwrap();
        zmtp.cancel(topic.as_bytes(), out).unwrap();
        dose.number += 3;
    }
}

/// Frames that all say that there is more.
fn frames(zmtp: &mut Connection, body: &[u8], count: usize, out: &mut Vec<u8>) {
    let mut last = Vec::new();
    // In the clear and encrypted, one as long as the last: that is left out.
    zmtp.seal(&[body], &mut last).unwrap();
    zmtp.seal(&vec![body; count + 1], out).unwrap();
    out.truncate(out.len() - last.len());
}

fn endless(zmtp: &mut Connection, dose: &mut Dose, out: &mut Vec<u8>) {
    let (body, count) = if dose.peer.is_multiple_of(2) { (60 << 10, 1) } else { (1, 1_000) };
    frames(zmtp, &vec![b'x'; body], count, out);
    dose.number += count as u64;
}

fn many_frames(zmtp: &mut Connection, dose: &mut Dose, out: &mut Vec<u8>) {
    frames(zmtp, b"", 1_999, out);
    dose.number += 1_999;
    if dose.number >= 1_000_000 {
        zmtp.seal(&[b""], out).unwrap();
        dose.number = 0;
    }
}

fn pings(zmtp: &mut Connection, dose: &mut Dose, out: &mut Vec<u8>) {
    command(zmtp, dose, out, &[b"\x04PING\0\0sixteen bytes...", b"\x04PING\xff\xff"]);
}

fn unknown_commands(zmtp: &mut Connection, dose: &mut Dose, out: &mut Vec<u8>) {
    let long: Vec<u8> = b"\x04NEWS".iter().copied().chain([b'x'; 900]).collect();
    command(zmtp, dose, out, &[b"\x04NEWS", b"\x05HELLO", b"\x05READY", b"\x04PONG", &long]);
}

fn a_thousand_topics(zmtp: &mut Connection, dose: &mut Dose, out: &mut Vec<u8>) {
    topics(zmtp, dose, out, 1_000);
}

fn topics_without_end(zmtp: &mut Connection, dose: &mut Dose, out: &mut Vec<u8>) {
    topics(zmtp, dose, out, 100_000);
}

fn topics(zmtp: &mut Connection, dose: &mut Dose, out: &mut Vec<u8>, most: u64) {
    while out.len() < BLOCK && dose.number < most {
        let topic = format!("org.peer{}.n{}.", dose.peer, dose.number);
        zmtp.subscribe(topic.as_bytes(), out).unwrap();
        dose.number += 1;
    }
}
