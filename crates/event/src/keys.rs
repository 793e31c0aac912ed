//! Keys: their files, the ring of trusted ones, and the two operations.

mod directory;
mod file;
mod keyring;
mod names;
mod signing;
mod validity;
mod verifying;

pub use directory::{KeyDirectory, KeyProblem, TrustedFile};
pub use file::{CurveKeys, KeyFile, KeyFileError, MalformedKeyFile, Metadata};
pub use keyring::{DuplicateKey, Keyring, TrustedKey};
pub use names::{InvalidName, KeyId, SignerId};
pub use signing::SigningKey;
pub(crate) use validity::parse_moment;
pub use validity::{Standing, Validity};
pub use verifying::{UnfitKey, VerifyingKey};

/// The algorithm's name before the colon of a key id in `signatures`.
pub(crate) const ALGORITHM: &str = "ed25519";
