#![expect(
    clippy::disallowed_types,
    clippy::unused_self,
    reason = "what zbus makes of an interface, and how it wants one"
)]
#![expect(clippy::print_stdout, reason = "a test that is skipped says so")]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use serde_json::json;
use tempfile::TempDir;
use zbus::{
    OwnedObjectPath, connection, interface,
    message::{Header, Message},
    names::ErrorName,
    object_server::{ObjectServer, SignalEmitter},
};

use super::*;

/// A message bus of our own, without anything of the system's.
struct Bus {
    daemon: Child,
    address: String,
    /// Where its socket is.
    _directory: TempDir,
}

impl Bus {
    /// None where there is no dbus-daemon; the test says so.
    fn start() -> Option<Self> {
        let directory = TempDir::new().unwrap();
        let address = format!("unix:path={}/bus", directory.path().display());
        let spawned = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--print-address=1", "--address", &address])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut daemon) = spawned else {
            println!("skipped: dbus-daemon is not installed");
            return None;
        };
        let mut address = String::new();
        BufReader::new(daemon.stdout.take().unwrap()).read_line(&mut address).unwrap();
        assert!(address.starts_with("unix:"), "{address:?}");
        Some(Self { daemon, address: address.trim().to_owned(), _directory: directory })
    }

    async fn connect(&self) -> Connection {
        connection::Builder::address(self.address.as_str()).build().await.unwrap()
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        self.daemon.kill().unwrap();
        self.daemon.wait().unwrap();
    }
}

/// What a unit of the fake does when it is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// A oneshot service ends well, and is forgotten.
    EndsWell,
    /// A oneshot service fails, and is kept.
    Fails,
    /// A service of another type has started, and fails when it is looked at the second time.
    FailsLater,
    /// A service of another type has started, and ends well when it is looked at the second time.
    EndsLater,
    /// It goes on until it is stopped.
    GoesOn,
    /// polkit does not allow it.
    Denied,
    /// There is no polkit.
    NoPolkit,
    /// It is not installed.
    Absent,
    /// What it depends on failed.
    Dependency,
    /// systemd does not answer at all.
    Mute,
}

#[derive(Debug, Default)]
struct Seen {
    started: Vec<(String, String)>,
    stopped: Vec<(String, String)>,
    reset: Vec<String>,
    /// What stood in the run's file when the unit was started.
    file: Option<String>,
}

struct FakeManager {
    fate: Fate,
    seen: Arc<Mutex<Seen>>,
    file: PathBuf,
    is_subscribed: bool,
}

/// An error as systemd gives them: a name and a sentence.
#[derive(Debug)]
struct Refusal(&'static str, String);

impl zbus::DBusError for Refusal {
    fn create_reply(&self, call: &Header<'_>) -> zbus::Result<Message> {
        Message::error(call, self.0).build(&(self.1.as_str(),))
    }

    fn name(&self) -> ErrorName<'_> {
        ErrorName::try_from(self.0).unwrap()
    }

    fn description(&self) -> Option<&str> {
        Some(&self.1)
    }
}

const NO_SUCH_UNIT: &str = "org.freedesktop.systemd1.NoSuchUnit";
const DENIED: &str = "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired";
const ACCESS_DENIED: &str = "org.freedesktop.DBus.Error.AccessDenied";
const UNIT: &str = "/org/freedesktop/systemd1/unit/x";

fn path(text: &str) -> OwnedObjectPath {
    OwnedObjectPath::try_from(text).unwrap()
}

#[interface(name = "org.freedesktop.systemd1.Manager")]
impl FakeManager {
    async fn subscribe(&mut self) {
        if self.fate == Fate::Mute {
            std::future::pending::<()>().await;
        }
        self.is_subscribed = true;
    }

