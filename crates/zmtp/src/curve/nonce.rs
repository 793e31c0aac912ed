//! Numbers that are used once: each box needs one, and no key may see the same twice.

use super::CurveError;

/// What a box is sealed with beside the key.
pub(super) type Nonce = [u8; 24];

/// A purpose and a random number.
pub(super) fn random(purpose: [u8; 8], random: &[u8; 16]) -> Nonce {
    let mut nonce = [0; 24];
    nonce[..8].copy_from_slice(&purpose);
    nonce[8..].copy_from_slice(random);
    nonce
}

/// A purpose and a number that grows.
pub(super) fn counted(purpose: &[u8; 16], number: u64) -> Nonce {
    let mut nonce = [0; 24];
    nonce[..16].copy_from_slice(purpose);
    nonce[16..].copy_from_slice(&number.to_be_bytes());
    nonce
}

/// The numbers of what we send: 1, 2, 3 …
#[derive(Debug, Default)]
pub(super) struct Sent(u64);

impl Sent {
    pub(super) fn next(&mut self) -> u64 {
        // Were a box sent each nanosecond, this would end after 580 years.
        self.0 += 1;
        self.0
    }
}

/// The highest number that came from the peer.
#[derive(Debug)]
pub(super) struct Received(u64);

impl Received {
    /// The first number, whatever it is.
    pub(super) fn first(number: u64) -> Self {
        Self(number)
    }

    /// Each later one has to be higher, or somebody sends old frames again. `what` it belongs to is
    /// for the error.
    pub(super) fn accept(&mut self, number: u64, what: &'static str) -> Result<(), CurveError> {
        if number <= self.0 {
            return Err(CurveError::Repeated(what));
        }
        self.0 = number;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_its_purpose_and_a_number() {
        assert_eq!(counted(b"CurveZMQHELLO---", 258), *b"CurveZMQHELLO---\0\0\0\0\0\0\x01\x02");
        assert_eq!(random(*b"WELCOME-", b"0123456789abcdef"), *b"WELCOME-0123456789abcdef");
    }

    #[test]
    fn numbers_have_to_grow() {
        let mut sent = Sent::default();
        assert_eq!([sent.next(), sent.next()], [1, 2]);
        let mut received = Received::first(5);
        for old in [0, 4, 5] {
            assert_eq!(received.accept(old, "MESSAGE"), Err(CurveError::Repeated("MESSAGE")));
        }
        assert_eq!(received.accept(7, "MESSAGE"), Ok(()));
        assert_eq!(received.accept(6, "MESSAGE"), Err(CurveError::Repeated("MESSAGE")));
    }
}
