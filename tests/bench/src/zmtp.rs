//! The client's half of ZMTP without encryption, so far as the bench needs it: whoever measures must cost
//! little, and nothing of it may come from the relay that is measured.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use anyhow::Context as _;

/// Far longer than a relay on the same machine takes for anything.
const PATIENCE: Duration = Duration::from_secs(30);
/// Commands that matter are shorter; of others the rest is passed over.
const MAX_COMMAND: usize = 64;

const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;

/// Connects as a socket of this type (`DEALER`, `SUB`) and waits for the relay's READY.
pub(crate) fn connect(endpoint: &str, socket_type: &str) -> anyhow::Result<TcpStream> {
    let address = endpoint.strip_prefix("tcp://").context("the endpoint is not tcp://")?;
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(&greeting())?;
    stream.read_exact(&mut [0; 64])?;
    stream.write_all(&ready(socket_type))?;
    let mut header = [0; 2];
    stream.read_exact(&mut header)?;
    let mut body = vec![0; usize::from(header[1])];
    stream.read_exact(&mut body)?;
    let is_ready = header[0] == COMMAND && body.starts_with(b"\x05READY");
    anyhow::ensure!(is_ready, "the relay answered {:?}", String::from_utf8_lossy(&body));
    Ok(stream)
}

/// ZMTP 3.0, mechanism NULL: what every peer understands.
fn greeting() -> [u8; 64] {
    let mut greeting = [0; 64];
    greeting[0] = 0xff;
    greeting[9] = 0x7f;
    greeting[10] = 3;
    greeting[12..16].copy_from_slice(b"NULL");
    greeting
}

fn ready(socket_type: &str) -> Vec<u8> {
    let mut body = b"\x05READY\x0bSocket-Type\0\0\0".to_vec();
    push_short(&mut body, socket_type.as_bytes());
    let mut frame = vec![COMMAND];
    push_short(&mut frame, &body);
    frame
}

/// A text of less than 256 bytes behind its length.
fn push_short(out: &mut Vec<u8>, text: &[u8]) {
    out.push(u8::try_from(text.len()).expect("texts of the bench are short"));
    out.extend(text);
}

/// Adds a message of one frame.
pub(crate) fn push_message(out: &mut Vec<u8>, body: &[u8]) {
    out.push(LONG);
    out.extend((body.len() as u64).to_be_bytes());
    out.extend(body);
}

/// The subscription to a prefix, as a message: both versions of the protocol take it.
pub(crate) fn subscription(prefix: &str) -> Vec<u8> {
    let mut frame = Vec::new();
    push_message(&mut frame, &[b"\x01", prefix.as_bytes()].concat());
    frame
}

/// What a reader makes of what it read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// A whole message whose first frame, the topic, has this length.
    Message(u64),
    /// The relay wants to hear this, or it takes the reader for dead.
    Pong(Vec<u8>),
}

/// Walks over the bytes of a connection, in whatever pieces they come, without keeping bodies.
#[derive(Default)]
pub(crate) struct Walker {
    header: Vec<u8>,
    /// Bytes of the frame's body that are still to come.
    rest: u64,
    command: Vec<u8>,
    topic_length: Option<u64>,
}

impl Walker {
    pub(crate) fn walk(&mut self, mut bytes: &[u8], mut on: impl FnMut(Seen)) {
        while !bytes.is_empty() {
            if self.rest == 0 && !self.take_header(&mut bytes) {
                return;
            }
            let length =
                usize::try_from(self.rest).map_or(bytes.len(), |rest| rest.min(bytes.len()));
            let (body, others) = bytes.split_at(length);
            bytes = others;
            self.rest -= length as u64;
            let flags = self.header[0];
            if flags & COMMAND != 0 {
                let room = MAX_COMMAND - self.command.len();
                self.command.extend(&body[..body.len().min(room)]);
            }
            if self.rest == 0 {
                self.header.clear();
                self.finish(flags, &mut on);
            }
        }
    }

    /// Whether the header is complete now; an empty body is then complete, too.
    fn take_header(&mut self, bytes: &mut &[u8]) -> bool {
        while let Some((&byte, others)) = bytes.split_first() {
            *bytes = others;
            self.header.push(byte);
            let is_long = self.header[0] & LONG != 0;
            let size = &self.header[1..];
            if size.len() == if is_long { 8 } else { 1 } {
                self.rest = size.iter().fold(0, |size, &byte| size << 8 | u64::from(byte));
                self.topic_length.get_or_insert(self.rest);
                return true;
            }
        }
        false
    }

    fn finish(&mut self, flags: u8, on: &mut impl FnMut(Seen)) {
        if flags & COMMAND != 0 {
            self.topic_length = None;
            let command = std::mem::take(&mut self.command);
            // The name, a time to live of two bytes, and what is to be given back.
            if let Some(context) = command.strip_prefix(b"\x04PING").and_then(|rest| rest.get(2..))
            {
                let mut pong = vec![COMMAND];
                push_short(&mut pong, &[b"\x04PONG", context].concat());
                on(Seen::Pong(pong));
            }
        } else if flags & MORE == 0 {
            on(Seen::Message(self.topic_length.take().unwrap_or_default()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Vec<u8> {
        let mut stream = b"\x01\x05topic".to_vec();
        push_message(&mut stream, &[b'x'; 300]);
        stream.extend(b"\x04\x09\x04PING\0\0ab");
        stream.extend(b"\x01\x03abc\x00\x00");
        stream
    }

    fn seen(pieces: impl Iterator<Item = Vec<u8>>) -> Vec<Seen> {
        let (mut walker, mut seen) = (Walker::default(), Vec::new());
        pieces.for_each(|piece| walker.walk(&piece, |what| seen.push(what)));
        seen
    }

    #[test]
    fn messages_and_pings_are_seen_however_the_bytes_are_split() {
        let pong = Seen::Pong(b"\x04\x07\x04PONGab".to_vec());
        let expected = vec![Seen::Message(5), pong, Seen::Message(3)];
        for size in 1..=stream().len() {
            assert_eq!(seen(stream().chunks(size).map(<[u8]>::to_vec)), expected, "{size}");
        }
    }

    #[test]
    fn a_greeting_and_a_ready_have_the_form_of_the_protocol() {
        assert_eq!(greeting()[..16], *b"\xff\0\0\0\0\0\0\0\0\x7f\x03\0NULL");
        assert_eq!(ready("SUB"), b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03SUB");
        assert_eq!(subscription("ab"), b"\x02\0\0\0\0\0\0\0\x03\x01ab");
    }
}
