//! What libzmq of several versions said (`scripts/record-zmtp.py`): each end understands it, and says
//! the same byte for byte.

#![expect(clippy::disallowed_methods, reason = "a test opens files of its own")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, fs, path::PathBuf};

use laniakea_zmtp::{Connection, Event, Limits, Peer, Role, Security, Setup, Version};
use serde::Deserialize;

#[derive(Deserialize)]
struct Recorded {
    libzmq: String,
    sessions: Vec<Session>,
    /// What a socket of each type says to a peer that has only greeted.
    handshakes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Session {
    name: String,
    client: String,
    server: String,
    client_says: Vec<Saying>,
    client_bytes: String,
    server_says: Vec<Saying>,
    server_bytes: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Saying {
    Message(Vec<String>),
    Subscribe(String),
    Cancel(String),
}

impl Saying {
    fn event(&self) -> Event {
        match self {
            Self::Message(frames) => Event::Message(frames.iter().map(|hex| bytes(hex)).collect()),
            Self::Subscribe(topic) => Event::Subscribe(bytes(topic)),
            Self::Cancel(topic) => Event::Cancel(bytes(topic)),
        }
    }

    fn say(&self, connection: &mut Connection, out: &mut Vec<u8>) {
        let said = match self {
            Self::Message(frames) => {
                let frames: Vec<Vec<u8>> = frames.iter().map(|hex| bytes(hex)).collect();
                connection.seal(&frames, out)
            }
            Self::Subscribe(topic) => connection.subscribe(&bytes(topic), out),
            Self::Cancel(topic) => connection.cancel(&bytes(topic), out),
        };
        said.unwrap();
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    digits.map(|two| u8::from_str_radix(str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}

fn recorded() -> Vec<Recorded> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/zmtp");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.map(|file| serde_json::from_slice(&fs::read(file).unwrap()).unwrap()).collect()
}

fn role(name: &str) -> Role {
    Role::parse(name.as_bytes()).unwrap()
}

fn end(role: Role, security: Security) -> Connection {
    let setup = Setup { role, security, limits: Limits::of_messages(1 << 16, 8) };
    Connection::new(&setup, &mut |_| panic!("nothing is encrypted here"))
}

fn read_all(connection: &mut Connection, mut input: &[u8]) -> Vec<Event> {
    std::iter::from_fn(|| connection.read(&mut input).unwrap()).collect()
}

fn expected(peer: &str, version: &str, says: &[Saying]) -> Vec<Event> {
    let version = if version < "4.3.3" { Version::V3_0 } else { Version::V3_1 };
    let ready = Event::Ready(Peer { role: role(peer), version, key: None });
    std::iter::once(ready).chain(says.iter().map(Saying::event)).collect()
}

#[test]
fn the_versions_are_those_that_are_deployed() {
    let mut versions: Vec<String> = recorded().into_iter().map(|it| it.libzmq).collect();
    versions.sort();
    assert_eq!(versions, ["4.1.6", "4.2.5", "4.3.2", "4.3.4", "4.3.5"]);
}

#[test]
fn both_ends_understand_what_libzmq_says() {
    for Recorded { libzmq, sessions, .. } in recorded() {
        for session in sessions {
            let what = format!("{libzmq}, {}", session.name);
            let mut server = end(role(&session.server), Security::NullServer);
            let events = read_all(&mut server, &bytes(&session.client_bytes));
            assert_eq!(events, expected(&session.client, &libzmq, &session.client_says), "{what}");
            let mut client = end(role(&session.client), Security::NullClient);
            let events = read_all(&mut client, &bytes(&session.server_bytes));
            assert_eq!(events, expected(&session.server, &libzmq, &session.server_says), "{what}");
        }
    }
}

#[test]
fn sockets_of_all_types_are_let_in_or_told_why_not() {
    for Recorded { libzmq, handshakes, .. } in recorded() {
        assert_eq!(handshakes.len(), Role::ALL.len(), "{libzmq}");
        for (name, said) in handshakes {
            let theirs = role(&name);
            for (ours, security) in [
                (Role::Router, Security::NullServer),
                (Role::XPub, Security::NullServer),
                (Role::Dealer, Security::NullClient),
                (Role::Sub, Security::NullClient),
            ] {
                let mut connection = end(ours, security);
                let outcome = connection.read(&mut &bytes(&said)[..]);
                if ours.talks_to(theirs) {
                    let event = expected(&name, &libzmq, &[]).remove(0);
                    assert_eq!(outcome, Ok(Some(event)), "{libzmq}");
                    continue;
                }
                let line = format!("a {name} where {ours} is, which it does not talk to");
                assert_eq!(outcome.unwrap_err().to_string(), line, "{libzmq}");
                assert!(connection.take_output().ends_with(line.as_bytes()));
            }
        }
    }
}

/// But for the version: ours is 3.1.
#[test]
fn both_ends_say_the_same_as_libzmq_byte_for_byte() {
    const MINOR: usize = 11;
    for Recorded { libzmq, sessions, .. } in recorded() {
        // Signs of life come when it is time, and an XSUB's subscriptions are messages.
        let timeless = |it: &&Session| it.name != "heartbeats" && it.client != "XSUB";
        for session in sessions.iter().filter(timeless) {
            let what = format!("{libzmq}, {}", session.name);
            let theirs = [bytes(&session.client_bytes), bytes(&session.server_bytes)];
            for (ours, security, name, says, heard) in [
                (0, Security::NullClient, &session.client, &session.client_says, &theirs[1]),
                (1, Security::NullServer, &session.server, &session.server_says, &theirs[0]),
            ] {
                let mut connection = end(role(name), security);
                let mut said = connection.take_output();
                read_all(&mut connection, heard);
                said.extend(connection.take_output());
                for saying in says {
                    saying.say(&mut connection, &mut said);
                }
                said[MINOR] = theirs[ours][MINOR];
                assert!(said == theirs[ours], "{what}, {name}");
            }
        }
    }
}

#[test]
fn pings_of_libzmq_are_answered() {
    for Recorded { sessions, .. } in recorded() {
        for session in sessions.iter().filter(|it| it.name == "heartbeats") {
            let mut server = end(role(&session.server), Security::NullServer);
            read_all(&mut server, &bytes(&session.client_bytes));
            assert!(server.take_output().ends_with(b"\x04\x05\x04PONG"));
        }
    }
}
