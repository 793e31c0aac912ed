//! `lk key install`: put a module's secret key where Laniakea's modules look for it.

use std::{
    fs::DirBuilder,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use clap::Args;
use laniakea_daemon::write_new;
use laniakea_event::keys::{KeyFile, KeyFileError};

use crate::{failure::Explain as _, output::Facts};

/// Arguments of `lk key install`.
#[derive(Debug, Args)]
pub(crate) struct Install {
    /// The secret key file.
    file: PathBuf,
    /// The module that will sign with it, such as archive; `general` is for modules without a
    /// key of their own.
    #[arg(long, value_parser = module)]
    module: String,
    /// Laniakea's directory of keys.
    #[arg(long, default_value = "/etc/laniakea/keys")]
    dir: PathBuf,
    /// Print what was installed as JSON.
    #[arg(long)]
    json: bool,
}

impl Install {
    /// Copies the secret; one that is there already is never replaced.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let key = KeyFile::load_secret(&self.file)?;
        let Some(text) = key.secret_text() else {
            return Err(KeyFileError::NoSigningKey { path: self.file }.into());
        };
        let host = host()?;
        let directory = self.dir.join("secret");
        make_private(&directory)?;
        let path = directory.join(format!("{host}-{}_private.sec", self.module));
        write_new(&path, &text, 0o600)
            .or_hint("a key that is installed already is not replaced: move it away first")?;
        Facts::default()
            .and("id", key.signer)
            .and("module", self.module)
            .and("installed", path.display())
            .print_as(self.json)
    }
}

fn module(text: &str) -> Result<String, String> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if text.is_empty() || !text.bytes().all(is_name) {
        return Err("a module's name is made of letters, digits, - and _".to_owned());
    }
    Ok(text.to_owned())
}

fn host() -> anyhow::Result<String> {
    let name = rustix::system::uname();
    let host = name.nodename().to_str().unwrap_or_default();
    if host.is_empty() || host.contains('/') || host.starts_with('.') {
        bail!("this machine has no usable host name");
    }
    Ok(host.to_owned())
}

fn make_private(directory: &Path) -> anyhow::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .with_context(|| format!("could not make {}", directory.display()))
}
