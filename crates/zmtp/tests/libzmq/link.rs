//! One of our ends on a socket that blocks.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    time::Duration,
};

use laniakea_zmtp::{
    Connection, ConnectionError, Event, Limits, Message, Peer, Role, Security, Setup,
};

/// Nothing here takes long, unless it is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// One of our ends, connected.
pub(crate) struct Link {
    stream: TcpStream,
    connection: Connection,
    /// What came and was not wanted yet.
    rest: Vec<u8>,
}

impl Link {
    pub(crate) fn connect(endpoint: &str, role: Role, security: Security) -> Self {
        let address = endpoint.strip_prefix("tcp://").unwrap();
        Self::new(TcpStream::connect(address).unwrap(), role, security)
    }

    pub(crate) fn accept(listener: &TcpListener, role: Role, security: Security) -> Self {
        Self::new(listener.accept().unwrap().0, role, security)
    }

    fn new(stream: TcpStream, role: Role, security: Security) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let setup = Setup { role, security, limits: Limits::of_messages(4 << 20, 16) };
        let connection = Connection::new(&setup, &mut |bytes| random(bytes));
        Self { stream, connection, rest: Vec::new() }
    }

    /// The next event. Each key may connect.
    pub(crate) fn next(&mut self) -> Result<Event, ConnectionError> {
        loop {
            match self.next_or_key()? {
                Event::Authorise(_) => self.connection.admit(),
                event => return Ok(event),
            }
        }
    }

    pub(crate) fn next_or_key(&mut self) -> Result<Event, ConnectionError> {
        loop {
            let mut input = &self.rest[..];
            let event = self.connection.read(&mut input);
            self.rest = input.to_vec();
            self.flush();
            if let Some(event) = event? {
                return Ok(event);
            }
            self.read_more();
        }
    }

    fn read_more(&mut self) {
        let mut buffer = [0; 4096];
        let length = self.stream.read(&mut buffer).unwrap();
        assert_ne!(length, 0, "libzmq closed the connection");
        self.rest.extend(&buffer[..length]);
    }

    pub(crate) fn refuse(&mut self) {
        self.connection.refuse();
    }

    pub(crate) fn ready(&mut self) -> Peer {
        match self.next().unwrap() {
            Event::Ready(peer) => peer,
            event => panic!("{event:?}"),
        }
    }

    pub(crate) fn message(&mut self) -> Message {
        match self.next().unwrap() {
            Event::Message(message) => message,
            event => panic!("{event:?}"),
        }
    }

    pub(crate) fn send<F: AsRef<[u8]>>(&mut self, frames: &[F]) {
        self.write(|connection, out| connection.seal(frames, out).unwrap());
    }

    pub(crate) fn subscribe(&mut self, topic: &str) {
        self.write(|connection, out| connection.subscribe(topic.as_bytes(), out).unwrap());
    }

    pub(crate) fn cancel(&mut self, topic: &str) {
        self.write(|connection, out| connection.cancel(topic.as_bytes(), out).unwrap());
    }

    fn write(&mut self, make: impl FnOnce(&mut Connection, &mut Vec<u8>)) {
        let mut out = self.connection.take_output();
        make(&mut self.connection, &mut out);
        self.stream.write_all(&out).unwrap();
    }

    fn flush(&mut self) {
        if self.connection.has_output() {
            self.stream.write_all(&self.connection.take_output()).unwrap();
        }
    }
}

/// From the kernel.
pub(crate) fn random(bytes: &mut [u8]) {
    std::fs::File::open("/dev/urandom").unwrap().read_exact(bytes).unwrap();
}
