//! The client's side of the handshake.

use super::{
    CurveError, KeyPair, PublicKey, Random, Sealed,
    boxes::{BoxKey, TAG_BYTES},
    cookie, draw,
    layout::Fields,
    nonce::{self, Received, Sent},
};
use crate::{
    channel::Channel,
    command::{self, Command},
    handshake::{HandshakeError, Step, fitting_role, unexpected},
    metadata,
    role::Role,
};

/// The client's side of the handshake.
#[derive(Debug)]
pub(crate) struct CurveClient {
    role: Role,
    /// What we say of ourselves.
    metadata: Vec<u8>,
    /// `C`.
    own: KeyPair,
    /// `S`.
    server: PublicKey,
    /// `C'`.
    short: KeyPair,
    vouch_number: [u8; 16],
    sent: Sent,
    state: State,
}

#[derive(Debug)]
enum State {
    /// HELLO has not gone.
    Begin,
    /// HELLO has gone; with the key between `C'` and `S`.
    Welcome(BoxKey),
    /// INITIATE has gone; with the key between `C'` and `S'`.
    Ready(BoxKey),
    Over,
}

impl CurveClient {
    pub(crate) fn new(
        role: Role,
        own: KeyPair,
        server: PublicKey,
        random: &mut Random<'_>,
    ) -> Self {
        let short = KeyPair::generate(random);
        let (sent, state) = (Sent::default(), State::Begin);
        let (metadata, vouch_number) = (metadata::write(role), draw(random));
        Self { role, metadata, own, server, short, vouch_number, sent, state }
    }

    /// Says something else of itself.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn say(&mut self, metadata: &[u8]) {
        self.metadata = metadata.to_vec();
    }

    /// `HELLO`: our key for this connection, and a box that shows that it is ours.
    pub(crate) fn hello(&mut self) -> Result<Vec<u8>, CurveError> {
        let key = BoxKey::between(self.server, self.short.secret())?;
        let number = self.sent.next();
        let signature = key.seal(&nonce::counted(b"CurveZMQHELLO---", number), &[0; 64]);
        let mut hello = command::write("HELLO", &[1, 0]);
        // So that the answer is smaller than the question.
        hello.extend([0; 72]);
        hello.extend(self.short.public().as_bytes());
        hello.extend(number.to_be_bytes());
        hello.extend(signature);
        self.state = State::Welcome(key);
        Ok(hello)
    }

    pub(crate) fn receive(&mut self, body: &[u8]) -> Result<Step, HandshakeError> {
        if let Command::Error(reason) = Command::parse(body)? {
            return Err(HandshakeError::refused(reason));
        }
        let (name, rest) = command::split_name(body)?;
        match (std::mem::replace(&mut self.state, State::Over), name) {
            (State::Welcome(key), b"WELCOME") => self.initiate(&key, rest),
            (State::Ready(key), b"READY") => self.finish(key, rest),
            _ => unexpected(name),
        }
    }

    /// `INITIATE`: the cookie, and in a box our key, the vouch, and what we are.
    fn initiate(&mut self, key: &BoxKey, welcome: &[u8]) -> Result<Step, HandshakeError> {
        let (short_server, cookie) = read_welcome(key, welcome)?;
        let key = BoxKey::between(short_server, self.short.secret())?;
        let vouch = self.vouch(short_server)?;
        let ours = [&self.own.public().as_bytes()[..], &vouch, &self.metadata].concat();
        let number = self.sent.next();
        let sealed = key.seal(&nonce::counted(b"CurveZMQINITIATE", number), &ours);
        let rest = [&cookie, &number.to_be_bytes()[..], &sealed].concat();
        self.state = State::Ready(key);
        Ok(Step::Reply(command::write("INITIATE", &rest)))
    }

    /// Shows that whoever has `C` made `C'`, and wants to talk to `S`.
    fn vouch(&self, short_server: PublicKey) -> Result<Vec<u8>, CurveError> {
        let key = BoxKey::between(short_server, self.own.secret())?;
        let keys = [*self.short.public().as_bytes(), *self.server.as_bytes()].concat();
        let sealed = key.seal(&nonce::random(*b"VOUCH---", &self.vouch_number), &keys);
        Ok([&self.vouch_number, &sealed[..]].concat())
    }

    /// `READY`: what the server is.
    fn finish(&mut self, key: BoxKey, ready: &[u8]) -> Result<Step, HandshakeError> {
        let mut fields = Fields::of("READY", ready);
        let number = fields.number()?;
        let sealed = fields.last_from(TAG_BYTES)?;
        let metadata = key.open(&nonce::counted(b"CurveZMQREADY---", number), sealed);
        let metadata = metadata.ok_or(CurveError::CannotOpen("READY"))?;
        let peer = fitting_role(self.role, &metadata)?;
        let sent = std::mem::take(&mut self.sent);
        let sealed = Sealed::of_client(key, sent, Received::first(number));
        let channel = Channel::Sealed(Box::new(sealed));
        Ok(Step::Done { last: None, peer, key: Some(self.server), channel })
    }
}

/// `WELCOME`: the server's key for this connection, and a cookie to bring back.
fn read_welcome(
    key: &BoxKey,
    welcome: &[u8],
) -> Result<(PublicKey, [u8; cookie::BYTES]), CurveError> {
    let mut fields = Fields::of("WELCOME", welcome);
    let number = fields.bytes()?;
    let sealed = fields.last(TAG_BYTES + 32 + cookie::BYTES)?;
    let opened = key.open(&nonce::random(*b"WELCOME-", &number), sealed);
    let opened = opened.ok_or(CurveError::CannotOpen("WELCOME"))?;
    let mut fields = Fields::of("WELCOME", &opened);
    Ok((PublicKey::from_bytes(fields.bytes()?), fields.bytes()?))
}
