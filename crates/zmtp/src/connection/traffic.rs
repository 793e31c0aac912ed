//! A connection after the handshake: messages, subscriptions, and signs of life.

use super::{ConnectionError, Event, Peer};
use crate::{
    channel::Channel,
    command::{Command, Context, Wish},
    frame::{Frame, FrameReader, Header, Kind},
    handshake::HandshakeError,
    limits::{LimitError, Limits},
    message::{Assembly, Message, for_each_frame},
    role::Role,
};

/// A connection after the handshake.
#[derive(Debug)]
pub(super) struct Traffic {
    /// Ours.
    role: Role,
    pub(super) peer: Peer,
    pub(super) channel: Channel,
    max_command_bytes: usize,
    frames: FrameReader,
    assembly: Assembly,
    /// What the last PING wants to have back. Earlier ones are answered with it.
    pong: Option<Context>,
}

impl Traffic {
    pub(super) fn new(role: Role, limits: Limits, peer: Peer, channel: Channel) -> Self {
        Self {
            role,
            peer,
            channel,
            max_command_bytes: limits.command_bytes,
            frames: FrameReader::default(),
            assembly: Assembly::new(limits),
            pong: None,
        }
    }

    pub(super) fn peer(&self) -> &Peer {
        &self.peer
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.frames.held_bytes() + self.assembly.held_bytes()
    }

    pub(super) fn is_sealed(&self) -> bool {
        self.channel.is_sealed()
    }

    pub(super) fn read(&mut self, input: &mut &[u8]) -> Result<Option<Event>, ConnectionError> {
        while let Some(frame) = self.read_frame(input)? {
            let Frame { kind, body } = self.channel.open(frame)?;
            let event = match kind {
                Kind::Command => self.obey(&body)?,
                Kind::More | Kind::Last => {
                    self.assembly.push(body)?;
                    if kind == Kind::More { None } else { Some(self.message()?) }
                }
            };
            if event.is_some() {
                return Ok(event);
            }
        }
        Ok(None)
    }

    fn read_frame<'a>(
        &mut self,
        input: &mut &'a [u8],
    ) -> Result<Option<Frame<'a>>, ConnectionError> {
        let Self { channel, assembly, max_command_bytes, frames, .. } = self;
        let max_command_bytes = *max_command_bytes;
        let check = |header: Header| match (&*channel, header.kind) {
            (Channel::Plain, Kind::Command) => check_command(header.size, max_command_bytes),
            (Channel::Plain, Kind::More | Kind::Last) => assembly.check(header.size),
            // What is in it is to be seen once it is open; it is small, or part of a message.
            (Channel::Sealed(_), _) => {
                let size = header.size.saturating_sub(channel.overhead());
                if size <= max_command_bytes { Ok(()) } else { assembly.check(size) }
            }
        };
        frames.read(input, |header| check(header).map_err(ConnectionError::from))
    }

    /// Does what a command says.
    fn obey(&mut self, body: &[u8]) -> Result<Option<Event>, ConnectionError> {
        check_command(body.len(), self.max_command_bytes)?;
        match Command::parse(body)? {
            Command::Subscribe(topic) if self.role.is_subscribed_to() => {
                return Ok(Some(Event::Subscribe(topic.to_vec())));
            }
            Command::Cancel(topic) if self.role.is_subscribed_to() => {
                return Ok(Some(Event::Cancel(topic.to_vec())));
            }
            Command::Ping(context) => self.pong = Some(context),
            Command::Error(reason) => return Err(HandshakeError::refused(reason).into()),
            // As RFC 37 wants it: later versions may have other commands.
            Command::Subscribe(_)
            | Command::Cancel(_)
            | Command::Pong
            | Command::Ready(_)
            | Command::Other(_) => {}
        }
        Ok(None)
    }

    /// The message whose last frame has just come.
    fn message(&mut self) -> Result<Event, LimitError> {
        let message = self.assembly.finish();
        let wish = self.role.is_subscribed_to().then(|| read_wish(&message)).flatten();
        let Some((wish, topic)) = wish else {
            return Ok(Event::Message(message));
        };
        check_command(topic.len(), self.max_command_bytes)?;
        Ok(match wish {
            Wish::Subscribe => Event::Subscribe(topic.to_vec()),
            Wish::Cancel => Event::Cancel(topic.to_vec()),
        })
    }

    pub(super) fn has_pong(&self) -> bool {
        self.pong.is_some()
    }

    pub(super) fn put_pong(&mut self, out: &mut Vec<u8>) {
        if let Some(context) = self.pong.take() {
            self.channel.put(Kind::Command, &context.pong(), out);
        }
    }

    pub(super) fn seal<F: AsRef<[u8]>>(&mut self, frames: &[F], out: &mut Vec<u8>) {
        let size = |frame: &F| Header::MAX_BYTES + self.channel.overhead() + frame.as_ref().len();
        out.reserve(frames.iter().map(size).sum());
        for_each_frame(frames, |kind, body| self.channel.put(kind, body, out));
    }

    pub(super) fn wish(&mut self, wish: Wish, topic: &[u8], out: &mut Vec<u8>) {
        let (kind, body) = wish.write(self.peer.version, topic);
        self.channel.put(kind, &body, out);
    }
}

fn check_command(size: usize, limit: usize) -> Result<(), LimitError> {
    if size <= limit { Ok(()) } else { Err(LimitError::CommandBytes(limit)) }
}

/// A subscription as 3.0 spells it.
fn read_wish(message: &Message) -> Option<(Wish, &[u8])> {
    Wish::read_message(message.only_frame()?)
}
