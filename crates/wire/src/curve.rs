//! CURVE keys, as key files hold them. Encrypted endpoints will be set up here too.

use crate::WireError;

/// A pair of CURVE keys in Z85.
pub struct CurvePair {
    /// The public key.
    pub public: String,
    /// The secret key.
    pub secret: String,
}

/// Makes a pair of CURVE keys from the system's random source.
pub fn generate() -> Result<CurvePair, WireError> {
    let pair = zmq::CurveKeyPair::new()?;
    let encode =
        |key: &[u8]| zmq::z85_encode(key).map_err(|_| WireError::Socket(zmq::Error::EINVAL));
    Ok(CurvePair { public: encode(&pair.public_key)?, secret: encode(&pair.secret_key)? })
}
