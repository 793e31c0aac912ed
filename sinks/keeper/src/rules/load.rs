//! The rules of a directory.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use super::{Problem, Rule, Rules, file::RulesFile};
use crate::action::Means;

/// The longest file of rules, in bytes.
const LONGEST: u64 = 1 << 20;

/// Reads every `*.toml` of the directory and of the directories in it.
///
/// # Errors
///
/// Everything that is wrong, each with file and line.
pub fn load(directory: &Path, means: &Means) -> Result<Rules, Vec<Problem>> {
    let mut files = Vec::new();
    let mut problems = Vec::new();
    find(directory, &mut files, &mut problems);
    files.sort();
    let mut rules: BTreeMap<String, Rule> = BTreeMap::new();
    for file in files {
        match laniakea_files::read_text(&file, LONGEST) {
            Err(error) => problems.push(unreadable(&file, &error)),
            Ok(text) => read_rules(&file, &text, means, &mut rules, &mut problems),
        }
    }
    if problems.is_empty() { Ok(rules.into_values().collect()) } else { Err(problems) }
}

pub(super) fn find(directory: &Path, files: &mut Vec<PathBuf>, problems: &mut Vec<Problem>) {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) => return problems.push(unreadable(directory, &error)),
    };
    for entry in entries {
        match entry.and_then(|entry| Ok((entry.path(), entry.file_type()?))) {
            Ok((path, kind)) if kind.is_dir() => find(&path, files, problems),
            Ok((path, _)) if path.extension().is_some_and(|end| end == "toml") => files.push(path),
            Ok(_) => {}
            Err(error) => problems.push(unreadable(directory, &error)),
        }
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    Problem { file: path.to_owned(), line: 1, what: format!("could not be read: {error}") }
}

fn read_rules(
    path: &Path,
    text: &str,
    means: &Means,
    rules: &mut BTreeMap<String, Rule>,
    problems: &mut Vec<Problem>,
) {
    let file: RulesFile = match toml::from_str(text) {
        Ok(file) => file,
        Err(error) => {
            let byte = error.span().map_or(0, |span| span.start);
            problems.push(Problem::at(path, text, byte, error.message().to_owned()));
            return;
        }
    };
    for rule in file.rules {
        let at = rule.name.span().start;
        match rule.check(means) {
            Err((span, what)) => problems.push(Problem::at(path, text, span.start, what)),
            Ok(rule) if rules.contains_key(&rule.name) => {
                let what = format!("there is another rule {:?}", rule.name);
                problems.push(Problem::at(path, text, at, what));
            }
            Ok(rule) => drop(rules.insert(rule.name.clone(), rule)),
        }
    }
}

#[cfg(test)]
mod tests;
