//! A lookout that a test works by hand.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use laniakea_daemon::ManualClock;
use laniakea_event::{Dialect, KeyId, SignerId, SigningKey};
use lookout::{
    announce::Announcer,
    config::Config,
    record::{FirstLook, Recorded},
    stop::Stop,
    store::Store,
    visit::{VisitError, Visitor},
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{runtime::Runtime, sync::watch};

/// The time of the tests, an hour after the archives of the tests are mostly published.
pub(crate) const NOW: &str = "2026-11-01T13:00:00Z";

/// A lookout with an empty data directory.
pub(crate) struct Lookout {
    pub(crate) config: Config,
    pub(crate) clock: ManualClock,
    _data_dir: TempDir,
    visitor: Visitor,
    _runtime: Runtime,
    _stop: watch::Sender<bool>,
}

impl Lookout {
    /// Watches what these `[[archive]]` tables say.
    pub(crate) fn new(archives: &str) -> Self {
        let data_dir = tempfile::tempdir().unwrap();
        let config = config(data_dir.path(), archives);
        config.validate().unwrap();
        let runtime = Runtime::new().unwrap();
        let clock = ManualClock::at(NOW.parse().unwrap());
        let stop = watch::Sender::new(false);
        let visitor = Visitor {
            store: Arc::new(Mutex::new(Store::open(data_dir.path()).unwrap())),
            announcer: announcer(Dialect::Seed),
            clock: Arc::new(clock.clone()),
            runtime: runtime.handle().clone(),
            stop: Stop::new(stop.subscribe()),
        };
        Self { config, clock, _data_dir: data_dir, visitor, _runtime: runtime, _stop: stop }
    }

    /// Watches suite `x` of the archive at `url`.
    pub(crate) fn of(url: &str, keyring: &Path) -> Self {
        Self::with(url, keyring, "")
    }

    /// The same, with more settings.
    pub(crate) fn with(url: &str, keyring: &Path, more: &str) -> Self {
        Self::new(&format!(
            "[[archive]]\nname = \"test\"\nurl = \"{url}\"\nsuites = [\"x\"]\n\
             components = [\"main\"]\narchitectures = [\"amd64\"]\nproxy = \"none\"\n\
             signed_by = \"{}\"\n{more}\n",
            keyring.display()
        ))
    }

    /// Looks at suite `x` of the first archive; the events that this put into the outbox.
    pub(crate) fn look(&self) -> Result<Vec<Value>, String> {
        self.visit(0, "x", FirstLook::Quiet).map(|_| self.take_events())
    }

    /// Looks at a suite of one of the archives.
    pub(crate) fn visit(
        &self,
        archive: usize,
        suite: &str,
        first_look: FirstLook,
    ) -> Result<Option<Recorded>, String> {
        let archive = &self.config.archives[archive];
        let outcome = self.visitor.visit(archive, suite, first_look);
        outcome.map_err(|error: VisitError| format!("{:#}", anyhow::Error::from(error)))
    }

    /// Takes the events out of the outbox, as the relay would.
    pub(crate) fn take_events(&self) -> Vec<Value> {
        let store = self.visitor.store.lock().unwrap();
        let pending = store.pending(100_000).unwrap();
        if let Some(last) = pending.last() {
            store.sent(last.position).unwrap();
        }
        pending.iter().map(|event| serde_json::from_slice(&event.event).unwrap()).collect()
    }
}

pub(crate) fn config(data_dir: &Path, archives: &str) -> Config {
    let text = format!(
        "data_dir = \"{}\"\n[identity]\nkey_file = \"/nowhere\"\n\
         [submit]\nendpoint = \"tcp://127.0.0.1:1\"\n{archives}",
        data_dir.display()
    );
    toml::from_str(&text).unwrap()
}

pub(crate) fn announcer(dialect: Dialect) -> Announcer {
    let signer = SignerId::parse("lookout-test").unwrap();
    let key = SigningKey::from_seed(signer, KeyId::parse("0").unwrap(), &[7; 32]);
    Announcer { key, dialect, origin: Some("test".to_owned()), node: [1; 6] }
}

/// Events as one line each: what a person would say of them.
pub(crate) fn lines(events: &[Value]) -> Vec<String> {
    events.iter().map(line).collect()
}

fn line(event: &Value) -> String {
    let data = &event["data"];
    let text = |name: &str| data[name].as_str().unwrap_or("-").to_owned();
    match event["id"].as_str().unwrap().trim_start_matches("_lk.archive.") {
        "source-package-published-in-suite" => format!(
            "{}/{} {} {} from {} in {}: {}",
            text("component"),
            text("name"),
            text("version"),
            text("change"),
            text("version_old"),
            text("suite_new"),
            data["binaries"]
        ),
        "source-package-suite-removed" => format!(
            "{}/{} {} removed from {}",
            text("component"),
            text("name"),
            text("version"),
            text("suite_old")
        ),
        "repository-published" => {
            let count = |name: &str| data["changes"][name].as_u64().unwrap();
            let names = ["new", "upgraded", "downgraded", "rebuilt", "removed"];
            let counts = names.map(|name| count(name).to_string()).join(" ");
            format!("published {} of {} at {}: {counts}", text("suite"), text("repo"), text("date"))
        }
        other => panic!("{other} is not ours"),
    }
}
