//! `keeper import-scheduler`

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use keeper::scheduler::{Replacement, replace};

use super::{Failure, Outcome};
use laniakea_daemon::print_line;

/// Arguments of `keeper import-scheduler`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The scheduler's configuration, `scheduler.toml`; without it the defaults.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Laniakea's `Workspace`, below which the locks are.
    #[arg(long, value_name = "DIRECTORY")]
    workspace: Option<String>,
    /// Only these timers.
    #[arg(long, value_name = "TIMER")]
    only: Vec<String>,
    /// Write a file a timer into this directory, which is made if it is absent; to stdout by
    /// default. Files that are there stay as they are, and then nothing is written.
    #[arg(long, value_name = "DIRECTORY")]
    output: Option<PathBuf>,
}

#[expect(clippy::print_stderr, reason = "what the command is for")]
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let (replacements, ignored) = import(arguments).map_err(Failure::usage)?;
    for note in ignored {
        eprintln!("note: {note}");
    }
    if let Some(directory) = &arguments.output {
        prepare(directory, &replacements).map_err(Failure::usage)?;
    }
    for Replacement { name, text, notes } in replacements {
        for note in notes {
            eprintln!("note: {name}: {note}");
        }
        if let Some(directory) = &arguments.output {
            let file = path(directory, name);
            write(&file, &text).map_err(Failure::usage)?;
            print_line!("{}", file.display())?;
        } else {
            print_line!("{text}")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn import(arguments: &Arguments) -> anyhow::Result<(Vec<Replacement>, Vec<String>)> {
    let workspace = arguments.workspace.as_deref();
    if workspace.is_some_and(|path| !path.starts_with('/') || path.contains(char::is_control)) {
        bail!("--workspace is an absolute path");
    }
    let (text, name) = match &arguments.file {
        Some(file) => (read(file)?, file.display().to_string()),
        None => (String::new(), "the defaults".to_owned()),
    };
    let (mut replacements, ignored) = replace(&text, workspace).with_context(|| name)?;
    for wanted in &arguments.only {
        if !replacements.iter().any(|replacement| replacement.name == wanted) {
            let names: Vec<&str> =
                replacements.iter().map(|replacement| replacement.name).collect();
            bail!("there is no timer {wanted:?}, only {}", names.join(", "));
        }
    }
    if !arguments.only.is_empty() {
        replacements
            .retain(|replacement| arguments.only.iter().any(|name| name == replacement.name));
    }
    Ok((replacements, ignored))
}

fn read(file: &Path) -> anyhow::Result<String> {
    laniakea_files::read_given_text(file, 1 << 20)
        .with_context(|| format!("could not read {}", file.display()))
}

/// Makes the directory. A rule that is there already may have been changed since.
fn prepare(directory: &Path, replacements: &[Replacement]) -> anyhow::Result<()> {
    fs::create_dir_all(directory)
        .with_context(|| format!("could not make the directory {}", directory.display()))?;
    let files = replacements.iter().map(|replacement| path(directory, replacement.name));
    let present: Vec<String> =
        files.filter(|file| file.exists()).map(|file| file.display().to_string()).collect();
    if !present.is_empty() {
        bail!(
            "there is already {}: remove what is to be written anew, or name others with --only",
            present.join(", ")
        );
    }
    Ok(())
}

fn path(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("{name}.toml"))
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let failed = || format!("could not write {}", path.display());
    let mut file = File::create_new(path).with_context(failed)?;
    file.write_all(text.as_bytes()).with_context(failed)
}
