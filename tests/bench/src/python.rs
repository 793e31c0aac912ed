//! A re-creation of Laniakea's relay in Python, to compare with: the tests' own.

use std::{path::Path, process::Command};

use anyhow::Context as _;
use laniakea_e2e::Process;
use tempfile::TempDir;

use crate::{fan_out::Site, load::Load};

/// The relay, until it is dropped.
pub(crate) struct PythonRelay {
    pub(crate) site: Site,
    /// It ends with these.
    _process: Process,
    _directory: TempDir,
}

impl PythonRelay {
    /// A relay that trusts the load's module.
    pub(crate) fn start(load: &Load) -> anyhow::Result<Self> {
        let bench = Path::new(env!("CARGO_MANIFEST_DIR"));
        let directory = tempfile::tempdir()?;
        let key = directory.path().join("module.key_secret");
        load.module.write_secret(&key);
        let mut command = Command::new(bench.join("../../.venv/bin/python"));
        command.arg(bench.join("python_relay.py")).arg(key);
        let process = Process::start(&mut command);
        let ready = process.line("ready ");
        let (submit, publish) = endpoints(&ready).context("the Python relay is not ready")?;
        let site = Site { submit, publish, curve: Vec::new(), process: process.id() };
        Ok(Self { site, _process: process, _directory: directory })
    }
}

/// `ready SUBMIT PUBLISH`
fn endpoints(ready: &str) -> Option<(String, String)> {
    let (submit, publish) = ready.strip_prefix("ready ")?.split_once(' ')?;
    Some((submit.to_owned(), publish.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoints_stand_in_the_line() {
        let (submit, publish) = ("tcp://127.0.0.1:1".to_owned(), "tcp://127.0.0.1:2".to_owned());
        assert_eq!(endpoints(&format!("ready {submit} {publish}")), Some((submit, publish)));
        assert_eq!(endpoints("ready tcp://127.0.0.1:1"), None);
    }
}
