//! After the handshake: each frame in a box of its own.

use std::borrow::Cow;

use super::{
    CurveError,
    boxes::{BoxKey, TAG_BYTES},
    layout::Fields,
    nonce::{self, Received, Sent},
};
use crate::frame::{Frame, Header, Kind};

/// What a box is for, by who sealed it.
const BY_CLIENT: &[u8; 16] = b"CurveZMQMESSAGEC";
const BY_SERVER: &[u8; 16] = b"CurveZMQMESSAGES";

/// What stands before each box: the command's name, and the number of its nonce.
const NAME: &[u8; 8] = b"\x07MESSAGE";
const NUMBER_BYTES: usize = 8;

/// The flags inside a box. A command has another one than in the clear.
const MORE: u8 = 1;
const COMMAND: u8 = 2;

/// Seals and opens the frames of a connection.
#[derive(Debug)]
pub(crate) struct Sealed {
    key: BoxKey,
    ours: &'static [u8; 16],
    theirs: &'static [u8; 16],
    sent: Sent,
    received: Received,
}

impl Sealed {
    /// By how much a frame is longer than what is in it.
    pub(crate) const OVERHEAD: usize = NAME.len() + NUMBER_BYTES + TAG_BYTES + 1;

    pub(super) fn of_client(key: BoxKey, sent: Sent, received: Received) -> Self {
        Self { key, ours: BY_CLIENT, theirs: BY_SERVER, sent, received }
    }

    pub(super) fn of_server(key: BoxKey, sent: Sent, received: Received) -> Self {
        Self { key, ours: BY_SERVER, theirs: BY_CLIENT, sent, received }
    }

    /// With a key that everybody knows, and as after a handshake.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn of_everybody(is_server: bool) -> Self {
        let (sent, received) = (Sent::default(), Received::first(0));
        let of_end = if is_server { Self::of_server } else { Self::of_client };
        of_end(BoxKey::of_ours([7; 32]), sent, received)
    }

    /// Appends a frame.
    pub(crate) fn put(&mut self, kind: Kind, body: &[u8], out: &mut Vec<u8>) {
        let flags = match kind {
            Kind::More => MORE,
            Kind::Last => 0,
            Kind::Command => COMMAND,
        };
        self.put_plaintext(flags, body, out);
    }

    pub(crate) fn put_plaintext(&mut self, flags: u8, body: &[u8], out: &mut Vec<u8>) {
        let number = self.sent.next();
        // Outside all frames look alike: not even where a message ends is to be seen.
        Header { kind: Kind::Last, size: Self::OVERHEAD + body.len() }.put(out);
        out.extend_from_slice(NAME);
        out.extend(number.to_be_bytes());
        let tag_at = out.len();
        out.extend([0; TAG_BYTES]);
        out.push(flags);
        out.extend_from_slice(body);
        let (tag, data) = out[tag_at..].split_at_mut(TAG_BYTES);
        tag.copy_from_slice(&self.key.seal_in_place(&nonce::counted(self.ours, number), data));
    }

    /// What is in a frame.
    pub(crate) fn open(&mut self, body: &[u8]) -> Result<Frame<'static>, CurveError> {
        let mut fields = Fields::of("MESSAGE", body);
        if fields.bytes() != Ok(*NAME) {
            return Err(CurveError::InTheClear);
        }
        let number = fields.number()?;
        let tag = fields.bytes()?;
        let mut data = fields.last_from(1)?.to_vec();
        self.received.accept(number, "MESSAGE")?;
        let opened = self.key.open_in_place(&nonce::counted(self.theirs, number), &tag, &mut data);
        opened.ok_or(CurveError::CannotOpen("MESSAGE"))?;
        let kind = match data.remove(0) & (MORE | COMMAND) {
            0 => Kind::Last,
            MORE => Kind::More,
            _ => Kind::Command,
        };
        Ok(Frame { kind, body: Cow::Owned(data) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Sealed, Sealed) {
        (Sealed::of_everybody(false), Sealed::of_everybody(true))
    }

    fn sealed(by: &mut Sealed, kind: Kind, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        by.put(kind, body, &mut out);
        assert_eq!((out[0], usize::from(out[1])), (0, body.len() + Sealed::OVERHEAD));
        out.split_off(2)
    }

    #[test]
    fn a_frame_is_opened_by_the_other_end_alone() {
        let (mut client, mut server) = pair();
        for kind in [Kind::More, Kind::Last, Kind::Command] {
            for body in [&b""[..], b"text"] {
                let frame = sealed(&mut client, kind, body);
                assert_eq!(frame.len(), Sealed::OVERHEAD + body.len());
                assert_eq!(server.open(&frame), Ok(Frame { kind, body: body.into() }));
                assert_eq!(pair().0.open(&frame), Err(CurveError::CannotOpen("MESSAGE")));
                let frame = sealed(&mut server, kind, body);
                assert!(client.open(&frame).is_ok());
            }
        }
    }

    #[test]
    fn a_frame_that_came_before_is_refused() {
        let (mut client, mut server) = pair();
        let first = sealed(&mut client, Kind::Last, b"1");
        let second = sealed(&mut client, Kind::Last, b"2");
        assert!(server.open(&second).is_ok());
        for old in [&first, &second] {
            assert_eq!(server.open(old), Err(CurveError::Repeated("MESSAGE")));
        }
    }

    #[test]
    fn what_is_damaged_or_in_the_clear_is_refused() {
        let (mut client, _) = pair();
        let frame = sealed(&mut client, Kind::Last, b"text");
        for at in 0..frame.len() {
            let mut changed = frame.clone();
            changed[at] ^= 1;
            // A number that was never sent, or what was the last byte of it.
            assert!(pair().1.open(&changed).is_err(), "{at}");
        }
        assert_eq!(pair().1.open(b"event"), Err(CurveError::InTheClear));
        assert_eq!(pair().1.open(b""), Err(CurveError::InTheClear));
        for end in NAME.len()..Sealed::OVERHEAD {
            assert_eq!(pair().1.open(&frame[..end]), Err(CurveError::Malformed("MESSAGE")));
        }
    }

    #[test]
    fn flags_that_mean_nothing_are_passed_over() {
        for (flags, kind) in [(0xfc, Kind::Last), (0xfd, Kind::More), (3, Kind::Command)] {
            let (mut client, mut server) = pair();
            let mut out = Vec::new();
            client.put_plaintext(flags, b"x", &mut out);
            assert_eq!(server.open(&out[2..]).unwrap().kind, kind);
        }
    }
}
