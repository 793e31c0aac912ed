//! Whether the write-ahead log still has what was committed, before SQLite reads it.
//!
//! SQLite takes the log up to the first page whose checksum does not hold and forgets the rest: it
//! cannot tell a transaction that a crash cut off from one that was committed and is damaged. We
//! can, in two ways. A transaction is synced before the next one is written, so pages of a later one
//! say that it was. And the log's index in shared memory (`-shm`), which a killed relay leaves behind, says how
//! far the log was committed; it is believed only if its own checksum holds and it is of this log.
//!
//! Formats: "WAL-mode File Format" in SQLite's documentation, version 3007000 of both files.

use std::{
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use crate::error::Damage;

const LOG_HEADER: usize = 32;
const PAGE_HEADER: usize = 24;
/// The last bit says in which order of bytes the checksums were made.
const MAGIC: u32 = 0x377f_0682;
const INDEX_VERSION: u32 = 3_007_000;
/// Two copies of the index's header, and how many pages were written back into the journal.
const INDEX_COPY: usize = 48;
const WRITTEN_BACK_AT: usize = 2 * INDEX_COPY;
const INDEX_HEADER: usize = WRITTEN_BACK_AT + 4;

/// What is wrong with the log of the journal in this file; nothing, where there is no log.
pub(crate) fn damage(journal: &Path) -> io::Result<Option<Damage>> {
    let index = read_start::<INDEX_HEADER>(&beside(journal, "-shm"))?;
    let index = index.and_then(|bytes| Index::parse(&bytes));
    let header = read_start::<LOG_HEADER>(&beside(journal, "-wal"))?;
    let Some(header) = header.filter(|header| *header != [0; LOG_HEADER]) else {
        // Nothing was ever synced here, unless the index says so.
        return Ok(index.and_then(|index| index.missing_after(0)));
    };
    let mut log = BufReader::new(laniakea_files::open(&beside(journal, "-wal"))?);
    log.read_exact(&mut [0; LOG_HEADER])?;
    let Some(header) = LogHeader::parse(&header) else {
        let mut first = [0; PAGE_HEADER];
        // A log that has no page yet holds nothing.
        return Ok(is_read(&mut log, &mut first)?.then_some(Damage::LogHeader));
    };
    let found = Pages::read(&mut log, &header)?;
    let committed = match index {
        Some(index) if index.salt == header.salt => index.committed,
        _ => 0,
    };
    let committed = committed.max(found.committed_behind_a_break);
    let is_damaged = found.committed < committed;
    Ok(is_damaged.then_some(Damage::Log { found: found.committed, committed }))
}

fn beside(journal: &Path, ending: &str) -> PathBuf {
    let mut name = journal.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// The first bytes of a file, if it is there and so long.
fn read_start<const LENGTH: usize>(path: &Path) -> io::Result<Option<[u8; LENGTH]>> {
    let mut file = match laniakea_files::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut start = [0; LENGTH];
    Ok(is_read(&mut file, &mut start)?.then_some(start))
}

/// Whether there were as many bytes left.
fn is_read(file: &mut impl Read, bytes: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(bytes) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        read => read.map(|()| true),
    }
}

/// The header of the log.
struct LogHeader {
    sum: Sum,
    page_bytes: usize,
    salt: [u8; 8],
}

impl LogHeader {
    fn parse(bytes: &[u8; LOG_HEADER]) -> Option<Self> {
        let magic = big_endian(bytes, 0);
        if magic & !1 != MAGIC {
            return None;
        }
        let sum = Sum { is_big_endian: magic & 1 == 1, state: (0, 0) };
        let sum = sum.with(bytes.get(..24)?);
        let page_bytes = usize::try_from(big_endian(bytes, 8)).ok()?;
        let is_sound = sum.state == (big_endian(bytes, 24), big_endian(bytes, 28))
            && (512..=65_536).contains(&page_bytes);
        let salt = *bytes.get(16..)?.first_chunk()?;
        is_sound.then_some(Self { sum, page_bytes, salt })
    }
}

/// What the pages of a log come to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Pages {
    /// Pages up to the last commit before anything is broken: what SQLite will take.
    committed: u32,
    /// Pages up to a commit behind something broken which another transaction followed; or 0.
    committed_behind_a_break: u32,
}

