//! Two ends and what they say to each other.

use crate::{
    Connection, ConnectionError, Event, Limits, Role, Security, Setup,
    curve::{KeyPair, SecretKey},
};

pub(super) const LIMITS: Limits = Limits { command_bytes: 100, ..Limits::of_messages(1_000, 4) };

/// Both ends.
pub(super) struct Pair {
    pub(super) client: Connection,
    pub(super) server: Connection,
    /// All that they said until they were ready.
    pub(super) by_client: Vec<u8>,
    pub(super) by_server: Vec<u8>,
}

/// In the clear or encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guard {
    Null,
    Curve,
}

pub(super) const GUARDS: [Guard; 2] = [Guard::Null, Guard::Curve];

impl Pair {
    /// Just made.
    pub(super) fn new(guard: Guard, client: Role, server: Role) -> Self {
        Self {
            client: Connection::new(&setup(client, client_security(guard)), &mut counting(0)),
            server: Connection::new(&setup(server, server_security(guard)), &mut counting(100)),
            by_client: Vec::new(),
            by_server: Vec::new(),
        }
    }

    /// After the handshake.
    pub(super) fn ready(guard: Guard, client: Role, server: Role) -> Self {
        let mut pair = Self::new(guard, client, server);
        pair.talk().unwrap();
        assert!(pair.client.peer().is_some() && pair.server.peer().is_some());
        pair
    }

    /// Lets both say what they have to say, and trusts each key.
    pub(super) fn talk(&mut self) -> Result<(), ConnectionError> {
        while self.client.has_output() || self.server.has_output() {
            let output = self.client.take_output();
            self.by_client.extend_from_slice(&output);
            read_all(&mut self.server, &output)?;
            let output = self.server.take_output();
            self.by_server.extend_from_slice(&output);
            read_all(&mut self.client, &output)?;
        }
        Ok(())
    }
}

/// All events that these bytes make, where each key is trusted.
pub(super) fn read_all(
    connection: &mut Connection,
    mut input: &[u8],
) -> Result<Vec<Event>, ConnectionError> {
    let mut events = Vec::new();
    while let Some(event) = connection.read(&mut input)? {
        if matches!(event, Event::Authorise(_)) {
            connection.admit();
        }
        events.push(event);
    }
    assert!(input.is_empty(), "{} bytes were left", input.len());
    Ok(events)
}

pub(super) fn setup(role: Role, security: Security) -> Setup {
    Setup { role, security, limits: LIMITS }
}

pub(super) fn server_security(guard: Guard) -> Security {
    match guard {
        Guard::Null => Security::NullServer,
        Guard::Curve => Security::CurveServer(key_pair(1)),
    }
}

pub(super) fn client_security(guard: Guard) -> Security {
    match guard {
        Guard::Null => Security::NullClient,
        Guard::Curve => Security::CurveClient { own: key_pair(2), server: key_pair(1).public() },
    }
}

pub(super) fn key_pair(number: u8) -> KeyPair {
    KeyPair::of(SecretKey::from_bytes([number; 32]))
}

/// Randomness that is none: what the tests compare is the same each time.
pub(super) fn counting(mut next: u8) -> impl FnMut(&mut [u8]) {
    move |bytes| {
        for byte in bytes {
            *byte = next;
            next = next.wrapping_add(1);
        }
    }
}

/// A frame in the clear.
pub(super) fn frame(flags: u8, body: &[u8]) -> Vec<u8> {
    if let Ok(size) = u8::try_from(body.len()) {
        return [&[flags, size], body].concat();
    }
    let size = u64::try_from(body.len()).unwrap().to_be_bytes();
    [&[flags | 2], &size[..], body].concat()
}

/// Appends what `write` appends, and hands it out.
pub(super) fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}
