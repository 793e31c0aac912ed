//! Randomness, from the operating system.

use anyhow::Context as _;

/// Bytes that nobody can guess.
///
/// # Errors
///
/// The system gave none.
pub(crate) fn random<const COUNT: usize>() -> anyhow::Result<[u8; COUNT]> {
    let mut bytes = [0; COUNT];
    getrandom::fill(&mut bytes).context("the system gave no random numbers")?;
    Ok(bytes)
}
