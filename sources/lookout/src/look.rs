//! One look at one suite: from "what does it say now?" to indexes that can be compared.
//!
//! Before this, [`crate::watch`] decides when to look; after it, [`crate::record`] compares and
//! keeps. A look changes nothing: one that fails is simply made again later.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::{
    apt::{
        checksum::Checksum,
        fetch::Validators,
        files::{FilesError, FoundRelease, SuiteFiles},
        index::{Entries, IndexKind, IndexName},
        release::{Expectation, Release, ReleaseError, still_valid},
        signed::Signed,
        verify::{VerifiedRelease, VerifyError},
    },
    config::Archive,
};

/// What is known of a suite since the last look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// How to ask whether it changed.
    pub validators: Validators,
    /// What its `Release` said.
    pub release: ReleaseFacts,
    /// What its indexes were, by their hash; `None` for those that it did not have.
    pub indexes: BTreeMap<IndexName, Option<[u8; 32]>>,
}

/// What is kept of a `Release` file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseFacts {
    /// The hash of the whole text.
    pub sha256: [u8; 32],
    /// `Codename`.
    pub codename: Option<String>,
    /// When the archive wrote it.
    pub date: Timestamp,
    /// From when on it is not to be believed.
    pub valid_until: Option<Timestamp>,
}

/// The outcome of a look.
#[derive(Debug)]
pub enum Look {
    /// Nothing changed.
    Unchanged,
    /// Nothing changed; from now on this is how to ask.
    Revalidated(Validators),
    /// This is what the suite holds now.
    Changed(Seen),
}

/// A suite as it is now.
#[derive(Debug)]
pub struct Seen {
    /// How to ask next time.
    pub validators: Validators,
    /// What its `Release` says.
    pub release: ReleaseFacts,
    /// What its indexes hold.
    pub indexes: BTreeMap<IndexName, SeenIndex>,
    /// How many packages make no sense and were left out.
    pub left_out: usize,
}

/// An index as it is now.
#[derive(Debug)]
pub enum SeenIndex {
    /// What it was before.
    Same([u8; 32]),
    /// The suite does not have it.
    Absent,
    /// This.
    Read([u8; 32], Entries),
}

/// A look that found nothing to believe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LookError {
    /// Something could not be fetched or read.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The signature does not convince.
    #[error("the Release file is not to be trusted")]
    Verify(#[from] VerifyError),
    /// The `Release` does not convince.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// Neither component nor architecture is there, most likely for a misprint.
    #[error("the Release file lists none of the indexes to watch ({wanted})")]
    NothingToWatch {
        /// Their paths.
        wanted: String,
    },
}

/// Looks at `suite` of `archive`.
///
/// # Errors
///
/// See [`LookError`].
pub fn look(
    archive: &Archive,
    suite: &str,
    files: &SuiteFiles,
    known: Option<&Known>,
    now: Timestamp,
) -> Result<Look, LookError> {
    let known = known.filter(|known| is_same_scope(archive, known));
    let expected = Expectation {
        name: archive.release_name.as_deref().unwrap_or(suite),
        last: known.map(|known| known.release.date),
        now,
        check_dates: archive.check_dates,
    };
    let ask = known.map(|known| known.validators.clone()).unwrap_or_default();
    let (signed, validators) = match files.release(&ask)? {
        FoundRelease::Signed(signed, validators) => (signed, validators),
        FoundRelease::NotModified => {
            let valid_until = known.and_then(|known| known.release.valid_until);
            still_valid(valid_until, &expected)?;
            return Ok(Look::Unchanged);
        }
    };
    let verified = verify(archive, signed)?;
    let release = Release::parse(&verified)?;
    release.check(&expected)?;
    let facts = ReleaseFacts {
        sha256: Checksum::of(verified.text()).sha256,
        codename: release.codename.clone(),
        date: release.date,
        valid_until: release.valid_until,
    };
    if let Some(known) = known.filter(|known| known.release == facts) {
        let same = known.validators == validators;
        return Ok(if same { Look::Unchanged } else { Look::Revalidated(validators) });
    }
    let (indexes, left_out) = read_indexes(archive, &release, files, known)?;
    Ok(Look::Changed(Seen { validators, release: facts, indexes, left_out }))
}

/// Whether what is known covers what the configuration wants now. If not, the `Release` is needed
/// even if it is the same, since it says where the other indexes are.
fn is_same_scope(archive: &Archive, known: &Known) -> bool {
    let wanted: BTreeSet<IndexName> = archive.indexes().collect();
    let implied = |name: &&IndexName| matches!(&name.kind, IndexKind::Packages(architecture) if architecture == "all");
    let covered = wanted.iter().all(|name| known.indexes.contains_key(name));
    covered && known.indexes.keys().all(|name| implied(&name) || wanted.contains(name))
}

fn verify(archive: &Archive, signed: Signed) -> Result<VerifiedRelease, VerifyError> {
    if archive.trusted {
        return Ok(VerifiedRelease::trusted(signed));
    }
    VerifiedRelease::verify(signed, &archive.signed_by)
}

fn read_indexes(
    archive: &Archive,
    release: &Release,
    files: &SuiteFiles,
    known: Option<&Known>,
) -> Result<(BTreeMap<IndexName, SeenIndex>, usize), LookError> {
    let mut indexes = BTreeMap::new();
    let mut left_out = 0;
    for name in release.wanted(archive.indexes()) {
        let Some(offered) = release.index(&name) else {
            indexes.insert(name, SeenIndex::Absent);
            continue;
        };
        let identity = offered.identity();
        let before = known.and_then(|known| *known.indexes.get(&name)?);
        let seen = if before == Some(identity) {
            SeenIndex::Same(identity)
        } else {
            let index = files.index(&name, &offered, release.by_hash)?;
            left_out += index.left_out;
            SeenIndex::Read(identity, index.entries)
        };
        indexes.insert(name, seen);
    }
    if indexes.values().all(|index| matches!(index, SeenIndex::Absent)) {
        let wanted: Vec<_> = indexes.keys().map(ToString::to_string).collect();
        return Err(LookError::NothingToWatch { wanted: wanted.join(", ") });
    }
    Ok((indexes, left_out))
}
