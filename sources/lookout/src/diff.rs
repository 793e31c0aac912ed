//! Compares two states of a suite. Pure: no clock, no file, no event.
//!
//! The unit is one source package, in one version, in one component. What changed is told from the
//! point of view of somebody who installs: the highest version of a package is the one that counts.

use std::collections::BTreeSet;

use crate::{
    apt::version::Version,
    suite::{Published, SourceKey, SuiteState, Versions},
};

/// The difference between two states.
#[derive(Debug, Default)]
pub struct Diff<'a> {
    /// What there is to tell, ordered by component and name.
    pub changes: Vec<Change<'a>>,
    /// Versions that went because a higher one is there, or because a lower one replaced them:
    /// the change of the other version tells of them.
    pub superseded: Vec<(&'a SourceKey, &'a Version)>,
}

/// One version of one source package, and what happened to it.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// The package.
    pub source: &'a SourceKey,
    /// Its version.
    pub version: &'a Version,
    /// What happened.
    pub kind: Kind<'a>,
    /// What is published now, or was, where the version was removed.
    pub published: &'a Published,
}

/// What happened to a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind<'a> {
    /// The component had no lower version of the package.
    New,
    /// It is higher than `from`, the highest one below it.
    Upgraded {
        /// The version before.
        from: &'a Version,
    },
    /// The package went back from `from`, its highest version until now.
    Downgraded {
        /// The version before.
        from: &'a Version,
    },
    /// The version was there; its binaries changed: rebuilt, built where they were missing, or gone.
    Rebuilt {
        /// What was published of it.
        before: &'a Published,
    },
    /// It went, and no higher or new version is there.
    Removed,
}

/// How many changes of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// [`Kind::New`]
    pub new: usize,
    /// [`Kind::Upgraded`]
    pub upgraded: usize,
    /// [`Kind::Downgraded`]
    pub downgraded: usize,
    /// [`Kind::Rebuilt`]
    pub rebuilt: usize,
    /// [`Kind::Removed`]
    pub removed: usize,
}

impl Diff<'_> {
    /// Counts the changes.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for change in &self.changes {
            *match change.kind {
                Kind::New => &mut counts.new,
                Kind::Upgraded { .. } => &mut counts.upgraded,
                Kind::Downgraded { .. } => &mut counts.downgraded,
                Kind::Rebuilt { .. } => &mut counts.rebuilt,
                Kind::Removed => &mut counts.removed,
            } += 1;
        }
        counts
    }
}

/// What changed between `old` and `new`.
pub fn diff<'a>(old: &'a SuiteState, new: &'a SuiteState) -> Diff<'a> {
    static NONE: Versions = Versions::new();
    let mut diff = Diff::default();
    let keys: BTreeSet<&SourceKey> = old.sources.keys().chain(new.sources.keys()).collect();
    for source in keys {
        let before = old.sources.get(source).unwrap_or(&NONE);
        let after = new.sources.get(source).unwrap_or(&NONE);
        for (version, published) in after {
            let kind = match before.get(version) {
                None => arrival(version, before, after),
                Some(before) if before.binaries != published.binaries => Kind::Rebuilt { before },
                Some(_) => continue,
            };
            diff.changes.push(Change { source, version, kind, published });
        }
        for (version, published) in before.iter().filter(|(gone, _)| !after.contains_key(gone)) {
            if is_superseded(version, before, after) {
                diff.superseded.push((source, version));
            } else {
                diff.changes.push(Change { source, version, kind: Kind::Removed, published });
            }
        }
    }
    diff
}

/// What `new` holds beyond `base`: packages that `base` lacks, and versions higher than all of its.
///
/// This is how a suite that lies over another one, as `-updates` and `-security` do, looks to
/// somebody who has both.
pub fn beyond<'a>(base: &'a SuiteState, new: &'a SuiteState) -> Diff<'a> {
    let mut diff = Diff::default();
    for (source, versions) in &new.sources {
        let highest = base.sources.get(source).and_then(highest);
        for (version, published) in versions {
            let kind = match highest {
                None => Kind::New,
                Some(from) if version > from => Kind::Upgraded { from },
                Some(_) => continue,
            };
            diff.changes.push(Change { source, version, kind, published });
        }
    }
    diff
}

/// How a version came that was not there before.
fn arrival<'a>(version: &Version, before: &'a Versions, after: &Versions) -> Kind<'a> {
    match highest(before) {
        Some(from) if highest(after) < Some(from) => Kind::Downgraded { from },
        _ => match before.range(..version).next_back() {
            Some((from, _)) => Kind::Upgraded { from },
            None => Kind::New,
        },
    }
}

/// Whether the absence of `version` is told by another change, or was to be expected.
fn is_superseded(version: &Version, before: &Versions, after: &Versions) -> bool {
    let higher_is_left = highest(after).is_some_and(|highest| highest > version);
    let another_came = after.keys().any(|version| !before.contains_key(version));
    higher_is_left || another_came
}

fn highest(versions: &Versions) -> Option<&Version> {
    versions.last_key_value().map(|(version, _)| version)
}

#[cfg(test)]
mod tests;
