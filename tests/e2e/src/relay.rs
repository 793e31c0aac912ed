//! A real relay on ports that the system chose.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    sync::Arc,
};

use laniakea_event::{EmitRule, Keyring, SignedEvent, Trust};
use laniakea_wire::{
    curve::Security,
    replay::{Header, ReplayClient, Request},
    submit::{Publisher, PublisherConfig},
    subscription::{Believe, Start, Subscription, SubscriptionConfig},
};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::{Module, Process, Signal, binary, until, wait::PATIENCE, within};

/// A relay that is not started yet.
pub struct Relay {
    directory: TempDir,
    identity: Module,
    emit: Vec<(Module, Vec<String>)>,
    relays: Vec<Module>,
    upstreams: String,
    limits: String,
    journal: String,
    environment: Vec<(String, String)>,
    is_encrypted: bool,
    address: String,
    wrapper: Vec<String>,
    program: Option<PathBuf>,
}

/// How a relay ended that was to start.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// What it printed.
    pub output: Vec<String>,
}

/// Where a relay listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// Submit.
    pub submit: String,
    /// Publish.
    pub publish: String,
    /// Replay.
    pub replay: String,
    /// The encrypted ones: submit, publish and replay; none unless [`Relay::encrypted`] was asked
    /// for.
    pub curve: Vec<String>,
}

impl Default for Relay {
    fn default() -> Self {
        Self::new()
    }
}

