//! `lk key`: make, show, trust, rotate, revoke, install and audit keys.

mod audit;
mod config;
mod install;
mod new;
mod replace;
mod revoke;
mod rotate;
mod rotation;
mod show;
mod trust;
mod trusted;

use anyhow::bail;
use clap::Subcommand;
use laniakea_event::SignerId;

pub(crate) use self::config::{KeyConfig, UpstreamEntry};
use crate::{failure::Explain as _, session::Session};

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Make a key: a public file to hand out and a secret one to keep.
    New(new::New),
    /// Show whose key it is, and its fingerprint.
    Show(show::Show),
    /// Let a relay or consumer trust a public key.
    Trust(trust::TrustKey),
    /// Make a known signer's next key, and trust it beside the old one.
    Rotate(rotate::Rotate),
    /// Mark keys as no longer to be believed, from some time on.
    Revoke(revoke::Revoke),
    /// Put a module's secret key where Laniakea's modules look for it.
    Install(install::Install),
    /// Find keys and rights that are not as they should be.
    Audit(audit::Audit),
}

impl Key {
    pub(crate) fn run(self, session: &Session<'_>) -> anyhow::Result<()> {
        match self {
            Self::New(new) => new.run(session),
            Self::Show(show) => show.run(session),
            Self::Trust(trust) => trust.run(session),
            Self::Rotate(rotate) => rotate.run(session),
            Self::Revoke(revoke) => revoke.run(session),
            Self::Install(install) => install.run(),
            Self::Audit(audit) => audit.run(session),
        }
    }
}

/// The signer's name as the beginning of a file's name.
///
/// # Errors
///
/// The name would lead to another directory or to a hidden file.
fn file_stem(signer: &SignerId) -> anyhow::Result<&str> {
    let stem = signer.as_str();
    let check = || {
        if stem.contains('/') || stem.starts_with('.') {
            bail!("{stem:?} cannot be the name of a file: it has a `/` or begins with a dot");
        }
        Ok(stem)
    };
    check().or_usage()
}
