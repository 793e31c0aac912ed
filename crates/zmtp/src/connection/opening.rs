//! A connection before its first message: the greetings and the handshake.

use std::borrow::Cow;

use super::{ConnectionError, Peer, Setup, traffic::Traffic};
use crate::{
    curve::{PublicKey, Random},
    frame::{FrameReader, Header, Kind, put},
    greeting::{Greeting, Version},
    handshake::{Handshake, HandshakeError, Step},
    limits::{LimitError, Limits},
    role::Role,
};

/// A connection before its first message.
#[derive(Debug)]
pub(super) struct Opening {
    role: Role,
    limits: Limits,
    greeting: Greeting,
    /// The peer's, once it has greeted.
    version: Option<Version>,
    pub(super) handshake: Handshake,
    frames: FrameReader,
    /// How many bytes of commands may still come.
    left: usize,
    verdict: Verdict,
}

/// What is known of a key that somebody has to judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// There is none.
    NotNeeded,
    Awaited,
    Trusted,
    NotTrusted,
}

/// What came of reading.
pub(super) enum Progress {
    /// More input is needed, or a verdict.
    Starved,
    Authorise(PublicKey),
    Done(Box<Traffic>),
}

impl Opening {
    /// Appends what is sent before anything came.
    pub(super) fn new(setup: &Setup, random: &mut Random<'_>, output: &mut Vec<u8>) -> Self {
        let handshake = Handshake::new(setup.role, &setup.security, random);
        let greeting = Greeting::new(handshake.mechanism(), setup.security.is_server());
        greeting.begin(output);
        Self {
            role: setup.role,
            limits: setup.limits,
            greeting,
            version: None,
            handshake,
            frames: FrameReader::default(),
            left: setup.limits.handshake_bytes,
            verdict: Verdict::NotNeeded,
        }
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.frames.held_bytes()
    }

    /// Somebody has judged the key.
    pub(super) fn answer(&mut self, is_trusted: bool) {
        if self.verdict == Verdict::Awaited {
            self.verdict = if is_trusted { Verdict::Trusted } else { Verdict::NotTrusted };
        }
    }

    pub(super) fn read(
        &mut self,
        input: &mut &[u8],
        output: &mut Vec<u8>,
    ) -> Result<Progress, ConnectionError> {
        let Some(version) = self.read_greeting(input, output)? else {
            return Ok(Progress::Starved);
        };
        loop {
            let step = match self.verdict {
                Verdict::Awaited => return Ok(Progress::Starved),
                Verdict::Trusted => self.handshake.admit(true)?,
                Verdict::NotTrusted => self.handshake.admit(false)?,
                Verdict::NotNeeded => match self.read_command(input)? {
                    Some(body) => self.handshake.receive(&body)?,
                    None => return Ok(Progress::Starved),
                },
            };
            match step {
                Step::Reply(body) => put(output, Kind::Command, &body),
                Step::Authorise(key) => {
                    self.verdict = Verdict::Awaited;
                    return Ok(Progress::Authorise(key));
                }
                Step::Done { last, peer, key, channel } => {
                    if let Some(body) = last {
                        put(output, Kind::Command, &body);
                    }
                    let peer = Peer { role: peer, version, key };
                    let traffic = Traffic::new(self.role, self.limits, peer, channel);
                    return Ok(Progress::Done(Box::new(traffic)));
                }
            }
        }
    }

    /// The peer's version. Once it is there the handshake begins.
    fn read_greeting(
        &mut self,
        input: &mut &[u8],
        output: &mut Vec<u8>,
    ) -> Result<Option<Version>, ConnectionError> {
        if self.version.is_none() {
            self.version = self.greeting.read(input, output)?;
            if self.version.is_some()
                && let Some(first) = self.handshake.begin()?
            {
                put(output, Kind::Command, &first);
            }
        }
        Ok(self.version)
    }

    fn read_command<'a>(
        &mut self,
        input: &mut &'a [u8],
    ) -> Result<Option<Cow<'a, [u8]>>, ConnectionError> {
        let (left, limit) = (&mut self.left, self.limits.handshake_bytes);
        let frame = self.frames.read(input, |header: Header| {
            if header.kind != Kind::Command {
                return Err(ConnectionError::from(HandshakeError::EarlyMessage));
            }
            let rest = left.checked_sub(header.size).ok_or(LimitError::HandshakeBytes(limit))?;
            *left = rest;
            Ok(())
        })?;
        Ok(frame.map(|frame| frame.body))
    }
}
