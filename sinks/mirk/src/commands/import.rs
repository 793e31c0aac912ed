//! `mirk import`

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, anyhow};
use laniakea_daemon::print_line;
use mirk::import::{Imported, import};

use super::{Failure, Outcome};

/// Far more than any configuration has.
const MAX_BYTES: u64 = 1 << 20;

/// Arguments of `mirk import`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The configuration of Laniakea's Mirk.
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// Write the new configuration to this file, which must not be there yet. Without it, it is
    /// printed.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[expect(clippy::print_stderr, reason = "what the command is for")]
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let Imported { toml, notes } = translate(&arguments.old).map_err(Failure::usage)?;
    match &arguments.output {
        Some(path) => write_new(path, &toml).map_err(Failure::usage)?,
        None => print_line!("{}", toml.trim_end())?,
    }
    for note in &notes {
        eprintln!("note: {note}");
    }
    Ok(ExitCode::SUCCESS)
}

fn translate(path: &Path) -> anyhow::Result<Imported> {
    let text = laniakea_files::read_given_text(path, MAX_BYTES)
        .with_context(|| format!("could not read {}", path.display()))?;
    import(&text).with_context(|| format!("could not import {}", path.display()))
}

fn write_new(path: &Path, toml: &str) -> anyhow::Result<()> {
    let mut options = fs::OpenOptions::new();
    let file = laniakea_files::open_with(options.write(true).create_new(true), path);
    if let Err(error) = &file
        && error.kind() == io::ErrorKind::AlreadyExists
    {
        return Err(anyhow!("{} is there already: name another file", path.display()));
    }
    file.and_then(|mut file| file.write_all(toml.as_bytes()))
        .with_context(|| format!("could not write {}", path.display()))
}
