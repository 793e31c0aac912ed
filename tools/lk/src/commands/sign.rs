//! `lk sign`: sign the event on stdin.

use std::{
    io::{self, Write as _},
    path::PathBuf,
};

use anyhow::Context as _;
use clap::Args;
use laniakea_event::{Limits, SigningKey, SubmittedEvent};

use crate::commands::read_event;

/// Arguments of `lk sign`.
#[derive(Debug, Args)]
pub(crate) struct Sign {
    /// The secret key that signs.
    #[arg(long, value_name = "FILE", env = "LK_KEY", hide_env_values = true)]
    key: PathBuf,
}

impl Sign {
    /// Writes the event in canonical form, its other signatures kept.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let key = SigningKey::load(&self.key)?;
        let event = SubmittedEvent::parse(&read_event()?, &Limits::SUBMISSION)
            .and_then(|event| event.sign(&key))
            .context("the event cannot be signed")?;
        let mut line = event.into_bytes();
        line.push(b'\n');
        io::stdout().lock().write_all(&line)?;
        Ok(())
    }
}
