//! Keys: their files, the ring of trusted ones, and the two operations.

mod file;
mod keyring;
mod names;
mod signing;
mod verifying;

pub use file::{CurveKeys, KeyFile, KeyFileError, Metadata};
pub use keyring::{DuplicateKey, KeyDirectory, KeyProblem, Keyring};
pub use names::{InvalidName, KeyId, SignerId};
pub use signing::SigningKey;
pub use verifying::{UnfitKey, VerifyingKey};

/// The algorithm's name before the colon of a key id in `signatures`.
pub(crate) const ALGORITHM: &str = "ed25519";
