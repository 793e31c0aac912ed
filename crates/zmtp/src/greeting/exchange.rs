//! Both greetings, which cross each other.
//!
//! libzmq sends its first ten bytes and waits for the other's version. It closes as soon as it sees
//! that the other wants another mechanism, and what it has not sent by then never comes. So a server
//! sends no more than its version before it has the peer's mechanism, and can say what was wrong; a
//! client sends all at once, and nobody waits for ever. What has come is judged byte by byte:
//! whoever speaks something else is not waited for.

use super::{Dialect, GreetingError, Mechanism, Version};

const BYTES: usize = 64;
/// Where things stand.
const SIGNATURE_END: usize = 9;
const MAJOR: usize = 10;
const MINOR: usize = 11;
const MECHANISM: std::ops::Range<usize> = 12..32;
const AS_SERVER: usize = 32;

/// Both greetings.
#[derive(Debug)]
pub(crate) struct Greeting {
    mechanism: Mechanism,
    is_server: bool,
    /// What has come of the peer's.
    theirs: [u8; BYTES],
    length: usize,
}

impl Greeting {
    pub(crate) fn new(mechanism: Mechanism, is_server: bool) -> Self {
        Self { mechanism, is_server, theirs: [0; BYTES], length: 0 }
    }

    /// Appends what is sent before anything came.
    pub(crate) fn begin(&self, output: &mut Vec<u8>) {
        let end = if self.is_server { MECHANISM.start } else { BYTES };
        output.extend_from_slice(&self.ours()[..end]);
    }

    /// Takes the peer's greeting, or what there is of it, from the front of `input`, and appends
    /// what is left to send.
    pub(crate) fn read(
        &mut self,
        input: &mut &[u8],
        output: &mut Vec<u8>,
    ) -> Result<Option<Version>, GreetingError> {
        while let Some(&byte) = input.split_off_first() {
            self.theirs[self.length] = byte;
            self.length += 1;
            self.judge()?;
            if self.length == MECHANISM.end {
                // Before it is judged: a peer that wants another one need not try again.
                self.finish(output);
                self.judge_mechanism()?;
            }
            if self.length == BYTES {
                let is_old = self.theirs[MAJOR] == 3 && self.theirs[MINOR] == 0;
                return Ok(Some(if is_old { Version::V3_0 } else { Version::V3_1 }));
            }
        }
        Ok(None)
    }

    fn finish(&self, output: &mut Vec<u8>) {
        if self.is_server {
            output.extend_from_slice(&self.ours()[MECHANISM.start..]);
        }
    }

    fn ours(&self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        bytes[0] = 0xff;
        // As libzmq has it: to a peer of ZMTP 1.0 it is the size of a message, of 1 byte.
        bytes[SIGNATURE_END - 1] = 1;
        bytes[SIGNATURE_END] = 0x7f;
        bytes[MAJOR] = 3;
        bytes[MINOR] = 1;
        bytes[MECHANISM].copy_from_slice(&field(self.mechanism));
        bytes[AS_SERVER] = u8::from(self.is_server && self.mechanism == Mechanism::Curve);
        bytes
    }

    /// Judges what the newest byte completes.
    fn judge(&self) -> Result<(), GreetingError> {
        let came = &self.theirs[..self.length];
        if came[0] != 0xff {
            return Dialect::of(came).map_or(Ok(()), |it| Err(GreetingError::NotZmtp(it)));
        }
        match (self.length - 1, came[self.length - 1]) {
            // To ZMTP 1.0 these are the size and the flags of its first message.
            (SIGNATURE_END, flags) if flags & 1 == 0 => Err(GreetingError::OldVersion("1.0")),
            (MAJOR, 0) => Err(GreetingError::OldVersion("1.0")),
            (MAJOR, 1 | 2) => Err(GreetingError::OldVersion("2.0")),
            _ => Ok(()),
        }
    }

    fn judge_mechanism(&self) -> Result<(), GreetingError> {
        let theirs = &self.theirs[MECHANISM];
        if theirs == field(self.mechanism) {
            return Ok(());
        }
        let length = theirs.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let theirs = theirs[..length].escape_ascii().to_string();
        Err(GreetingError::OtherMechanism { theirs, ours: self.mechanism })
    }
}

