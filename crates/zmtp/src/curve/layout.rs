//! Reading fields of fixed sizes one after the other.

use super::CurveError;

/// The fields of a command that are still to be read.
pub(super) struct Fields<'a> {
    /// The command, for errors.
    name: &'static str,
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn of(name: &'static str, bytes: &'a [u8]) -> Self {
        Self { name, rest: bytes }
    }

    pub(super) fn bytes<const N: usize>(&mut self) -> Result<[u8; N], CurveError> {
        let (field, rest) = self.rest.split_first_chunk().ok_or(self.malformed())?;
        self.rest = rest;
        Ok(*field)
    }

    pub(super) fn number(&mut self) -> Result<u64, CurveError> {
        self.bytes().map(u64::from_be_bytes)
    }

    /// All that is left, which has to be of `size`.
    pub(super) fn last(self, size: usize) -> Result<&'a [u8], CurveError> {
        if self.rest.len() == size { Ok(self.rest) } else { Err(self.malformed()) }
    }

    /// All that is left, which has to be of `size` or more.
    pub(super) fn last_from(self, size: usize) -> Result<&'a [u8], CurveError> {
        if self.rest.len() >= size { Ok(self.rest) } else { Err(self.malformed()) }
    }

    fn malformed(&self) -> CurveError {
        CurveError::Malformed(self.name)
    }
}
