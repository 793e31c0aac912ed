//! `lookout check`

use std::path::Path;

use anyhow::{Context as _, Result};
use lookout::{apt::keyring::binary_keyring, config::Config};

use super::{Failure, announcer, load};
use laniakea_daemon::print_line;

pub(crate) fn run(path: &Path) -> Result<(), Failure> {
    check(path).map_err(Failure::usage)
}

fn check(path: &Path) -> Result<()> {
    let config = load(path)?;
    let announcer = announcer(&config)?;
    check_keyrings(&config)?;
    let suites: usize = config.archives.iter().map(|archive| archive.suites.len()).sum();
    print_line!(
        "{}: {suites} suites of {} archives, signed by {}",
        path.display(),
        config.archives.len(),
        announcer.key.signer()
    )?;
    Ok(())
}

fn check_keyrings(config: &Config) -> Result<()> {
    let scratch = tempfile::tempdir().context("could not make a temporary directory")?;
    for archive in &config.archives {
        for keyring in &archive.signed_by {
            binary_keyring(keyring, scratch.path(), 0)
                .with_context(|| format!("archive {:?}", archive.name))?;
        }
    }
    Ok(())
}