/// How a mechanism stands in a greeting.
fn field(mechanism: Mechanism) -> [u8; MECHANISM.end - MECHANISM.start] {
    let (mut field, name) = ([0; _], mechanism.as_str());
    field[..name.len()].copy_from_slice(name.as_bytes());
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Option<Version>, GreetingError> {
        Greeting::new(Mechanism::Null, false).read(&mut &*bytes, &mut Vec::new())
    }

    fn changed(at: usize, byte: u8) -> [u8; BYTES] {
        let mut bytes = Greeting::new(Mechanism::Null, false).ours();
        bytes[at] = byte;
        bytes
    }

    #[test]
    fn our_greeting_is_that_of_libzmq() {
        let bytes = Greeting::new(Mechanism::Null, true).ours();
        assert_eq!(bytes[..12], *b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\x01");
        assert_eq!(&bytes[12..16], b"NULL");
        assert!(bytes[16..].iter().all(|byte| *byte == 0));
        let bytes = Greeting::new(Mechanism::Curve, true).ours();
        assert_eq!((&bytes[12..17], bytes[32]), (&b"CURVE"[..], 1));
    }

    #[test]
    fn a_greeting_is_taken_and_what_follows_is_left() {
        let bytes = [&changed(0, 0xff)[..], &[4]].concat();
        let mut input = &bytes[..];
        let mut greeting = Greeting::new(Mechanism::Null, false);
        let mut output = Vec::new();
        assert_eq!(greeting.read(&mut input, &mut output), Ok(Some(Version::V3_1)));
        assert_eq!((input, &output[..]), (&[4][..], &[][..]));
    }

    /// A libzmq that wants another mechanism would close before it has said so.
    #[test]
    fn a_server_keeps_its_mechanism_until_the_peer_has_said_its_own() {
        let mut client = Vec::new();
        Greeting::new(Mechanism::Null, false).begin(&mut client);
        for (theirs, is_other) in [(Mechanism::Null, false), (Mechanism::Curve, true)] {
            let mut server = Greeting::new(theirs, true);
            let mut output = Vec::new();
            server.begin(&mut output);
            assert_eq!(output.len(), 12);
            assert_eq!(server.read(&mut &client[..31], &mut output), Ok(None));
            assert_eq!(output.len(), 12);
            assert_eq!(server.read(&mut &client[31..], &mut output).is_err(), is_other);
            assert_eq!(output, server.ours());
        }
    }

    #[test]
    fn later_versions_speak_ours_and_3_0_is_told_apart() {
        assert_eq!(read(&changed(MINOR, 0)), Ok(Some(Version::V3_0)));
        assert_eq!(read(&changed(MINOR, 9)), Ok(Some(Version::V3_1)));
        assert_eq!(read(&changed(MAJOR, 4)), Ok(Some(Version::V3_1)));
        assert_eq!(read(&changed(40, 1)), Ok(Some(Version::V3_1)));
    }

    #[test]
    fn old_versions_are_refused_as_soon_as_they_are_seen() {
        for (greeting, end, version) in [
            (changed(SIGNATURE_END, 0), SIGNATURE_END, "1.0"),
            (changed(MAJOR, 0), MAJOR, "1.0"),
            (changed(MAJOR, 1), MAJOR, "2.0"),
        ] {
            assert_eq!(read(&greeting[..end]), Ok(None));
            let error = GreetingError::OldVersion(version);
            assert_eq!(read(&greeting[..=end]), Err(error));
        }
    }

    #[test]
    fn another_mechanism_is_named() {
        let error = read(&Greeting::new(Mechanism::Curve, true).ours()).unwrap_err();
        assert_eq!(error.to_string(), "the peer wants CURVE, and here is NULL");
        let error = read(&changed(16, b'\n')).unwrap_err();
        assert_eq!(error.to_string(), "the peer wants NULL\\n, and here is NULL");
        let error = read(&changed(31, 1)).unwrap_err();
        assert!(error.to_string().starts_with("the peer wants NULL\\x00\\x00"));
    }

    #[test]
    fn other_protocols_are_named() {
        let error = read(b"GET / HTTP/1.1\r\n\r\n").unwrap_err();
        assert_eq!(error.to_string(), "not ZMTP: an HTTP request");
    }
}
