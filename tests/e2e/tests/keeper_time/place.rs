//! A relay, and a keeper that follows it with its files beside.

use std::{fs, path::PathBuf, process::Command};

use laniakea_e2e::{Module, Process, Relay, RunningRelay, Signal, binary};
use laniakea_event::{Limits, Object, Value};
use tokio::{runtime::Runtime, task::JoinSet};

/// A whole batch, or the list of all runs.
pub(crate) const UNBOUNDED: Limits =
    Limits { max_bytes: 1 << 28, max_members: 1 << 24, ..Limits::FROM_RELAY };

pub(crate) struct Place {
    relay: RunningRelay,
    archive: Module,
    runtime: Runtime,
    keeper: Option<Process>,
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
    /// `DIR` in the rules is where its files are.
    pub(crate) fn new(rules: &str) -> Self {
        let archive = Module::new("archive-01");
        let relay = Relay::new().trust(&archive, &["_lk."]).run();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let this = Self { relay, archive, runtime, keeper: None };
        fs::create_dir(this.path("rules.d")).unwrap();
        fs::create_dir(this.path("keys")).unwrap();
        this.archive.publish_key(&this.path("keys"));
        this.relay.identity().publish_key(&this.path("keys"));
        let directory = this.relay.directory().display().to_string();
        fs::write(this.path("rules.d/test.toml"), rules.replace("DIR", &directory)).unwrap();
        let endpoints = this.relay.endpoints();
        let config = format!(
            "data_dir = \"{directory}/keeper\"\nrules_dir = \"{directory}/rules.d\"\n\
             [trust]\nkeys_dir = \"{directory}/keys\"\nrelays = [\"{}\"]\n\
             [trust.emit]\n\"archive-01\" = [\"_lk.\"]\n\
             [stream]\npublish = \"{}\"\nreplay = \"{}\"\nstart = \"beginning\"\n",
            this.relay.name(),
            endpoints.publish,
            endpoints.replay
        );
        fs::write(this.path("keeper.toml"), config).unwrap();
        this
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.relay.directory().join(name)
    }

    pub(crate) fn start(&mut self) {
        let mut command = Command::new(binary("keeper"));
        command.args(["run", "--config"]).arg(self.path("keeper.toml"));
        command.env("NO_COLOR", "1").env("KEEPER_DIES", self.path("dies"));
        let keeper = Process::start(&mut command);
        keeper.line("connected to the relay");
        self.keeper = Some(keeper);
    }

    pub(crate) fn keeper(&mut self) -> &mut Process {
        self.keeper.as_mut().unwrap()
    }

    pub(crate) fn stop(&mut self, signal: Signal) {
        self.keeper.take().unwrap().stop(signal);
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
        self.runtime.block_on(async {
            let publisher = std::sync::Arc::new(self.relay.publisher(64));
            let mut replies = JoinSet::new();
            for data in all {
                let event = self.archive.event_with(id, Object::from_iter(data)).into_bytes();
                let publisher = publisher.clone();
                replies.spawn(async move { publisher.submit(event).await });
            }
            while let Some(reply) = replies.join_next().await {
                reply.unwrap().unwrap();
            }
        });
    }

    /// The lines of a file that the commands write.
    pub(crate) fn lines(&self, file: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path(file)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// What one of keeper's other commands says.
    pub(crate) fn ask(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(binary("keeper"));
        command.args(arguments).arg("--config").arg(self.path("keeper.toml"));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// All that the relay has, as `lk history --json` writes it, in a file.
    pub(crate) fn history(&self) -> PathBuf {
        let replay = &self.relay.endpoints().replay;
        let mut command = Command::new(binary("lk"));
        let output = command.args(["history", "--json", "--replay", replay]).output().unwrap();
        let file = self.path("history");
        fs::write(&file, output.stdout).unwrap();
        file
    }

    pub(crate) fn runs(&self) -> Vec<Run> {
        let runs = self.ask(&["runs", "--json", "--limit", "100000"]);
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
