//! Keys of Curve25519.

use std::fmt;

use dryoc::classic::crypto_core::crypto_scalarmult_base;
use zeroize::Zeroizing;

use super::{Random, draw};

/// The public key of an end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

/// The secret key that belongs to it. It is wiped when it goes.
#[derive(Clone)]
pub struct SecretKey(Zeroizing<[u8; 32]>);

/// Both.
#[derive(Clone)]
pub struct KeyPair {
    public: PublicKey,
    secret: SecretKey,
}

impl PublicKey {
    /// The key of these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// In hexadecimal digits.
impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl SecretKey {
    /// The key of these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Shows nothing.
impl fmt::Debug for SecretKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretKey")
    }
}

impl KeyPair {
    /// The pair of this secret key.
    pub fn of(secret: SecretKey) -> Self {
        let mut public = [0; 32];
        crypto_scalarmult_base(&mut public, secret.as_bytes());
        Self { public: PublicKey(public), secret }
    }

    /// A new pair.
    pub fn generate(random: &mut Random<'_>) -> Self {
        Self::of(SecretKey(Zeroizing::new(draw(random))))
    }

    /// Two keys that do not belong together.
    #[cfg(test)]
    pub(super) fn mismatched(public: PublicKey, secret: SecretKey) -> Self {
        Self { public, secret }
    }

    /// The public half.
    pub const fn public(&self) -> PublicKey {
        self.public
    }

    /// The secret half.
    pub const fn secret(&self) -> &SecretKey {
        &self.secret
    }
}

/// Shows the public half alone.
impl fmt::Debug for KeyPair {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("KeyPair").field(&self.public).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pairs of the paper of `NaCl` (and RFC 7748, 6.1).
    #[test]
    fn a_public_key_is_that_of_its_secret_key() {
        let secret = [
            0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d, 0x3c, 0x16, 0xc1, 0x72, 0x51, 0xb2,
            0x66, 0x45, 0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0, 0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5,
            0x1d, 0xb9, 0x2c, 0x2a,
        ];
        let pair = KeyPair::of(SecretKey::from_bytes(secret));
        assert_eq!(
            format!("{pair:?}"),
            "KeyPair(8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a)"
        );
        assert_eq!(format!("{:?}", pair.secret()), "SecretKey");
    }
}
