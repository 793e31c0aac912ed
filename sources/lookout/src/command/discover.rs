//! `lookout discover`

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use lookout::discover::{Destination, discover, write};

use super::Failure;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Where to write the configuration; to standard output unless given.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The `data_dir` of the configuration.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/lookout")]
    data_dir: PathBuf,
    /// The secret key of the configuration.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/etc/laniakea/keys/secret/lookout.key_secret"
    )]
    key_file: PathBuf,
    /// The relay's submit endpoint.
    #[arg(long, default_value = "tcp://127.0.0.1:5571")]
    endpoint: String,
    /// The pause between two looks.
    #[arg(long, default_value = "5m")]
    interval: String,
}

#[expect(clippy::print_stdout, reason = "what the command is for")]
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let found = discover()?;
    let beside = arguments.output.as_deref().and_then(Path::parent).unwrap_or(&arguments.data_dir);
    let text = write(
        &found,
        &Destination {
            data_dir: arguments.data_dir.clone(),
            key_file: arguments.key_file.clone(),
            endpoint: arguments.endpoint.clone(),
            interval: arguments.interval.clone(),
            keys_dir: beside.join("archive-keys"),
        },
    )?;
    match &arguments.output {
        None => print!("{text}"),
        Some(path) => std::fs::write(path, text)
            .with_context(|| format!("could not write {}", path.display()))?,
    }
    Ok(())
}
