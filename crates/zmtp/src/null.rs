//! The handshake without encryption: each side sends READY.
//!
//! The server waits for the client's READY before it sends its own. Whoever has had a READY takes no
//! ERROR for an answer any more (libzmq connects again and again), and the server has to be able to
//! refuse a role.

use crate::{
    channel::Channel,
    command::{self, Command},
    handshake::{HandshakeError, Step, fitting_role, unexpected},
    metadata,
    role::Role,
};

/// One end of the handshake.
#[derive(Debug)]
pub(crate) struct Null {
    role: Role,
    begins: bool,
}

impl Null {
    pub(crate) fn client(role: Role) -> Self {
        Self { role, begins: true }
    }

    pub(crate) fn server(role: Role) -> Self {
        Self { role, begins: false }
    }

    pub(crate) fn begin(&mut self) -> Option<Vec<u8>> {
        self.begins.then(|| self.ready())
    }

    pub(crate) fn receive(&mut self, body: &[u8]) -> Result<Step, HandshakeError> {
        match Command::parse(body)? {
            Command::Ready(metadata) => Ok(Step::Done {
                peer: fitting_role(self.role, metadata)?,
                last: (!self.begins).then(|| self.ready()),
                key: None,
                channel: Channel::Plain,
            }),
            Command::Error(reason) => Err(HandshakeError::refused(reason)),
            _ => unexpected(command::split_name(body)?.0),
        }
    }

    fn ready(&self) -> Vec<u8> {
        command::write("READY", &metadata::write(self.role))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_begins_and_the_server_answers() {
        let mut client = Null::client(Role::Dealer);
        let mut server = Null::server(Role::Router);
        assert_eq!(server.begin(), None);
        let ready = client.begin().unwrap();
        let Ok(Step::Done { last: Some(ready), peer, .. }) = server.receive(&ready) else {
            panic!("the server did not answer");
        };
        assert_eq!(peer, Role::Dealer);
        let done = client.receive(&ready).unwrap();
        assert!(matches!(done, Step::Done { last: None, peer: Role::Router, key: None, .. }));
    }

    #[test]
    fn a_role_that_does_not_fit_is_told_so() {
        for (theirs, line) in [
            ("SUB", "a SUB where ROUTER is, which it does not talk to"),
            ("\x1b[2J!", "a \\x1b[2J! where ROUTER is, which it does not talk to"),
        ] {
            let length = u8::try_from(theirs.len()).unwrap();
            let metadata = [b"\x0bSocket-Type\0\0\0", &[length][..], theirs.as_bytes()].concat();
            let ready = command::write("READY", &metadata);
            let error = Null::server(Role::Router).receive(&ready).unwrap_err();
            assert_eq!(error.to_string(), line);
            assert_eq!(error.reply().as_deref(), Some(line));
        }
    }

    #[test]
    fn anything_but_a_ready_ends_the_handshake_without_an_error() {
        for (body, line) in [
            (&b"\x04PING\0\0"[..], "\"PING\" in the wrong place of the handshake"),
            (b"\x05HELLO", "\"HELLO\" in the wrong place of the handshake"),
            (b"\x05READY", "metadata without Socket-Type"),
            (b"\x05READY\x0b", "metadata that end in the middle"),
            (b"", "a command without a name"),
            (b"\x05ERROR\x04no\x1b!", "the peer refuses: \"no\\x1b!\""),
        ] {
            let error = Null::server(Role::Router).receive(body).unwrap_err();
            assert_eq!((error.to_string(), error.reply()), (line.to_owned(), None));
        }
    }
}
