//! A keeper that follows a relay.

use std::{
    fmt::Write as _,
    fs,
    path::PathBuf,
    process::{Command, ExitStatus, Output},
};

use crate::{Endpoints, Module, Process, Relay, RunningRelay, Signal, binary};

/// A relay, and a keeper that follows it, with its files beside the relay's: `keeper.toml`,
/// `rules.d`, `keys` and, as its data directory, `keeper`.
pub struct KeeperSite {
    /// The relay.
    pub relay: RunningRelay,
    /// Whose events keeper believes: `archive-01`, which may emit everything below `_lk.`.
    pub archive: Module,
    keeper: Option<Process>,
}

impl KeeperSite {
    /// A keeper without a key, which is not started yet. `DIR` in the rules is the directory of all
    /// the files.
    pub fn new(rules: &str) -> Self {
        Self::at(Relay::new(), rules)
    }

    /// The same at this relay, which trusts the archive too.
    pub fn at(relay: Relay, rules: &str) -> Self {
        Self::set_up(relay, None, rules)
    }

    /// The same with a key: keeper is `keeper-01`, which may emit what is below `_lk.keeper.` and
    /// `org.example.`.
    pub fn with_key(rules: &str) -> Self {
        Self::set_up(Relay::new(), Some(&Module::new("keeper-01")), rules)
    }

    fn set_up(relay: Relay, own: Option<&Module>, rules: &str) -> Self {
        const OWN: [&str; 2] = ["_lk.keeper.", "org.example."];
        let archive = Module::new("archive-01");
        let relay = relay.trust(&archive, &["_lk."]);
        let relay = match own {
            Some(own) => relay.trust(own, &OWN),
            None => relay,
        };
        let this = Self { relay: relay.run(), archive, keeper: None };
        let keys = this.path("keys");
        fs::create_dir(this.path("rules.d")).unwrap();
        fs::create_dir(&keys).unwrap();
        for module in own.into_iter().chain([&this.archive, this.relay.identity()]) {
            module.publish_key(&keys);
        }
        this.set_rules(rules);
        let Endpoints { submit, publish, replay, .. } = this.relay.endpoints();
        let directory = this.relay.directory().display();
        let mut config = format!(
            "data_dir = \"{directory}/keeper\"\nrules_dir = \"{directory}/rules.d\"\n\
             [stream]\npublish = {publish:?}\nreplay = {replay:?}\nstart = \"beginning\"\n\
             [trust]\nkeys_dir = \"{directory}/keys\"\nrelays = [{:?}]\n\
             [trust.emit]\n\"archive-01\" = [\"_lk.\"]\n",
            this.relay.name()
        );
        if let Some(own) = own {
            own.write_secret(&this.path("keeper.key_secret"));
            write!(
                config,
                "{:?} = {OWN:?}\n[identity]\nkey_file = \"{directory}/keeper.key_secret\"\n\
                 [submit]\nendpoint = {submit:?}\n",
                own.name()
            )
            .unwrap();
        }
        fs::write(this.path("keeper.toml"), config).unwrap();
        this
    }

    /// One of the files.
    pub fn path(&self, name: &str) -> PathBuf {
        self.relay.directory().join(name)
    }

    /// Other rules.
    pub fn set_rules(&self, rules: &str) {
        let rules = rules.replace("DIR", &self.relay.directory().display().to_string());
        fs::write(self.path("rules.d/test.toml"), rules).unwrap();
    }

    /// More sections of the configuration.
    pub fn configure(&self, sections: &str) {
        let config = fs::read_to_string(self.path("keeper.toml")).unwrap();
        fs::write(self.path("keeper.toml"), config + sections).unwrap();
    }

    /// One of keeper's commands, with these arguments.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary("keeper"));
        command.args(arguments).arg("--config").arg(self.path("keeper.toml")).env("NO_COLOR", "1");
        command
    }

    /// Starts keeper, and waits until it has connected to the relay.
    pub fn start(&mut self) {
        self.start_with(&mut self.command(&["run"]));
    }

    /// The same with this command.
    pub fn start_with(&mut self, command: &mut Command) {
        let keeper = Process::start(command);
        keeper.line("connected to the relay");
        self.keeper = Some(keeper);
    }

    /// The running keeper.
    ///
    /// # Panics
    ///
    /// It was not started.
    pub fn keeper(&mut self) -> &mut Process {
        self.keeper.as_mut().unwrap()
    }

    /// Ends keeper with a signal.
    pub fn stop(&mut self, signal: Signal) {
        self.keeper.take().unwrap().stop(signal);
    }

    /// Waits until keeper has ended by itself.
    pub fn wait(&mut self) -> ExitStatus {
        self.keeper.take().unwrap().wait()
    }

    /// What comes of one of keeper's other commands.
    pub fn ask(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What such a command says that succeeds.
    pub fn told(&self, arguments: &[&str]) -> String {
        let output = self.ask(arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The list of runs, for people.
    pub fn runs(&self) -> String {
        self.told(&["runs"])
    }
}
