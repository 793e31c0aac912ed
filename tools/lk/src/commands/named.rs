//! What the commands for a spool and a quarantine share: events that are named, and what is told.

use std::{
    io,
    path::{Path, PathBuf},
};

use anyhow::{anyhow, bail};
use laniakea_spool::{Damaged, Name, Pattern};
use serde_json::{Value as Json, json};

use crate::{
    failure::{hinted, usage},
    output::{Facts, Table, print_json},
    session::Session,
};

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

/// Says how many events were removed.
pub(super) fn tell_dropped(dropped: usize, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        return print_json(&json!({"dropped": dropped}));
    }
    Ok(Facts::default().and("dropped", events(dropped)).print(0)?)
}

/// Warns of files that somebody else put there.
pub(super) fn warn_of_foreign(foreign: &[PathBuf], session: &Session<'_>) {
    for path in foreign {
        let text = format!("{} does not belong here; it is left alone", path.display());
        session.notices.warning(&text);
    }
}

/// The same as JSON.
pub(super) fn describe_foreign(foreign: &[PathBuf]) -> Json {
    foreign.iter().map(|path| path.display().to_string()).collect()
}

/// Lists the files that cannot be read, if there are any.
pub(super) fn print_damaged(damaged: &[Damaged]) -> io::Result<()> {
    let mut table = Table::default();
    for Damaged { name, path, problem } in damaged {
        table.push(&[name.number.to_string(), path.display().to_string(), problem.clone()]);
    }
    table.print_under(&format!("damaged ({})", damaged.len()))
}

/// The same as JSON.
pub(super) fn describe_damaged(damaged: &[Damaged]) -> Json {
    damaged
        .iter()
        .map(|Damaged { name, path, problem }| {
            json!({"number": name.number, "path": path.display().to_string(), "problem": problem})
        })
        .collect()
}
