//! The server's side of the handshake.

use std::mem;

use super::{
    CurveError, KeyPair, PublicKey, Random, Sealed,
    boxes::{BoxKey, TAG_BYTES},
    cookie::CookieJar,
    draw,
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

/// The server's side of the handshake.
#[derive(Debug)]
pub(crate) struct CurveServer {
    role: Role,
    /// What we say of ourselves.
    metadata: Vec<u8>,
    /// `S`.
    own: KeyPair,
    /// `s'`. The public half costs something, and is computed once somebody says HELLO.
    short: super::SecretKey,
    cookies: CookieJar,
    welcome_number: [u8; 16],
    sent: Sent,
    state: State,
}

#[derive(Debug)]
enum State {
    Hello,
    /// WELCOME has gone to whoever has this key for this connection.
    Initiate {
        client: PublicKey,
        short: KeyPair,
        received: Received,
    },
    /// Somebody has to say whether the key is trusted.
    Authorise(Box<Candidate>),
    Over,
}

/// A client that has proved its key.
#[derive(Debug)]
struct Candidate {
    key: PublicKey,
    /// What it says of itself is looked at once it is trusted.
    peer: Result<Role, HandshakeError>,
    session: BoxKey,
    received: Received,
}

impl CurveServer {
    pub(crate) fn new(role: Role, own: KeyPair, random: &mut Random<'_>) -> Self {
        Self {
            role,
            metadata: metadata::write(role),
            own,
            short: super::SecretKey::from_bytes(draw(random)),
            cookies: CookieJar::new(random),
            welcome_number: draw(random),
            sent: Sent::default(),
            state: State::Hello,
        }
    }

    pub(crate) fn receive(&mut self, body: &[u8]) -> Result<Step, HandshakeError> {
        if let Command::Error(reason) = Command::parse(body)? {
            return Err(HandshakeError::refused(reason));
        }
        let (name, rest) = command::split_name(body)?;
        match (mem::replace(&mut self.state, State::Over), name) {
            (State::Hello, b"HELLO") => Ok(Step::Reply(self.welcome(rest)?)),
            (State::Initiate { client, short, received }, b"INITIATE") => {
                let candidate = self.read_initiate(client, &short, received, rest)?;
                let key = candidate.key;
                self.state = State::Authorise(Box::new(candidate));
                Ok(Step::Authorise(key))
            }
            _ => unexpected(name),
        }
    }

    /// Says something else of itself.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn say(&mut self, metadata: &[u8]) {
        self.metadata = metadata.to_vec();
    }

    /// Answers `HELLO` with `WELCOME`: our key for this connection, and a cookie.
    fn welcome(&mut self, hello: &[u8]) -> Result<Vec<u8>, CurveError> {
        let (client, number, signature) = read_hello(hello)?;
        let key = BoxKey::between(client, self.own.secret())?;
        let opened = key.open(&nonce::counted(b"CurveZMQHELLO---", number), signature);
        opened.ok_or(CurveError::CannotOpen("HELLO"))?;
        let short = KeyPair::of(self.short.clone());
        let ours = [&short.public().as_bytes()[..], &self.cookies.bake(client, &short)].concat();
        let sealed = key.seal(&nonce::random(*b"WELCOME-", &self.welcome_number), &ours);
        self.state = State::Initiate { client, short, received: Received::first(number) };
        Ok(command::write("WELCOME", &[&self.welcome_number, &sealed[..]].concat()))
    }

    /// `INITIATE`: the cookie, and in a box the client's key, the vouch, and what it is.
    fn read_initiate(
        &self,
        client: PublicKey,
        short: &KeyPair,
        mut received: Received,
        initiate: &[u8],
    ) -> Result<Candidate, CurveError> {
        let mut fields = Fields::of("INITIATE", initiate);
        let cookie = fields.bytes()?;
        let number = fields.number()?;
        let sealed = fields.last_from(TAG_BYTES + 32 + VOUCH_BYTES)?;
        if !self.cookies.knows(&cookie, client, short) {
            return Err(CurveError::CannotOpen("cookie"));
        }
        received.accept(number, "INITIATE")?;
        let session = BoxKey::between(client, short.secret())?;
        let opened = session.open(&nonce::counted(b"CurveZMQINITIATE", number), sealed);
        let opened = opened.ok_or(CurveError::CannotOpen("INITIATE"))?;
        let mut fields = Fields::of("INITIATE", &opened);
        let key = PublicKey::from_bytes(fields.bytes()?);
        self.check_vouch(fields.bytes()?, key, client, short)?;
        let peer = fitting_role(self.role, fields.last_from(0)?);
        Ok(Candidate { key, peer, session, received })
    }

    /// Whoever has `key` has to have said that `client` is its key here, and for us.
    fn check_vouch(
        &self,
        vouch: [u8; VOUCH_BYTES],
        key: PublicKey,
        client: PublicKey,
        short: &KeyPair,
    ) -> Result<(), CurveError> {
        let mut fields = Fields::of("vouch", &vouch);
        let number = fields.bytes()?;
        let sealed = fields.last_from(TAG_BYTES)?;
        let opened = BoxKey::between(key, short.secret())?
            .open(&nonce::random(*b"VOUCH---", &number), sealed)
            .ok_or(CurveError::CannotOpen("vouch"))?;
        let (vouched, server) = opened.split_at(32);
        if vouched == client.as_bytes() && server == self.own.public().as_bytes() {
            Ok(())
        } else {
            Err(CurveError::WrongVouch)
        }
    }

    /// `READY`: what we are, if the client may connect.
    pub(crate) fn admit(&mut self, is_trusted: bool) -> Result<Step, HandshakeError> {
        let State::Authorise(candidate) = mem::replace(&mut self.state, State::Over) else {
            return unexpected(b"admit");
        };
        let Candidate { key, peer, session, received } = *candidate;
        if !is_trusted {
            return Err(HandshakeError::KeyRefused(key));
        }
        let peer = peer?;
        let number = self.sent.next();
        let nonce = nonce::counted(b"CurveZMQREADY---", number);
        let sealed = session.seal(&nonce, &self.metadata);
        let ready = command::write("READY", &[&number.to_be_bytes()[..], &sealed].concat());
        let sent = mem::take(&mut self.sent);
        let channel = Channel::Sealed(Box::new(Sealed::of_server(session, sent, received)));
        Ok(Step::Done { last: Some(ready), peer, key: Some(key), channel })
    }
}

/// A number, and the box of two keys.
const VOUCH_BYTES: usize = 16 + TAG_BYTES + 64;

/// `HELLO`: the client's key for this connection, and a box that shows that it is its own.
fn read_hello(hello: &[u8]) -> Result<(PublicKey, u64, &[u8]), CurveError> {
    let mut fields = Fields::of("HELLO", hello);
    if fields.bytes()? != [1, 0] {
        return Err(CurveError::Malformed("HELLO"));
    }
    fields.bytes::<72>()?;
    let client = PublicKey::from_bytes(fields.bytes()?);
    Ok((client, fields.number()?, fields.last(TAG_BYTES + 64)?))
}

#[cfg(test)]
mod tests;