impl Relay {
    /// A relay with a new key, which trusts nobody.
    pub fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            identity: Module::new("lighthouse-test"),
            emit: Vec::new(),
            relays: Vec::new(),
            upstreams: String::new(),
            limits: String::new(),
            journal: String::new(),
            environment: Vec::new(),
            is_encrypted: false,
            address: "127.0.0.1".to_owned(),
            wrapper: Vec::new(),
            program: None,
        }
    }

    /// Listens on this address instead of the loopback one.
    #[must_use]
    pub fn address(mut self, address: &str) -> Self {
        address.clone_into(&mut self.address);
        self
    }

    /// Runs this relay instead of the one from the same build, such as one of another commit.
    #[must_use]
    pub fn program(mut self, path: &Path) -> Self {
        self.program = Some(path.to_owned());
        self
    }

    /// Runs the relay as the last argument of this command, which has to become it (`exec`): its
    /// process is the relay's. `{data}` is the relay's data directory.
    #[must_use]
    pub fn under(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// Gives the relay CURVE keys, and encrypted endpoints beside the plain ones.
    #[must_use]
    pub fn encrypted(mut self) -> Self {
        self.identity = Module::with_curve(self.identity.name());
        self.is_encrypted = true;
        self
    }

    /// Gives the relay this module's key as its own.
    #[must_use]
    pub fn identity(mut self, identity: &Module) -> Self {
        self.identity = identity.clone();
        self
    }

    /// Sets a variable in the relay's environment.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Trusts a module with these ids or prefixes.
    #[must_use]
    pub fn trust(mut self, module: &Module, emit: &[&str]) -> Self {
        let emit = emit.iter().map(|&rule| rule.to_owned()).collect();
        self.emit.push((module.clone(), emit));
        self
    }

    /// Trusts a module as a relay.
    #[must_use]
    pub fn trust_relay(mut self, module: &Module) -> Self {
        self.relays.push(module.clone());
        self
    }

    /// Follows a relay; `more` are further keys of its `[[upstream]]`.
    #[must_use]
    pub fn follow(self, relay: &RunningRelay, more: &str) -> Self {
        let Endpoints { publish, replay, .. } = relay.endpoints();
        self.follow_at(relay.identity(), publish, &format!("replay = {replay:?}\n{more}"))
    }

    /// The same for a relay that publishes there.
    #[must_use]
    pub fn follow_at(mut self, relay: &Module, publish: &str, more: &str) -> Self {
        self.add_upstream(relay, publish, more);
        self
    }

    fn add_upstream(&mut self, relay: &Module, publish: &str, more: &str) {
        let signer = relay.name();
        writeln!(
            self.upstreams,
            "[[upstream]]\nsigner = {signer:?}\npublish = {publish:?}\n{more}"
        )
        .unwrap();
        self.relays.push(relay.clone());
    }

    /// Sets a key of `[limits]`, such as `rate_per_signer = 5`.
    #[must_use]
    pub fn limit(mut self, line: &str) -> Self {
        writeln!(self.limits, "{line}").unwrap();
        self
    }

    /// Sets a key of `[journal]`.
    #[must_use]
    pub fn journal(mut self, line: &str) -> Self {
        writeln!(self.journal, "{line}").unwrap();
        self
    }

    /// Starts the relay and waits until it is ready.
    pub fn run(self) -> RunningRelay {
        let keys = self.directory.path().join("trusted");
        fs::create_dir(&keys).unwrap();
        fs::create_dir(self.directory.path().join("data")).unwrap();
        self.identity.write_secret(&self.directory.path().join("relay.key_secret"));
        for module in self.emit.iter().map(|(module, _)| module).chain(&self.relays) {
            module.publish_key(&keys);
        }
        let any = format!("tcp://{}:*", self.address);
        let any = Endpoints {
            submit: any.clone(),
            publish: any.clone(),
            replay: any.clone(),
            curve: vec![any; if self.is_encrypted { 3 } else { 0 }],
        };
        self.write_config(&any);
        let (process, endpoints) = self.start().unwrap_or_else(|ended| panic!("{ended:?}"));
        // The same ports again after a restart.
        self.write_config(&endpoints);
        RunningRelay { setup: self, process: Some(process), endpoints }
    }

    fn config_file(&self) -> PathBuf {
        self.directory.path().join("lighthouse.toml")
    }

    fn write_config(&self, endpoints: &Endpoints) {
        let sockets = [&endpoints.submit, &endpoints.publish, &endpoints.replay];
        let mut listen = String::new();
        for (number, (name, plain)) in
            ["submit", "publish", "replay"].iter().zip(sockets).enumerate()
        {
            let curve = endpoints.curve.get(number);
            let curve = Vec::from_iter(curve);
            writeln!(listen, "[{name}]\nendpoints = [{plain:?}]\ncurve_endpoints = {curve:?}")
                .unwrap();
        }
        let directory = self.directory.path().display();
        let mut emit = String::new();
        for (module, rules) in &self.emit {
            writeln!(emit, "{:?} = {rules:?}", module.name()).unwrap();
        }
        let relays: Vec<&str> = self.relays.iter().map(Module::name).collect();
        let relays =
            if relays.is_empty() { String::new() } else { format!("relays = {relays:?}\n") };
        let text = format!(
            "data_dir = \"{directory}/data\"\n\
             [identity]\nkey_file = \"{directory}/relay.key_secret\"\n\
             [trust]\nkeys_dir = \"{directory}/trusted\"\n{relays}\
             [trust.emit]\n{emit}\n\
             {listen}[limits]\n{}\n[journal]\n{}\n{}",
            self.limits, self.journal, self.upstreams
        );
        fs::write(self.config_file(), text).unwrap();
    }

    fn start(&self) -> Result<(Process, Endpoints), Ended> {
        let data = self.directory.path().join("data").display().to_string();
        let mut words = self.wrapper.iter().map(|word| word.replace("{data}", &data));
        let lighthouse = self.program.clone().unwrap_or_else(|| binary("lighthouse"));
        let mut command = match words.next() {
            Some(program) => {
                let mut command = Command::new(program);
                command.args(words).arg(lighthouse);
                command
            }
            None => Command::new(lighthouse),
        };
        // What the tests read must not depend on the caller's environment.
        command
            .args(["run", "--config"])
            .arg(self.config_file())
            .env("NO_COLOR", "1")
            .env_remove("RUST_LOG");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let mut process = Process::start(&mut command);
        let ready = until("the relay to be ready", || {
            let ready = process.output().into_iter().find(|line| line.contains("ready"));
            (ready.is_some() || !process.is_running()).then_some(ready)
        });
        let Some(ready) = ready else {
            let (status, output) = process.end();
            return Err(Ended { status, output });
        };
        let endpoints = ["submit", "publish", "replay"].map(|name| listed(&ready, name));
        let plain = |number: usize| endpoints[number][0].clone();
        let endpoints = Endpoints {
            submit: plain(0),
            publish: plain(1),
            replay: plain(2),
            curve: endpoints.iter().filter_map(|listed| listed.get(1).cloned()).collect(),
        };
        Ok((process, endpoints))
    }
}

/// The endpoints that the relay says it has: `name=a`, or `name="a b"`.
fn listed(ready: &str, name: &str) -> Vec<String> {
    let (_, rest) = ready.split_once(&format!(" {name}=")).unwrap();
    let list = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => rest.split(' ').next(),
    };
    list.unwrap().split(' ').map(str::to_owned).collect()
}

/// A relay that runs, until it is dropped.
pub struct RunningRelay {
    setup: Relay,
    process: Option<Process>,
    endpoints: Endpoints,
}

impl RunningRelay {
    /// Where the relay listens, also after a restart.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// The relay's directory: `lighthouse.toml`, `trusted`, `data`, `relay.key_secret`.
    pub fn directory(&self) -> &Path {
        self.setup.directory.path()
    }

    /// The relay's own key.
    pub fn identity(&self) -> &Module {
        &self.setup.identity
    }

