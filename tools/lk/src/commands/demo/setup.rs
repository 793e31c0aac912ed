//! What the demo makes on its first run, with the commands that a person would type.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, anyhow};

use super::DemoDirectory;
use crate::{failure::hinted, session::Session};

/// The demo's signers.
const RELAY: &str = "demo-relay";
const SOURCE: &str = "lookout";

/// Makes what is not there yet.
pub(super) fn set_up(directory: &DemoDirectory, session: &Session<'_>) -> anyhow::Result<()> {
    for step in steps(directory) {
        if !step.makes.exists() {
            let binary = binary(step.program)?;
            session.notices.note(step.purpose);
            step.run(&binary).map_err(|error| {
                let hint = format!("to begin anew, remove {}", directory.shown(""));
                hinted(error.context("the demo could not be set up"), hint)
            })?;
        }
    }
    let public_keys = [
        (directory.path("relay/keys").join(format!("{RELAY}.key")), RELAY),
        (directory.path("lookout").join(format!("{SOURCE}.key")), SOURCE),
    ];
    let keys = directory.keys();
    fs::create_dir_all(&keys).with_context(|| format!("could not make {}", keys.display()))?;
    for (from, signer) in public_keys {
        let to = keys.join(format!("{signer}.pub.key"));
        fs::copy(&from, &to).with_context(|| format!("could not copy {}", from.display()))?;
    }
    Ok(())
}

/// A command, and the last file that it makes.
struct Step {
    purpose: &'static str,
    makes: PathBuf,
    program: &'static str,
    arguments: Vec<OsString>,
}

fn steps(directory: &DemoDirectory) -> Vec<Step> {
    let path = |name: &str| directory.path(name).into_os_string();
    let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
    let relay_config = directory.config("lighthouse").into_os_string();
    let source_config = directory.config("lookout").into_os_string();
    let source_key = path("lookout/lookout.key_secret");
    vec![
        Step {
            purpose: "making a relay with a throw-away key",
            makes: directory.path("relay/keys").join(format!("{RELAY}.key")),
            program: "lighthouse",
            arguments: [words(&["init", "--id", RELAY]), vec![path("relay")]].concat(),
        },
        Step {
            purpose: "making a throw-away key for the source",
            makes: directory.path("lookout/lookout.key"),
            program: "lk",
            arguments: [words(&["key", "new", "--id", SOURCE]), vec![path("lookout")]].concat(),
        },
        Step {
            purpose: "letting the relay trust the source with _lk.archive. events",
            makes: directory.path("relay/keys/trusted/lookout.pub.key"),
            program: "lk",
            arguments: [
                words(&["key", "trust", "--id", SOURCE, "--emit", "_lk.archive.", "--config"]),
                vec![relay_config, path("lookout/lookout.key")],
            ]
            .concat(),
        },
        Step {
            purpose: "finding the archive that this machine's packages come from",
            makes: directory.config("lookout"),
            program: "lookout",
            arguments: [
                words(&["discover", "--output"]),
                vec![source_config, "--data-dir".into(), path("lookout/data")],
                vec!["--key-file".into(), source_key],
            ]
            .concat(),
        },
    ]
}

impl Step {
    fn run(&self, binary: &Path) -> anyhow::Result<()> {
        if let Some(parent) = self.makes.parent() {
            fs::create_dir_all(parent)
                .with_context(|| format!("could not make {}", parent.display()))?;
        }
        let output = Command::new(binary)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("could not run {}", self.program))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim().trim_start_matches("error: ");
        Err(anyhow!("{} failed: {said}", self.program))
    }
}

/// A binary of ours: the one beside this one.
pub(super) fn binary(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("this program cannot find itself")?;
    let path = own.with_file_name(name);
    if !path.is_file() {
        let error = anyhow!("{name} is not beside {}", own.display());
        return Err(hinted(error, "build them together: cargo build --workspace"));
    }
    Ok(path)
}
