//! Sources that keep their events until the relay has them, with the real binaries.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    fs,
    process::{Command, Output},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use laniakea_e2e::{Module, Relay, RunningRelay, Signal, binary, until};
use laniakea_event::{Object, Seq, Value};
use laniakea_spool::{Bounds, Spool, SpoolingConfig, SpoolingPublisher};
use laniakea_wire::{
    submit::PublisherConfig,
    subscription::{Start, Update},
};
use tempfile::TempDir;

const ID: &str = "_lk.archive.package-build-success";

/// A relay and a source's machine.
struct Scene {
    relay: RunningRelay,
    archive: Module,
    place: TempDir,
}

impl Scene {
    fn new() -> Self {
        let archive = Module::new("archive-01");
        let relay = Relay::new().trust(&archive, &["_lk.archive."]).run();
        let place = tempfile::tempdir().unwrap();
        archive.write_secret(&place.path().join("key"));
        Self { relay, archive, place }
    }

    fn path(&self, name: &str) -> String {
        self.place.path().join(name).to_str().unwrap().to_owned()
    }

    /// Emits what comes `number`th from `process`.
    fn emit(&self, process: usize, number: usize) -> Command {
        let mut command = Command::new(binary("lk"));
        command
            .args(["emit", ID, &format!("process:={process}"), &format!("number:={number}")])
            .args(["--key", &self.path("key"), "--spool", &self.path("spool")])
            .args(["--to", &self.relay.endpoints().submit, "--timeout", "2s"])
            .env_remove("RUST_LOG");
        command
    }

    fn event(&self, process: u64, number: u64) -> Vec<u8> {
        let member = |name: &str, value| (name.to_owned(), Value::from(value));
        let data = Object::from([member("process", process), member("number", number)]);
        self.archive.event_with(ID, data).into_bytes()
    }

    fn flush(&self) -> Output {
        let mut command = Command::new(binary("lk"));
        let to = &self.relay.endpoints().submit;
        command.args(["spool", "flush", &self.path("spool"), "--to", to]).output().unwrap()
    }

    fn spool(&self) -> Spool {
        Spool::open(self.path("spool"), Bounds::default()).unwrap()
    }

    /// What each process emitted, in the order of the journal.
    fn journal(&self) -> BTreeMap<u64, Vec<u64>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut subscription = self.relay.subscribe(Start::After(Seq(0)));
            let mut journal: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
            loop {
                match subscription.next().await.unwrap().unwrap() {
                    Update::Event(delivery) => {
                        let member = |name| delivery.data().get(name).unwrap().as_u64().unwrap();
                        journal.entry(member("process")).or_default().push(member("number"));
                    }
                    Update::CaughtUp(_) => return journal,
                    _ => {}
                }
            }
        })
    }
}

