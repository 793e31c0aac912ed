//! What an operator does with the journal beside the relay's work: copy it, take it along, bring
//! events back, and make sure that it is what was written.

pub(crate) mod backup;
pub(crate) mod export;
pub(crate) mod import;
mod pages;
mod progress;
pub(crate) mod verify;

use std::path::{Path, PathBuf};

use clap::Args;
use laniakea_event::Trust;
use laniakea_journal_sqlite::{JournalReader, OpenError};

use crate::{
    app::journal_file,
    config::{self, Config},
    policy::Policy,
};

/// Which journal is meant.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The configuration file.
    #[arg(long, value_name = "FILE", default_value = "/etc/laniakea/lighthouse.toml")]
    pub(crate) config: PathBuf,
    /// Another journal than the configured one, or a backup.
    #[arg(long, value_name = "FILE")]
    pub(crate) journal: Option<PathBuf>,
}

impl Which {
    /// Opens the journal to read. The configuration is not needed where the file is named.
    fn open(&self) -> anyhow::Result<JournalReader> {
        match &self.journal {
            Some(path) => open(path),
            None => open(&journal_file(&config::load(&self.config)?)),
        }
    }
}

/// Whom to believe about what a relay took, long ago or from another relay.
fn believed(config: &Config, policy: &Policy) -> anyhow::Result<Trust> {
    let upstreams = config.upstreams()?.into_iter().map(|settings| settings.upstream);
    Ok(policy.trust.clone().vouching(upstreams))
}

fn open(path: &Path) -> anyhow::Result<JournalReader> {
    JournalReader::open(path).map_err(|error| match error {
        OpenError::Inaccessible { path, source }
            if source.kind() == std::io::ErrorKind::NotFound =>
        {
            let path = path.display();
            anyhow::anyhow!("there is no journal {path}: the relay makes it at its first start")
        }
        error => error.into(),
    })
}