impl Pages {
    fn read(log: &mut impl Read, header: &LogHeader) -> io::Result<Self> {
        let mut pages = Self::default();
        let mut page = vec![0; PAGE_HEADER + header.page_bytes];
        // What the page before says of itself, so that the chain can be taken up behind a break.
        let mut sum = header.sum;
        let (mut is_whole, mut commit) = (true, None);
        let mut number = 0;
        while is_read(log, &mut page)? {
            number += 1;
            let (Some(start), Some(content)) = (page.get(..8), page.get(PAGE_HEADER..)) else {
                break;
            };
            let claimed = (big_endian(&page, 16), big_endian(&page, 20));
            let is_ours = page.get(8..16) == Some(&header.salt[..]);
            let is_good = is_ours && sum.with(start).with(content).state == claimed;
            is_whole &= is_good;
            if !is_whole
                && is_good
                && let Some(committed) = commit
            {
                pages.committed_behind_a_break = committed;
            }
            let is_commit = big_endian(&page, 4) != 0;
            if is_commit && is_whole {
                pages.committed = number;
            }
            // A page that is chained to this one shows that it was a commit, whatever else of it
            // is damaged.
            commit = (is_commit && !is_whole).then_some(number);
            sum.state = claimed;
        }
        Ok(pages)
    }
}

/// The header of the log's index.
struct Index {
    /// Pages of the log up to the last commit.
    committed: u32,
    /// Of those, how many are in the journal itself.
    written_back: u32,
    /// As in the log's header.
    salt: [u8; 8],
}

impl Index {
    /// Reads it if it is whole: both copies are the same, and their checksum holds.
    fn parse(bytes: &[u8; INDEX_HEADER]) -> Option<Self> {
        let (copy, rest) = bytes.split_at(INDEX_COPY);
        if !rest.starts_with(copy) || native(copy, 0) != INDEX_VERSION || copy.get(12) != Some(&1) {
            return None;
        }
        let sum = Sum { is_big_endian: cfg!(target_endian = "big"), state: (0, 0) };
        if sum.with(copy.get(..40)?).state != (native(copy, 40), native(copy, 44)) {
            return None;
        }
        Some(Self {
            committed: native(copy, 16),
            written_back: native(bytes, WRITTEN_BACK_AT),
            salt: *copy.get(32..)?.first_chunk()?,
        })
    }

    /// What is missing where the log has only so many pages, and nothing of it is used.
    fn missing_after(&self, found: u32) -> Option<Damage> {
        let committed = self.committed;
        (committed > self.written_back.max(found)).then_some(Damage::Log { found, committed })
    }
}

/// SQLite's checksum of a log, over words of four bytes.
#[derive(Debug, Clone, Copy)]
struct Sum {
    is_big_endian: bool,
    state: (u32, u32),
}

impl Sum {
    fn with(mut self, bytes: &[u8]) -> Self {
        let (pairs, _) = bytes.as_chunks::<8>();
        for [a, b, c, d, e, f, g, h] in pairs {
            let (first, second) = if self.is_big_endian {
                (u32::from_be_bytes([*a, *b, *c, *d]), u32::from_be_bytes([*e, *f, *g, *h]))
            } else {
                (u32::from_le_bytes([*a, *b, *c, *d]), u32::from_le_bytes([*e, *f, *g, *h]))
            };
            let (one, two) = self.state;
            let one = one.wrapping_add(first).wrapping_add(two);
            self.state = (one, two.wrapping_add(second).wrapping_add(one));
        }
        self
    }
}

fn word(bytes: &[u8], at: usize) -> [u8; 4] {
    bytes.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default()
}

fn big_endian(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(word(bytes, at))
}

fn native(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(word(bytes, at))
}

#[cfg(test)]
mod tests;
