//! Unpacks an index as it streams in, and believes it only once its hashes are right.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use liblzma::{bufread::XzDecoder, stream};
use lz4_flex::frame::FrameDecoder;

use super::{
    checksum::{Checksum, Meter},
    index::{Index, IndexKind},
};

/// What `xz -9` asks for, twice: a hostile header may ask for gigabytes.
const XZ_MEMORY: u64 = 128 * 1024 * 1024;

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// `.xz`
    Xz,
    /// `.gz`
    Gzip,
    /// `.lz4`, which APT writes where it keeps its lists compressed.
    Lz4,
    /// Not packed.
    None,
}

impl Compression {
    /// What archives offer, the smallest first.
    pub const OFFERED: [Self; 3] = [Self::Xz, Self::Gzip, Self::None];
    /// What APT leaves in its lists, the quickest first.
    pub const KEPT: [Self; 4] = [Self::None, Self::Lz4, Self::Gzip, Self::Xz];

    /// The end of the file's name.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Xz => ".xz",
            Self::Gzip => ".gz",
            Self::Lz4 => ".lz4",
            Self::None => "",
        }
    }
}

/// What the signed `Release` says of an index.
#[derive(Debug, Clone, Copy)]
pub struct Expected {
    /// Of the file as transferred.
    pub packed: Option<Checksum>,
    /// Of the file once unpacked.
    pub plain: Option<Checksum>,
    /// No index is unpacked further than this.
    pub max_bytes: u64,
}

/// An index that cannot be used. Mostly the archive is being updated, and the next look is good.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnpackError {
    /// The `Release` says so itself.
    #[error("the index has {size} bytes, more than max_index_mib allows ({max_bytes})")]
    TooLarge {
        /// The size that the `Release` states.
        size: u64,
        /// What is allowed.
        max_bytes: u64,
    },
    /// Cut off, damaged, too long, or something else altogether.
    #[error("the index could not be read")]
    Unreadable(#[source] io::Error),
    /// It is another version of the file than the one that the `Release` means.
    #[error("the index is {actual:?}, and the Release says {expected:?}")]
    WrongHash {
        /// What the `Release` says.
        expected: Checksum,
        /// What came.
        actual: Checksum,
    },
    /// The `Release` has no hash for what came: it is worth nothing.
    #[error("the Release holds no hash of this form of the index")]
    NoHash,
}

/// Reads an index through its decompressor and checks it.
///
/// # Errors
///
/// See [`UnpackError`]; nothing of such an index may be used.
pub fn read_index(
    file: impl Read,
    compression: Compression,
    kind: &IndexKind,
    expected: &Expected,
) -> Result<Index, UnpackError> {
    let max_bytes = expected.max_bytes;
    for size in [expected.packed, expected.plain].into_iter().flatten().map(|sum| sum.size) {
        if size > max_bytes {
            return Err(UnpackError::TooLarge { size, max_bytes });
        }
    }
    if expected.packed.is_none() && expected.plain.is_none() {
        return Err(UnpackError::NoHash);
    }
    let limit = |sum: Option<Checksum>| sum.map_or(max_bytes, |sum| sum.size);
    let packed = BufReader::new(Meter::new(file, limit(expected.packed)));
    let unpacked = Unpacker::new(packed, compression).map_err(UnpackError::Unreadable)?;
    let mut plain =
        BufReader::with_capacity(64 * 1024, Meter::new(unpacked, limit(expected.plain)));

    let index = Index::read(kind, &mut plain).map_err(UnpackError::Unreadable)?;
    let mut plain = plain.into_inner();
    check(expected.plain, &mut plain)?;
    check(expected.packed, plain.into_inner().into_inner().get_mut())?;
    Ok(index)
}

fn check<R: Read>(expected: Option<Checksum>, meter: &mut Meter<R>) -> Result<(), UnpackError> {
    let actual = meter.finish().map_err(UnpackError::Unreadable)?;
    match expected {
        Some(expected) if expected != actual => Err(UnpackError::WrongHash { expected, actual }),
        _ => Ok(()),
    }
}

/// The decompressors under one name.
enum Unpacker<R: BufRead> {
    Xz(XzDecoder<R>),
    Gzip(MultiGzDecoder<R>),
    Lz4(Box<FrameDecoder<R>>),
    None(R),
}

impl<R: BufRead> Unpacker<R> {
    fn new(packed: R, compression: Compression) -> io::Result<Self> {
        Ok(match compression {
            Compression::Xz => {
                let decoder = stream::Stream::new_stream_decoder(XZ_MEMORY, stream::CONCATENATED)?;
                Self::Xz(XzDecoder::new_stream(packed, decoder))
            }
            Compression::Gzip => Self::Gzip(MultiGzDecoder::new(packed)),
            Compression::Lz4 => Self::Lz4(Box::new(FrameDecoder::new(packed))),
            Compression::None => Self::None(packed),
        })
    }

    fn into_inner(self) -> R {
        match self {
            Self::Xz(decoder) => decoder.into_inner(),
            Self::Gzip(decoder) => decoder.into_inner(),
            Self::Lz4(decoder) => decoder.into_inner(),
            Self::None(reader) => reader,
        }
    }
}

impl<R: BufRead> Read for Unpacker<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Xz(decoder) => decoder.read(buffer),
            Self::Gzip(decoder) => decoder.read(buffer),
            Self::Lz4(decoder) => decoder.read(buffer),
            Self::None(reader) => reader.read(buffer),
        }
    }
}

#[cfg(test)]
mod tests;
