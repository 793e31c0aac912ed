//! A keeper that dies where it is told to, and what came of it.

use std::{
    fs,
    ops::{Deref, DerefMut},
    path::PathBuf,
    process::Command,
};

use laniakea_daemon::runtime;
use laniakea_e2e::{KeeperSite, binary};
use laniakea_event::{Limits, Object, Value};
use tokio::runtime::Runtime;

/// A whole batch, or the list of all runs.
pub(crate) const UNBOUNDED: Limits =
    Limits { max_bytes: 1 << 28, max_members: 1 << 24, ..Limits::FROM_RELAY };

pub(crate) struct Place {
    site: KeeperSite,
    runtime: Runtime,
}

impl Deref for Place {
    type Target = KeeperSite;

    fn deref(&self) -> &KeeperSite {
        &self.site
    }
}

impl DerefMut for Place {
    fn deref_mut(&mut self) -> &mut KeeperSite {
        &mut self.site
    }
}

/// A run as `keeper runs --json` tells it.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) key: String,
    pub(crate) state: String,
    pub(crate) attempts: u64,
    pub(crate) events: u64,
    pub(crate) problem: String,
}

impl Place {
    pub(crate) fn new(rules: &str) -> Self {
        Self { site: KeeperSite::new(rules), runtime: runtime(2).unwrap() }
    }

    /// Starts a keeper that can be armed.
    pub(crate) fn start(&mut self) {
        let mut command = self.command(&["run"]);
        command.env("KEEPER_DIES", self.path("dies"));
        self.site.start_with(&mut command);
    }

    /// Has keeper killed at this point from now on.
    pub(crate) fn arm(&self, point: &str) {
        fs::write(self.path("dies.new"), point).unwrap();
        fs::rename(self.path("dies.new"), self.path("dies")).unwrap();
    }

    pub(crate) fn disarm(&self) {
        fs::remove_file(self.path("dies")).unwrap();
    }

    pub(crate) fn emit(&self, id: &str, data: &[(&str, Value)]) {
        self.emit_all(id, [data.iter().map(|(name, value)| ((*name).to_owned(), value.clone()))]);
    }

    /// Submits events side by side and waits until the relay has all of them.
    pub(crate) fn emit_all<D: IntoIterator<Item = (String, Value)>>(
        &self,
        id: &str,
        all: impl IntoIterator<Item = D>,
    ) {
        let archive = &self.site.archive;
        let events = all.into_iter().map(|data| archive.event_with(id, Object::from_iter(data)));
        self.runtime.block_on(self.site.relay.submit_all(events));
    }

    /// The lines of a file that the commands write.
    pub(crate) fn lines(&self, file: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path(file)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// All that the relay has, as `lk history --json` writes it, in a file.
    pub(crate) fn history(&self) -> PathBuf {
        let replay = &self.site.relay.endpoints().replay;
        let mut command = Command::new(binary("lk"));
        let output = command.args(["history", "--json", "--replay", replay]).output().unwrap();
        let file = self.path("history");
        fs::write(&file, output.stdout).unwrap();
        file
    }

    pub(crate) fn runs(&self) -> Vec<Run> {
        let runs = self.told(&["runs", "--json", "--limit", "100000"]);
        let runs = Value::parse(runs.as_bytes(), &UNBOUNDED).unwrap();
        let text = |run: &Value, name: &str| {
            run.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let number = |run: &Value, name: &str| run.get(name).and_then(Value::as_u64).unwrap();
        let runs = runs.as_array().unwrap().iter();
        runs.map(|run| Run {
            key: text(run, "key"),
            state: text(run, "state"),
            attempts: number(run, "attempts"),
            events: number(run, "events"),
            problem: text(run, "problem"),
        })
        .collect()
    }
}
