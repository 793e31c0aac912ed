//! `mirk login`

use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use laniakea_daemon::{Clock as _, DataDirLock, SystemClock, print_line, runtime};
use mirk::{
    app::PROGRAM,
    config::Config,
    matrix::{Login, Proof, Recovery, login},
    store::{SharedStore, Store},
};

use super::{ConfigArgument, Failure, Outcome};

/// Arguments of `mirk login`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Read the account's password from this file; `-` is stdin. Without it, it is asked for.
    #[arg(long, value_name = "FILE", conflicts_with = "token_file")]
    password_file: Option<PathBuf>,
    /// Log in with the access token in this file, of a device that nothing has used yet.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The account's recovery key: read from this file if it is there, else made and written to
    /// it. Without it, a new key is printed once.
    #[arg(long, value_name = "FILE")]
    recovery_key_file: Option<PathBuf>,
    /// Log the device out that is there, and make a new one.
    #[arg(long)]
    new_device: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let config = Config::load(&arguments.config.config).map_err(Failure::usage)?;
    let _lock = DataDirLock::take(&config.data_dir, PROGRAM).map_err(Failure::usage)?;
    let store = Store::open(&config.database()).map_err(Failure::usage)?;
    let proof = proof(arguments, &config).map_err(Failure::usage)?;
    let recovery = recovery(arguments).map_err(Failure::usage)?;
    let wanted = Login {
        config: &config,
        store: &SharedStore::new(store),
        proof,
        recovery: recovery.clone(),
        replace: arguments.new_device,
        now: SystemClock.now(),
    };
    let runtime = runtime(2)?;
    let (session, key) = runtime.block_on(login(wanted)).map_err(Failure::usage)?;
    print_line!("logged in as {}, device {}", session.user_id, session.device_id)?;
    match (key, recovery) {
        (Some(key), _) => {
            print_line!("\nrecovery key: {key}").context("could not print the recovery key")?;
            print_line!(
                "Keep it: a later `mirk login --new-device` needs it. It is not shown again."
            )?;
        }
        (None, Recovery::KeepIn(path)) if path.is_file() => {
            print_line!("the recovery key is in {}", path.display())?;
        }
        _ => {}
    }
    Ok(ExitCode::SUCCESS)
}

fn proof(arguments: &Arguments, config: &Config) -> anyhow::Result<Proof> {
    if let Some(path) = &arguments.token_file {
        return Ok(Proof::Token(read_line(path)?));
    }
    if let Some(path) = &arguments.password_file {
        return Ok(Proof::Password(read_line(path)?));
    }
    if !io::stdin().is_terminal() {
        anyhow::bail!("there is no terminal to ask for the password: give --password-file");
    }
    let prompt = format!("password of {}: ", config.matrix.user);
    let password = rpassword::prompt_password(prompt).context("could not read the password")?;
    Ok(Proof::Password(password))
}

fn recovery(arguments: &Arguments) -> anyhow::Result<Recovery> {
    Ok(match &arguments.recovery_key_file {
        None => Recovery::Show,
        Some(path) if path.exists() => Recovery::Known(read_line(path)?),
        Some(path) => Recovery::KeepIn(path.clone()),
    })
}

/// Far more than a line of a password.
const MAX_BYTES: u64 = 64 << 10;

/// The first line of a file; `-` is stdin.
fn read_line(path: &Path) -> anyhow::Result<String> {
    let text = if path.as_os_str() == "-" {
        let bytes = laniakea_files::read_at_most(io::stdin().lock(), MAX_BYTES);
        String::from_utf8(bytes.context("could not read stdin")?).context("it is not UTF-8")?
    } else {
        laniakea_files::read_given_text(path, MAX_BYTES)
            .with_context(|| format!("could not read {}", path.display()))?
    };
    let line = text.lines().next().unwrap_or_default().trim();
    if line.is_empty() {
        anyhow::bail!("{} is empty", path.display());
    }
    Ok(line.to_owned())
}
