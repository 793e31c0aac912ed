//! Whom a command that reads events believes: everybody, a directory of keys, or a whole trust
//! table.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use clap::Args;
use laniakea_daemon::load_directory;
use laniakea_event::{Trust, keys::KeyFile};
use laniakea_wire::subscription::Believe;

use crate::{
    commands::key::{KeyConfig, UpstreamEntry},
    failure::Explain as _,
    output::Notices,
};

/// Whom to believe.
#[derive(Debug, Args)]
pub(crate) struct Trusting {
    #[arg(long, value_name = "DIR", conflicts_with = "config", help = KEYS_HELP)]
    keys: Option<PathBuf>,
    #[arg(long, value_name = "FILE", help = CONFIG_HELP)]
    config: Option<PathBuf>,
}

const KEYS_HELP: &str = "Verify the events: only those count that a valid key in this directory \
    signed. Who may emit what is not asked: --config does [env: LK_KEYS]";

const CONFIG_HELP: &str = "Verify the events by [trust] of this configuration, as the relay and mirk \
    have it: only those count that a source signed which may emit them";

impl Trusting {
    /// Whom to believe.
    ///
    /// # Errors
    ///
    /// The directory of keys or the configuration cannot be used.
    pub(crate) fn believe(&self, notices: Notices) -> anyhow::Result<Believe> {
        if let Some(config) = &self.config {
            return Ok(Believe::Sources(Arc::new(load_trust(config, notices)?)));
        }
        match self.keys() {
            Some(keys) => Ok(Believe::Keys(load_directory(&keys)?.keyring())),
            None => Ok(Believe::Everything),
        }
    }

    /// What is named on the command line goes before the environment.
    fn keys(&self) -> Option<PathBuf> {
        let from_environment = || std::env::var_os("LK_KEYS").filter(|keys| !keys.is_empty());
        self.keys.clone().or_else(|| from_environment().map(PathBuf::from))
    }
}

/// The table of a configuration. The key of a relay whose configuration it is counts as that of a
/// relay, as it does in the relay itself, and so does the word of one that it follows.
fn load_trust(path: &Path, notices: Notices) -> anyhow::Result<Trust> {
    let KeyConfig { identity, mut trust, upstream } = KeyConfig::load(path)?;
    let mut keyring = load_directory(&trust.keys_dir)?.keyring();
    if let Some(identity) = identity {
        match KeyFile::load(&identity.key_file) {
            Ok(own) if !trust.emit.contains_key(own.signer.as_str()) => {
                keyring
                    .insert(own.signer.clone(), own.key_id, own.verify_key)
                    .context("the key directory holds another key under the relay's own name")
                    .or_usage()?;
                let name = own.signer.to_string();
                if !trust.relays.contains(&name) {
                    trust.relays.push(name);
                }
            }
            Ok(_) => {}
            Err(error) => notices.warning(&format!(
                "events by keys that have expired or been revoked will not verify: {:#}",
                anyhow::Error::from(error)
            )),
        }
    }
    let upstreams = upstream.iter().map(UpstreamEntry::read).collect::<anyhow::Result<Vec<_>>>();
    let upstreams = upstreams.with_context(|| format!("[[upstream]] in {}", path.display()));
    Ok(trust.table(keyring)?.vouching(upstreams.or_usage()?))
}