    async fn start_unit(
        &mut self,
        name: String,
        mode: String,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
        #[zbus(object_server)] server: &ObjectServer,
    ) -> Result<OwnedObjectPath, Refusal> {
        assert!(self.is_subscribed, "nobody would hear how the job ends");
        {
            let mut seen = self.seen.lock().unwrap();
            seen.started.push((name.clone(), mode));
            seen.file = std::fs::read_to_string(&self.file).ok();
        }
        let result = match self.fate {
            Fate::Absent => return Err(Refusal(NO_SUCH_UNIT, format!("Unit {name} not found."))),
            Fate::Denied => return Err(Refusal(DENIED, "not now".to_owned())),
            Fate::NoPolkit => return Err(Refusal(ACCESS_DENIED, "Permission denied".to_owned())),
            Fate::EndsWell | Fate::FailsLater | Fate::EndsLater => Some("done"),
            Fate::Fails => Some("failed"),
            Fate::Dependency => Some("dependency"),
            Fate::GoesOn | Fate::Mute => None,
        };
        if !matches!(self.fate, Fate::EndsWell | Fate::Dependency) {
            server.at(UNIT, FakeUnit { fate: self.fate, looks: AtomicU32::new(0) }).await.unwrap();
            server.at(UNIT, FakeService).await.unwrap();
        }
        // Of another job, and of ours.
        emitter
            .job_removed(
                6,
                path("/org/freedesktop/systemd1/job/6"),
                name.clone(),
                "failed".to_owned(),
            )
            .await
            .unwrap();
        if let Some(result) = result {
            let job = path("/org/freedesktop/systemd1/job/7");
            emitter.job_removed(7, job, name, result.to_owned()).await.unwrap();
        }
        Ok(path("/org/freedesktop/systemd1/job/7"))
    }

    async fn stop_unit(
        &mut self,
        name: String,
        mode: String,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
        #[zbus(object_server)] server: &ObjectServer,
    ) -> OwnedObjectPath {
        self.seen.lock().unwrap().stopped.push((name.clone(), mode));
        server.remove::<FakeUnit, _>(UNIT).await.unwrap();
        let job = path("/org/freedesktop/systemd1/job/8");
        emitter.job_removed(8, job.clone(), name, "done".to_owned()).await.unwrap();
        job
    }

    async fn get_unit(
        &self,
        name: String,
        #[zbus(object_server)] server: &ObjectServer,
    ) -> Result<OwnedObjectPath, Refusal> {
        match server.interface::<_, FakeUnit>(UNIT).await {
            Ok(_) => Ok(path(UNIT)),
            Err(_) => Err(Refusal(NO_SUCH_UNIT, format!("Unit {name} not loaded."))),
        }
    }

    fn reset_failed_unit(&self, name: String) {
        self.seen.lock().unwrap().reset.push(name);
    }

    #[zbus(signal)]
    async fn job_removed(
        emitter: &SignalEmitter<'_>,
        id: u32,
        job: OwnedObjectPath,
        unit: String,
        result: String,
    ) -> zbus::Result<()>;
}

struct FakeUnit {
    fate: Fate,
    looks: AtomicU32,
}

#[interface(name = "org.freedesktop.systemd1.Unit")]
impl FakeUnit {
    #[zbus(property)]
    fn active_state(&self) -> String {
        let looks = self.looks.fetch_add(1, Ordering::Relaxed);
        let state = match (self.fate, looks) {
            (Fate::Fails, _) | (Fate::FailsLater, 1..) => "failed",
            (Fate::EndsLater, 1..) => "inactive",
            _ => "active",
        };
        state.to_owned()
    }
}

struct FakeService;

#[interface(name = "org.freedesktop.systemd1.Service")]
impl FakeService {
    #[zbus(property)]
    fn result(&self) -> String {
        "exit-code".to_owned()
    }

    #[zbus(property)]
    fn exec_main_status(&self) -> i32 {
        3
    }
}

fn order(data_dir: &Path, timeout: Duration) -> Order {
    let values = json!({"rule": "r", "run": 7, "data": {"x": "$(reboot)"}});
    Order { values, timeout, data_dir: data_dir.to_owned(), keeper: "/".into() }
}

fn publish() -> Systemd {
    Systemd::new(&SystemdConfig { unit: "publish".to_owned() }).unwrap()
}

async fn run(fate: Fate, timeout: Duration) -> Option<(Outcome, Seen)> {
    let bus = Bus::start()?;
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("runs/7.json");
    let seen = Arc::new(Mutex::new(Seen::default()));
    let manager =
        FakeManager { fate, seen: seen.clone(), file: file.clone(), is_subscribed: false };
    let _systemd = connection::Builder::address(bus.address.as_str())
        .name("org.freedesktop.systemd1")
        .serve_at("/org/freedesktop/systemd1", manager)
        .build()
        .await
        .unwrap();
    let connection = bus.connect().await;
    let ended = publish().run_over(&connection, order(directory.path(), timeout)).await;
    assert!(!file.exists(), "the run's file is still there");
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    Some((ended.outcome, seen))
}

const LONG: Duration = Duration::from_secs(20);
const NAME: &str = "lk-action-publish@7.service";

