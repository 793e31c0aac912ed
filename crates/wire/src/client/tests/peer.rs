//! The other end, on a thread of its own where it has to wait.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
};

use laniakea_zmtp::{Connection, ConnectionError, Event, Role, Security, Setup};

use super::{LIMITS, PATIENCE};

/// One of our servers on a socket that blocks.
pub(super) struct Peer {
    pub(super) stream: TcpStream,
    pub(super) connection: Connection,
    rest: Vec<u8>,
}

impl Peer {
    /// Accepts a connection and shakes hands.
    pub(super) fn accept(listener: &TcpListener, role: Role) -> Self {
        let mut peer = Self::greet(listener, role, Security::NullServer);
        assert!(matches!(peer.next(), Event::Ready(_)));
        peer
    }

    /// Accepts a connection.
    pub(super) fn greet(listener: &TcpListener, role: Role, security: Security) -> Self {
        let stream = accept(listener);
        let setup = Setup { role, security, limits: LIMITS };
        let connection = Connection::new(&setup, &mut crate::random::fill);
        Self { stream, connection, rest: Vec::new() }
    }

    pub(super) fn next(&mut self) -> Event {
        self.try_next().unwrap()
    }

    pub(super) fn try_next(&mut self) -> Result<Event, ConnectionError> {
        loop {
            let mut input = &self.rest[..];
            let event = self.connection.read(&mut input);
            self.rest = input.to_vec();
            self.stream.write_all(&self.connection.take_output()).unwrap();
            if let Some(event) = event? {
                return Ok(event);
            }
            let mut buffer = [0; 16 << 10];
            let length = self.stream.read(&mut buffer).unwrap();
            assert_ne!(length, 0, "the client closed the connection");
            self.rest.extend(&buffer[..length]);
        }
    }

    /// The first frame of the next message.
    pub(super) fn first_frame(&mut self) -> Vec<u8> {
        match self.next() {
            Event::Message(message) => message.frames().next().unwrap().to_vec(),
            event => panic!("{event:?}"),
        }
    }
}

pub(super) fn accept(listener: &TcpListener) -> TcpStream {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// What a ROUTER says until the handshake is done, and then one message.
pub(super) fn transcript() -> Vec<u8> {
    let mut said = handshake(Role::Router, Role::Dealer);
    laniakea_zmtp::encode(&["hello"], &mut said);
    said
}

/// What such a server says to such a client until the handshake is done.
pub(in crate::client) fn handshake(server: Role, client: Role) -> Vec<u8> {
    let limits = LIMITS;
    let setups = [(server, Security::NullServer), (client, Security::NullClient)];
    let [mut server, mut client] = setups
        .map(|(role, security)| Connection::new(&Setup { role, security, limits }, &mut |_| {}));
    let mut said = Vec::new();
    while server.has_output() || client.has_output() {
        let output = server.take_output();
        said.extend_from_slice(&output);
        client.read(&mut &output[..]).unwrap();
        server.read(&mut &client.take_output()[..]).unwrap();
    }
    assert!(client.peer().is_some());
    said
}
