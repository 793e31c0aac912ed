//! The real binary.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use laniakea_event::{KeyId, SignerId, keys::Metadata};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{Archive, Relay};

/// A configuration on disk, and what belongs to it.
pub(crate) struct Installation {
    pub(crate) directory: TempDir,
}

impl Installation {
    /// Watches suite `x` of the archive at `url` every second, and sends to `endpoint`.
    pub(crate) fn new(archive: &Archive, url: &str, endpoint: &str) -> Self {
        let installation = Self { directory: tempfile::tempdir().unwrap() };
        installation.write_key();
        installation.configure(&archive.gpg.keyring(), url, endpoint, "");
        installation
    }

    /// Where its archive is, its relay is, and more settings of the archive.
    pub(crate) fn configure(&self, keyring: &Path, url: &str, endpoint: &str, more: &str) {
        let text = format!(
            "data_dir = \"{0}/data\"\n[identity]\nkey_file = \"{0}/key\"\n\
             [submit]\nendpoint = \"{endpoint}\"\n\
             [[archive]]\nname = \"test\"\nurl = \"{url}\"\nsuites = [\"x\"]\n\
             components = [\"main\"]\narchitectures = [\"amd64\"]\nproxy = \"none\"\n\
             interval = \"1s\"\ncheck_dates = false\nsigned_by = \"{1}\"\n{more}",
            self.directory.path().display(),
            keyring.display()
        );
        fs::write(self.config(), text).unwrap();
    }

    fn write_key(&self) {
        let signer = SignerId::parse("lookout-test").unwrap();
        let key = KeyId::parse("0").unwrap();
        let key = laniakea_daemon::new_key(signer, key, Metadata::default(), None).unwrap();
        let path = self.directory.path().join("key");
        fs::write(&path, key.secret_text().unwrap()).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.directory.path().join("lookout.toml")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.directory.path().join("key")
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, command: &str, more: &[&str]) -> Outcome {
        let output = self.command(command).args(more).output().unwrap();
        Outcome::of(&output)
    }

    /// Runs a command with another environment.
    pub(crate) fn run_with(&self, name: &str, value: &Path, command: &str) -> Outcome {
        Outcome::of(&self.command(command).env(name, value).output().unwrap())
    }

    /// Starts a command with its options.
    pub(crate) fn start(&self, command: &[&str]) -> Running {
        let (command, options) = command.split_first().unwrap();
        let mut command = self.command(command);
        let command = command.args(options).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let log = Arc::<Mutex<String>>::default();
        let theirs = log.clone();
        let reader = std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                theirs.lock().unwrap().extend([line.as_str(), "\n"]);
            }
        });
        Running { child, log, reader: Some(reader) }
    }

    fn command(&self, name: &str) -> Command {
        let mut command = lookout();
        command.arg(name).arg("--config").arg(self.config());
        command
    }
}

/// The binary, without anything of the caller's environment that changes what it says.
pub(crate) fn lookout() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lookout"));
    command.env_remove("RUST_LOG").env("NO_COLOR", "1");
    command
}

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A lookout that is at work. Killed, and not asked, when the test lets it go.
pub(crate) struct Running {
    child: Child,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Running {
    /// `kill -9`
    pub(crate) fn kill(self) {
        drop(self);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits until it has logged this.
    #[track_caller]
    pub(crate) fn wait_for_log(&self, text: &str) {
        wait_until(text, || self.log.lock().unwrap().contains(text));
    }

    /// Waits until it has ended; what it logged.
    #[track_caller]
    pub(crate) fn ended(mut self) -> (ExitStatus, String) {
        let mut status = None;
        wait_until("lookout has ended", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        self.reader.take().map(JoinHandle::join);
        let log = self.log.lock().unwrap().clone();
        (status.unwrap(), log)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        self.reader.take().map(JoinHandle::join);
    }
}

/// Waits for a condition.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// An archive, a relay, and a lookout that knows both.
pub(crate) fn installed(archive: &Archive, relay: &Relay) -> Installation {
    Installation::new(archive, &archive.url(), &relay.endpoint)
}
