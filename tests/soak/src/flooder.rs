//! A peer that sends what it likes, in the clear or encrypted, and never reads an answer.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use laniakea_zmtp::{
    Connection, Limits, Role, Security, Setup,
    curve::{KeyPair, PublicKey, SecretKey},
};

/// What is prepared at once, and sent again where it is in the clear.
const BLOCK: usize = 64 << 10;

pub(crate) struct Flooder {
    stream: TcpStream,
    connection: Connection,
    messages: Vec<Vec<Vec<u8>>>,
    /// The message that comes next.
    next: usize,
    block: Vec<u8>,
    sent: u64,
}

impl Flooder {
    /// Shakes hands; `keys` are the own ones, public and secret, and the relay's, in Z85.
    pub(crate) fn connect(
        endpoint: &str,
        role: Role,
        keys: Option<((&str, &str), &str)>,
        messages: &[Vec<Vec<u8>>],
    ) -> Self {
        let key = |text: &str| <[u8; 32]>::try_from(zmq::z85_decode(text).unwrap()).unwrap();
        let security = match keys {
            None => Security::NullClient,
            Some(((_, secret), server)) => Security::CurveClient {
                own: KeyPair::of(SecretKey::from_bytes(key(secret))),
                server: PublicKey::from_bytes(key(server)),
            },
        };
        let setup = Setup { role, security, limits: Limits::of_messages(1 << 20, 16) };
        let mut connection = Connection::new(&setup, &mut |bytes: &mut [u8]| fastrand::fill(bytes));
        let mut stream = TcpStream::connect(endpoint.strip_prefix("tcp://").unwrap()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut bytes = [0; 4 << 10];
        while connection.peer().is_none() {
            stream.write_all(&connection.take_output()).unwrap();
            let length = stream.read(&mut bytes).unwrap();
            assert!(length > 0, "the relay lets its peers in");
            connection.read(&mut &bytes[..length]).unwrap();
        }
        stream.write_all(&connection.take_output()).unwrap();
        stream.set_nonblocking(true).unwrap();
        Self {
            stream,
            connection,
            messages: messages.to_vec(),
            next: 0,
            block: Vec::new(),
            sent: 0,
        }
    }

    /// Sends what there is room for, unless the relay has cut the connection.
    pub(crate) fn send(&mut self) -> Option<()> {
        for _ in 0..16 {
            while self.block.len() < BLOCK {
                let message = &self.messages[self.next % self.messages.len()];
                self.connection.seal(message, &mut self.block).unwrap();
                self.next += 1;
            }
            match self.stream.write(&self.block) {
                Ok(length) => {
                    self.block.drain(..length);
                    self.sent += length as u64;
                }
                Err(error) => {
                    return (error.kind() == std::io::ErrorKind::WouldBlock).then_some(());
                }
            }
        }
        Some(())
    }

    /// Messages that left, about.
    pub(crate) fn sent(&self) -> u64 {
        let bytes: usize = self.messages.iter().flatten().map(|frame| frame.len() + 2).sum();
        self.sent * self.messages.len() as u64 / bytes as u64
    }
}
