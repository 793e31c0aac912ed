//! `mirk import`: the configuration of Laniakea's Mirk, as one of ours.
//!
//! `old` reads the file; `account`, `prefix`, `link` and `room` translate what is in it, rules by way
//! of `rule`, `glob` and `class`; `write` writes the new one. The two programs do not mean quite the
//! same by a rule (`difference`): what matters for this file, or needs a hand, becomes a note. The
//! password is dropped at once.

mod account;
mod class;
mod difference;
mod glob;
mod link;
mod old;
mod prefix;
mod room;
mod rule;
mod write;

use laniakea_catalog::bounded;

use self::{account::Account, old::Old, write::New};

/// A configuration of ours, made of an old one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The file.
    pub toml: String,
    /// What differs or needs a hand, a sentence each.
    pub notes: Vec<String>,
}

/// The old configuration cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// It is no TOML. What the parser shows of the line stays out: it may be the password.
    #[error("line {line}: {problem}")]
    Syntax {
        /// Where, from 1.
        line: usize,
        /// What the parser says.
        problem: String,
    },
    /// A key that Mirk cannot do without.
    #[error("there is no {key}: {remedy}")]
    Missing {
        /// The key.
        key: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// A value that Mirk could not have used either, or that ours cannot.
    #[error("{place}: {problem}")]
    Value {
        /// The key.
        place: String,
        /// What is wrong, and what to do.
        problem: String,
    },
}

impl ImportError {
    fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Value { place: place.into(), problem: problem.into() }
    }
}

/// Translates a configuration of Laniakea's Mirk.
///
/// # Errors
///
/// See [`ImportError`]; the first thing that is wrong.
pub fn import(old: &str) -> Result<Imported, ImportError> {
    let old = Old::parse(old)?;
    let mut notes: Vec<String> = TO_DO.map(str::to_owned).into();
    let account = Account::new(&old, &mut notes)?;
    let rooms = room::translate(&old.rooms, &mut notes)?;
    let links = link::translate(&old, &mut notes);
    let prefix = prefix::translate(&old.prefix, &mut notes);
    if old.shows_unsigned {
        notes.push(UNSIGNED.to_owned());
    }
    for key in &old.unknown {
        notes.push(format!("{} was left out: Mirk does not know it", shown(key)));
    }
    notes.extend(DIFFERENCES.map(str::to_owned));
    let new = New { account, links, prefix, shows_unsigned: old.shows_unsigned, rooms };
    Ok(Imported { toml: new.to_toml(), notes })
}

/// What every new file needs a hand for.
const TO_DO: [&str; 4] = [
    "the password was not taken over: `mirk login` asks for it, once",
    "[trust] has to be filled in: keys_dir is Laniakea's directory of trusted keys (keys/curve/trusted \
     in its workspace, or trusted in its CurveKeysDir), relays names the relay, and [trust.emit] says \
     what each signer may emit; there every trusted key could emit everything",
    "[stream] expects the relay on this machine, with a replay endpoint, which Laniakea's own \
     Lighthouse does not have: let lighthouse take its place, or correct the addresses",
    "matrix.allowed_users names nobody: who may invite the bot and give it commands belongs there; \
     rooms that the account is in need no invitation",
];

/// What every room will see.
const DIFFERENCES: [&str; 2] = [
    "messages are notices here, for which clients do not ring; messages.msgtype = \"text\" makes them \
     what they were",
    "each event had a message of its own; here one message shows what becomes of a job, and what \
     comes too fast is summed up, unless a room's lifecycle and limits say otherwise",
];

const UNSIGNED: &str = "AllowUnsigned became untrusted = \"mark\" in every room; what a trusted \
    signer emits without a right in [trust.emit] is marked, too";

/// Foreign text for a message: bounded, on one line, with nothing hidden in it.
fn shown(text: &str) -> String {
    bounded(text, MAX_SHOWN)
}

/// The first names, and how many more there are.
fn first_few<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let mut names = names.into_iter();
    let mut out: Vec<String> = names.by_ref().take(MAX_NAMES).map(shown).collect();
    match names.count() {
        0 => {}
        more => out.push(format!("{more} more")),
    }
    out.join(", ")
}

/// So many names are listed in a note.
const MAX_NAMES: usize = 3;
/// Longer than any name that somebody gave something.
const MAX_SHOWN: usize = 80;

#[cfg(test)]
mod tests;
