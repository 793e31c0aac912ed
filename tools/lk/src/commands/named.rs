//! Events that are named on the command line, of a spool or a quarantine.

use std::path::Path;

use anyhow::{anyhow, bail};
use laniakea_spool::{Name, Pattern};

use crate::failure::{hinted, usage};

/// Which events are meant. Each pattern means exactly one, or nothing is done.
///
/// # Errors
///
/// A pattern means none of them, or several.
pub(super) fn resolve(
    patterns: &[Pattern],
    names: &[Name],
    dir: &Path,
) -> anyhow::Result<Vec<Name>> {
    let mut chosen = Vec::new();
    for pattern in patterns {
        match pattern.select(names.iter().copied())[..] {
            [name] => chosen.push(name),
            [] => bail!("there is no event {pattern} in {}", dir.display()),
            _ => {
                let error = anyhow!("{pattern} is the beginning of several digests");
                return Err(hinted(usage(error), "write more of it, or the number"));
            }
        }
    }
    chosen.sort_unstable();
    chosen.dedup();
    Ok(chosen)
}

/// `1 event`, `2 events`.
pub(super) fn events(count: usize) -> String {
    if count == 1 { "1 event".to_owned() } else { format!("{count} events") }
}

/// As much of a digest as a person needs to see.
pub(super) fn short(name: Name) -> String {
    name.digest.to_string().chars().take(16).collect()
}

/// `1 event waits`, `2 events wait`.
pub(super) fn wait(count: usize) -> String {
    format!("{} {}", events(count), if count == 1 { "waits" } else { "wait" })
}
