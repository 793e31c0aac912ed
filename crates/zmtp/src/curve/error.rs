//! What is wrong with what a peer sent under CURVE.

/// What is wrong with what a peer sent under CURVE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CurveError {
    /// It has another size or version.
    #[error("a {0} that is not as CURVE has it")]
    Malformed(&'static str),
    /// It was sealed for or by another key, or changed on the way.
    #[error("a {0} that cannot be opened: it is for another key, or was changed")]
    CannotOpen(&'static str),
    /// The client's key and its key for this connection do not belong together.
    #[error("a vouch for other keys")]
    WrongVouch,
    /// With such a key everybody could read what is sealed.
    #[error("a key that protects nothing")]
    WeakKey,
    /// A number that has been used: a frame that was sent before.
    #[error("a {0} whose number does not grow")]
    Repeated(&'static str),
    /// A frame that is not encrypted.
    #[error("a frame in the clear on an encrypted connection")]
    InTheClear,
}
