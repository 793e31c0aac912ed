//! `lk completions`: what a shell needs to complete our arguments.

use std::io::{self, Write as _};

use clap::{Args, CommandFactory as _};
use clap_complete::{Shell, generate};

use crate::cli::Arguments;

/// Arguments of `lk completions`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell.
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let mut script = Vec::new();
        generate(self.shell, &mut Arguments::command(), "lk", &mut script);
        io::stdout().lock().write_all(&script)?;
        Ok(())
    }
}