#[test]
fn two_hundred_emits_lose_and_double_nothing_while_the_relay_comes_and_goes() {
    const PROCESSES: usize = 40;
    const EACH: usize = 5;
    let mut scene = Scene::new();
    let (done, spooled) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let endpoints = scene.relay.endpoints().clone();
    let commands: Vec<Vec<Command>> = (0..PROCESSES)
        .map(|process| (0..EACH).map(|number| scene.emit(process, number)).collect())
        .collect();
    scene.relay.stop(Signal::KILL);
    thread::scope(|scope| {
        for commands in commands {
            let (done, spooled) = (&done, &spooled);
            scope.spawn(move || {
                for mut command in commands {
                    let output = command.output().unwrap();
                    assert!(output.status.success(), "{output:?}");
                    let text = String::from_utf8(output.stdout).unwrap();
                    spooled.fetch_add(text.matches("\nspooled ").count(), Ordering::Relaxed);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        until("an event to be spooled", || (done.load(Ordering::Relaxed) > 0).then_some(()));
        scene.relay.start();
        // Killed and started again at a quarter, half and three quarters of the way.
        for quarter in 1..4 {
            let goal = quarter * PROCESSES * EACH / 4;
            until("some events", || (done.load(Ordering::Relaxed) >= goal).then_some(()));
            scene.relay.stop(Signal::KILL);
            let before = done.load(Ordering::Relaxed);
            until("an event meanwhile", || (done.load(Ordering::Relaxed) > before).then_some(()));
            scene.relay.start();
        }
    });
    assert_eq!(*scene.relay.endpoints(), endpoints);
    assert!(spooled.load(Ordering::Relaxed) > 0);
    let flushed = scene.flush();
    assert!(flushed.status.success(), "{flushed:?}");
    assert!(scene.spool().waiting().unwrap().is_empty());
    let each: Vec<u64> = (0..EACH as u64).collect();
    let expected: BTreeMap<u64, Vec<u64>> =
        (0..PROCESSES as u64).map(|process| (process, each.clone())).collect();
    assert_eq!(scene.journal(), expected);
}

#[tokio::test]
async fn a_publisher_sends_its_own_events_and_those_of_others_once_the_relay_is_there() {
    let mut scene = Scene::new();
    scene.relay.stop(Signal::TERM);
    let config = SpoolingConfig {
        look: Duration::from_millis(100),
        longest_pause: Duration::from_secs(1),
        ..SpoolingConfig::new(PublisherConfig {
            timeout: Duration::from_secs(1),
            ..PublisherConfig::new(scene.relay.endpoints().submit.clone())
        })
    };
    let start = |scene: &Scene| SpoolingPublisher::start(scene.spool(), config.clone()).unwrap();
    let publisher = start(&scene);
    for number in 0..20 {
        publisher.put(&scene.event(1, number)).unwrap();
    }
    let left = publisher.close(Duration::from_millis(100)).await.unwrap();
    assert_eq!(left, 20);
    let output = scene.emit(2, 0).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("spooled"), "{output:?}");
    let publisher = start(&scene);
    publisher.put(&scene.event(1, 20)).unwrap();
    scene.relay.start();
    assert_eq!(publisher.close(Duration::from_secs(30)).await.unwrap(), 0);
    let scene = tokio::task::spawn_blocking(move || {
        let journal = scene.journal();
        assert_eq!(journal[&1], (0..=20).collect::<Vec<u64>>());
        assert_eq!(journal[&2], [0]);
        scene
    });
    drop(scene.await.unwrap());
}

#[tokio::test]
async fn what_comes_into_an_idle_spool_is_sent_at_once_and_a_rejection_holds_up_nothing() {
    let scene = Scene::new();
    let config = PublisherConfig::new(scene.relay.endpoints().submit.clone());
    let config = SpoolingConfig { look: Duration::from_hours(1), ..SpoolingConfig::new(config) };
    let publisher = SpoolingPublisher::start(scene.spool(), config).unwrap();
    let rejected = scene.archive.event("_lk.spears.new-excuse").into_bytes();
    let (first, last) = (scene.event(1, 0), scene.event(1, 1));
    for event in [first, rejected, last] {
        publisher.put(&event).unwrap();
        until("the event to be sent", || {
            publisher.spool().waiting().unwrap().is_empty().then_some(())
        });
    }
    let contents = publisher.spool().contents().unwrap();
    assert_eq!(contents.rejected.len(), 1);
    assert_eq!(contents.rejected[0].reason.reason, "not_authorised");
    // A damaged file is not waited for.
    let name = contents.rejected[0].event.name.to_string();
    fs::write(publisher.spool().path().join(&name), "damaged").unwrap();
    publisher.put(&scene.event(1, 2)).unwrap();
    assert_eq!(publisher.close(Duration::from_secs(30)).await.unwrap(), 0);
    assert!(scene.spool().path().join(name).exists());
    let journal = tokio::task::spawn_blocking(move || scene.journal()).await.unwrap();
    assert_eq!(journal[&1], [0, 1, 2]);
}