#[tokio::test]
async fn a_unit_is_started_with_its_events_and_waited_for() {
    for fate in [Fate::EndsWell, Fate::EndsLater] {
        let Some((outcome, seen)) = run(fate, LONG).await else { return };
        assert_eq!(outcome, Outcome::Succeeded, "{fate:?}");
        assert_eq!(seen.started, [(NAME.to_owned(), "fail".to_owned())]);
        assert_eq!((seen.stopped, seen.reset), (vec![], vec![]));
        assert!(seen.file.unwrap().contains("\"x\":\"$(reboot)\""));
    }
}

#[tokio::test]
async fn how_a_unit_failed_is_told_and_it_is_not_left_lying() {
    for fate in [Fate::Fails, Fate::FailsLater] {
        let Some((outcome, seen)) = run(fate, LONG).await else { return };
        let expected = format!("{NAME} failed: exit-code, status 3");
        assert_eq!(outcome, Outcome::Failed(expected), "{fate:?}");
        assert_eq!(seen.reset, [NAME]);
    }
}

#[tokio::test]
async fn a_unit_that_cannot_be_started_says_why() {
    for (fate, why) in [
        (Fate::Denied, "packaging/polkit has the rule"),
        (Fate::NoPolkit, "or is not installed: packaging/polkit has the rule"),
        (Fate::Absent, "its template is not installed"),
        (Fate::Dependency, "was not started: dependency"),
    ] {
        let Some((outcome, _)) = run(fate, LONG).await else { return };
        assert!(
            matches!(&outcome, Outcome::Failed(problem) if problem.contains(why)),
            "{outcome:?}"
        );
    }
}

#[tokio::test]
async fn a_unit_that_takes_too_long_is_stopped() {
    let Some((outcome, seen)) = run(Fate::GoesOn, Duration::from_millis(500)).await else { return };
    let expected = format!("{NAME}: it was stopped: it took longer than 0.5 s");
    assert_eq!(outcome, Outcome::Failed(expected));
    assert_eq!(seen.stopped, [(NAME.to_owned(), "replace".to_owned())]);
}

#[tokio::test]
async fn without_systemd_a_run_fails_and_says_so() {
    let Some(bus) = Bus::start() else { return };
    let directory = TempDir::new().unwrap();
    let connection = bus.connect().await;
    let ended = publish().run_over(&connection, order(directory.path(), LONG)).await;
    assert!(
        matches!(&ended.outcome, Outcome::Failed(problem) if problem.contains("could not speak to systemd")),
        "{ended:?}"
    );
}

#[tokio::test]
async fn a_systemd_that_does_not_answer_is_not_waited_for() {
    let Some((outcome, seen)) = run(Fate::Mute, Duration::from_millis(500)).await else { return };
    assert_eq!(outcome, Outcome::Failed("systemd does not answer".to_owned()));
    assert!(seen.started.is_empty());
}

#[tokio::test]
async fn a_bus_that_does_not_answer_or_never_stops_is_not_waited_for() {
    for bytes in [&b""[..], &[b'x'; 4096], b"OK 0123\r\n"] {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("bus");
        let listener = UnixListener::bind(&path).unwrap();
        let bus = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            while !bytes.is_empty() && stream.write_all(bytes).is_ok() {}
            // Until the other side has gone.
            while stream.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {}
        });
        let address = format!("unix:path={}", path.display());
        let connecting = async { connection::Builder::address(address.as_str()).build().await };
        let order = order(directory.path(), Duration::from_millis(500));
        let ended = publish().run_on(connecting, order).await;
        assert!(
            matches!(&ended.outcome, Outcome::Failed(problem) if problem.contains("D-Bus")),
            "{ended:?}"
        );
        bus.join().unwrap();
    }
}

#[tokio::test]
async fn the_systemd_of_this_machine_says_that_a_template_is_not_installed() {
    if !Path::new("/run/systemd/system").is_dir() {
        println!("skipped: process 1 is not systemd");
        return;
    }
    let directory = TempDir::new().unwrap();
    let unit = Systemd::new(&SystemdConfig { unit: "nobody-has-this".to_owned() }).unwrap();
    let ended = unit.run(order(directory.path(), LONG)).await;
    assert!(matches!(ended.outcome, Outcome::Failed(_)), "{ended:?}");
}

#[test]
fn a_name_can_be_no_other_unit() {
    let long = "a".repeat(65);
    for name in ["", "a@b", "../a", "a.service", "A", "-a", "a b", "a\n", "é", long.as_str()] {
        assert!(Systemd::new(&SystemdConfig { unit: name.to_owned() }).is_err(), "{name:?}");
    }
}
