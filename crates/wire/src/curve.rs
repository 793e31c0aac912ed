//! CURVE: connections that are encrypted and open to known keys alone (`docs/protocol.md`,
//! section 6).
//!
//! The server's side is a [`CurveGate`], the client's a [`Security`].

mod clients;
mod gate;
mod security;

use std::fmt;

pub use clients::Clients;
pub use gate::CurveGate;
pub use security::{Security, SecurityError};

use laniakea_zmtp::curve::{KeyPair, SecretKey};

use crate::random;

/// The public key of one end of an encrypted connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct CurveKey([u8; 32]);

/// The text is no CURVE key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a CURVE key is 40 characters of Z85, as `public-key` in a key file")]
pub struct InvalidCurveKey;

/// The texts are no pair of CURVE keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCurvePair {
    /// One of them is no key.
    #[error(transparent)]
    Key(#[from] InvalidCurveKey),
    /// Nobody could ever connect with these.
    #[error("the public and the secret CURVE key do not belong together")]
    Mismatch,
}

impl CurveKey {
    /// Reads the Z85 text of a key file.
    ///
    /// # Errors
    ///
    /// It is not 40 characters of Z85.
    pub fn parse(text: &str) -> Result<Self, InvalidCurveKey> {
        if text.len() != 40 || !text.is_ascii() || text.contains('\0') {
            return Err(InvalidCurveKey);
        }
        let bytes = z85::decode(text).map_err(|_| InvalidCurveKey)?;
        let key = bytes.try_into().map(Self).map_err(|_| InvalidCurveKey)?;
        // There is one spelling of each key.
        if key.to_string() == text { Ok(key) } else { Err(InvalidCurveKey) }
    }

    /// The key of these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl TryFrom<String> for CurveKey {
    type Error = InvalidCurveKey;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

/// Z85, as in key files.
impl fmt::Display for CurveKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&z85::encode(self.0))
    }
}

/// A pair of CURVE keys.
#[derive(Clone)]
pub struct CurvePair {
    /// The public key.
    pub public: CurveKey,
    secret: [u8; 32],
}

impl CurvePair {
    /// Reads the Z85 texts of a secret key file.
    ///
    /// # Errors
    ///
    /// One of them is no key, or they do not belong together.
    pub fn parse(public: &str, secret: &str) -> Result<Self, InvalidCurvePair> {
        let pair = Self { public: CurveKey::parse(public)?, secret: CurveKey::parse(secret)?.0 };
        let own = pair.key_pair().public();
        if own.as_bytes() == pair.public.as_bytes() {
            Ok(pair)
        } else {
            Err(InvalidCurvePair::Mismatch)
        }
    }

    /// A new pair from the system's random source.
    pub fn generate() -> Self {
        let pair = KeyPair::generate(&mut random::fill);
        Self { public: CurveKey(*pair.public().as_bytes()), secret: *pair.secret().as_bytes() }
    }

    /// Both, as the protocol has them.
    pub(crate) fn key_pair(&self) -> KeyPair {
        KeyPair::of(SecretKey::from_bytes(self.secret))
    }

    /// The secret key in Z85, as a secret key file has it.
    pub fn secret_text(&self) -> String {
        z85::encode(self.secret)
    }
}

/// Shows the public half only.
impl fmt::Debug for CurvePair {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CurvePair").field("public", &self.public).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_text() {
        let pair = CurvePair::generate();
        let text = pair.public.to_string();
        assert_eq!(text.len(), 40);
        assert_eq!(CurveKey::parse(&text), Ok(pair.public));
        let again = CurvePair::parse(&text, &pair.secret_text()).unwrap();
        assert_eq!((again.public, again.secret), (pair.public, pair.secret));
        let other = CurvePair::generate();
        let mixed = CurvePair::parse(&text, &other.secret_text());
        assert_eq!(mixed.unwrap_err(), InvalidCurvePair::Mismatch);
        assert!(!format!("{pair:?}").contains(&pair.secret_text()));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in
            ["", "short", &"\0".repeat(40), &"~".repeat(40), &"ä".repeat(20), &"0".repeat(45)]
        {
            assert_eq!(CurveKey::parse(text), Err(InvalidCurveKey), "{text:?}");
        }
    }
}