    /// The relay's name as a signer.
    pub fn name(&self) -> &str {
        self.setup.identity.name()
    }

    /// The relay's public CURVE key in Z85, if it has any.
    pub fn curve_key(&self) -> Option<&str> {
        self.setup.identity.curve_key()
    }

    /// The running process.
    ///
    /// # Panics
    ///
    /// The relay was stopped.
    pub fn process(&mut self) -> &mut Process {
        self.process.as_mut().unwrap()
    }

    /// Ends the relay with a signal.
    pub fn stop(&mut self, signal: Signal) -> ExitStatus {
        self.process.take().unwrap().stop(signal)
    }

    /// Starts the relay again, on the same ports.
    pub fn start(&mut self) {
        self.try_start().unwrap_or_else(|ended| panic!("the relay ended: {ended:?}"));
    }

    /// The same, unless it ends at once.
    pub fn try_start(&mut self) -> Result<(), Ended> {
        let (process, endpoints) = self.setup.start()?;
        assert_eq!(endpoints, self.endpoints);
        self.process = Some(process);
        Ok(())
    }

    /// From the next start on, runs the relay under another command: see [`Relay::under`].
    pub fn set_wrapper(&mut self, wrapper: &[&str]) {
        self.setup.wrapper = wrapper.iter().map(|&word| word.to_owned()).collect();
    }

    /// Waits until the relay ends by itself.
    pub fn wait(&mut self) -> Ended {
        let (status, output) = self.process.take().unwrap().end();
        Ended { status, output }
    }

    /// Follows another relay too, from the next start on.
    pub fn follow(&mut self, relay: &RunningRelay, more: &str) {
        let Endpoints { publish, replay, .. } = relay.endpoints();
        let more = format!("replay = {replay:?}\n{more}");
        self.setup.add_upstream(relay.identity(), publish, &more);
        relay.identity().publish_key(&self.directory().join("trusted"));
        self.setup.write_config(&self.endpoints);
    }

    /// What the relay says of itself.
    pub fn status(&self) -> Header {
        let patience = PATIENCE;
        let endpoint = &self.endpoints.replay;
        let client = ReplayClient::connect(endpoint, &Security::Plain, patience);
        client.unwrap().request(&Request::Status(None)).unwrap().header
    }

    /// What the relay counts under this name; 0 where it counts nothing.
    pub fn counter(&self, name: &str) -> u64 {
        self.status().counters.unwrap_or_default().get(name).copied().unwrap_or_default()
    }

    /// A publisher to this relay.
    pub fn publisher(&self, window: usize) -> Publisher {
        let config = PublisherConfig {
            window,
            timeout: PATIENCE,
            ..PublisherConfig::new(self.endpoints.submit.clone())
        };
        Publisher::connect(config).unwrap()
    }

    /// Submits events side by side, and waits until the relay has all of them.
    pub async fn submit_all(&self, events: impl IntoIterator<Item = SignedEvent>) {
        let publisher = Arc::new(self.publisher(64));
        let mut replies = JoinSet::new();
        for event in events {
            let publisher = publisher.clone();
            replies.spawn(async move { publisher.submit(event.into_bytes()).await });
        }
        while let Some(reply) = within("a reply", replies.join_next()).await {
            reply.unwrap().unwrap();
        }
    }

    /// A subscription to this relay that verifies everything.
    pub fn subscribe(&self, start: Start) -> Subscription {
        self.subscribe_with(|config| config.start = start)
    }

    /// The same, with changes.
    pub fn subscribe_with(&self, change: impl FnOnce(&mut SubscriptionConfig)) -> Subscription {
        let mut config = SubscriptionConfig::new(
            self.endpoints.publish.clone(),
            Some(self.endpoints.replay.clone()),
        );
        config.believe = Believe::Sources(Arc::new(self.trust()));
        change(&mut config);
        Subscription::open(config).unwrap()
    }

    /// Whom this relay trusts.
    pub fn trust(&self) -> Trust {
        let mut keyring = Keyring::default();
        let mut emit = BTreeMap::new();
        let identity = &self.setup.identity;
        let relays = || self.setup.relays.iter().chain([identity]);
        let modules = self.setup.emit.iter().map(|(module, _)| module).chain(relays());
        for module in modules {
            let key = module.key();
            keyring
                .insert(key.signer().clone(), key.key_id().clone(), key.verifying_key())
                .unwrap();
        }
        for (module, rules) in &self.setup.emit {
            let rules = rules.iter().map(|rule| EmitRule::parse(rule).unwrap()).collect();
            emit.insert(module.key().signer().clone(), rules);
        }
        let relays = relays().map(|relay| relay.key().signer().clone()).collect();
        Trust::new(keyring, relays, emit)
    }
}
