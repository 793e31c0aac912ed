//! Keys that begin, end and are revoked while a real relay runs, and who may emit what.

#![expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod rights;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use laniakea_daemon::{Clock as _, SystemClock};
use laniakea_e2e::{Module, Relay, RunningRelay, Signal, binary, until, within};
use laniakea_event::{Draft, EventId, Object, SigningKey, keys::KeyFile};
use laniakea_wire::submit::{Publisher, SubmitError};

const ID: &str = "_lk.archive.package-build-success";

/// What is promised: a change of the keys takes effect within this time.
const PROMISED: Duration = Duration::from_secs(5);

fn trusted(relay: &RunningRelay, name: &str) -> PathBuf {
    relay.directory().join("trusted").join(name)
}

/// An event that differs from every other.
fn event(key: &SigningKey, id: &str) -> Vec<u8> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let data = Object::from([("number".to_owned(), number.into())]);
    let draft = Draft::new(EventId::parse(id).unwrap(), SystemClock.now(), data);
    draft.sign(key).unwrap().into_bytes()
}

/// The reason of a rejection, or `ok`.
async fn submit(publisher: &Publisher, event: Vec<u8>) -> String {
    match within("a reply", publisher.submit(event)).await {
        Ok(_) => "ok".to_owned(),
        Err(SubmitError::Rejected { reason, .. }) => reason,
        Err(error) => panic!("{error}"),
    }
}

/// Submits until the verdict is this one, and says how long that took.
async fn becomes(publisher: &Publisher, key: &SigningKey, verdict: &str) -> Duration {
    let started = Instant::now();
    loop {
        let found = submit(publisher, event(key, ID)).await;
        if found == verdict {
            return started.elapsed();
        }
        assert!(started.elapsed() < 6 * PROMISED, "still {found} instead of {verdict}");
    }
}

fn lk(relay: &RunningRelay, command: &[&str], arguments: &[&str], stdin: &[u8]) -> Output {
    let config = relay.directory().join("lighthouse.toml");
    let mut child = Command::new(binary("lk"))
        .args(command)
        .arg("--config")
        .arg(config)
        .args(arguments)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that fails early does not read what it was given.
    drop(std::io::Write::write_all(&mut child.stdin.take().unwrap(), stdin));
    child.wait_with_output().unwrap()
}

fn lk_ok(relay: &RunningRelay, command: &[&str], arguments: &[&str]) -> String {
    let output = lk(relay, command, arguments, b"");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The events that a consumer with the relay's own table believes, and that this filter leaves.
fn believed(relay: &RunningRelay, filter: &str) -> usize {
    let endpoint = &relay.endpoints().replay;
    let arguments = ["--replay", endpoint, "--json", "--limit", "100000", "--where", filter];
    let output = lk(relay, &["history"], &arguments, b"");
    String::from_utf8(output.stdout).unwrap().lines().count()
}

/// What the relay published last, if a consumer that verifies nothing asks.
fn last_frame(relay: &RunningRelay) -> String {
    let output = Command::new(binary("lk"))
        .args(["history", "--json", "--limit", "1", "--replay", &relay.endpoints().replay])
        .env_clear()
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// Waits until the relay has read its keys so often since the start.
fn keys_loaded(relay: &mut RunningRelay, times: usize) {
    let process = relay.process();
    until("the keys to be read", || {
        let lines = process.output();
        (lines.iter().filter(|line| line.contains("trusted keys loaded")).count() >= times)
            .then_some(())
    });
}

#[tokio::test]
async fn a_rotation_with_overlap_refuses_no_good_event() {
    let archive = Module::new("archive-01");
    let mut relay = Relay::new().trust(&archive, &["_lk.archive."]).run();
    let stop = Arc::new(AtomicBool::new(false));
    let load = std::thread::spawn({
        let (publisher, stop) = (relay.publisher(16), stop.clone());
        let old = archive.key().clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        move || {
            let mut verdicts: BTreeMap<String, usize> = BTreeMap::new();
            while !stop.load(Ordering::Relaxed) {
                let verdict = runtime.block_on(submit(&publisher, event(&old, ID)));
                *verdicts.entry(verdict).or_default() += 1;
            }
            verdicts
        }
    });

    let made = relay.directory().join("made");
    fs::create_dir(&made).unwrap();
    let arguments = ["archive-01", made.to_str().unwrap(), "--python", "no", "--overlap", "1h"];
    let shown = lk_ok(&relay, &["key", "rotate"], &arguments);
    assert!(shown.contains("older key 0  valid until 2"), "{shown}");
    keys_loaded(&mut relay, 1);
    let new = SigningKey::load(&made.join("archive-01-1.key_secret")).unwrap();
    let publisher = relay.publisher(16);
    becomes(&publisher, &new, "ok").await;
    for _ in 0..200 {
        assert_eq!(submit(&publisher, event(&new, ID)).await, "ok");
    }
    stop.store(true, Ordering::Relaxed);
    let verdicts = load.join().unwrap();
    assert_eq!(verdicts.keys().collect::<Vec<_>>(), ["ok"], "{verdicts:?}");
    assert!(verdicts["ok"] > 50, "there was no load: {verdicts:?}");
    assert_eq!(believed(&relay, "true"), verdicts["ok"] + 201);
}

#[tokio::test]
async fn a_revoked_key_is_refused_within_seconds_and_what_it_signed_before_verifies() {
    let archive = Module::new("archive-01");
    let relay = Relay::new().trust(&archive, &["_lk.archive."]).run();
    // It is connected all the time.
    let publisher = relay.publisher(1);
    for _ in 0..20 {
        assert_eq!(submit(&publisher, event(archive.key(), ID)).await, "ok");
    }
    let taken = last_frame(&relay);
    let taken_before = believed(&relay, "true");
    assert_eq!(taken_before, 20);

    let shown = lk_ok(&relay, &["key", "revoke"], &["archive-01"]);
    assert!(shown.contains("archive-01, key 0, at 2"), "{shown}");
    let took = becomes(&publisher, archive.key(), "unknown_key_id").await;
    assert!(took <= PROMISED, "{took:?}");
    for _ in 0..20 {
        assert_eq!(submit(&publisher, event(archive.key(), ID)).await, "unknown_key_id");
    }

    // What the relay took before the mark verifies for consumers; what it took in the moments
    // after it, before it saw the mark, does not.
    assert_eq!(believed(&relay, "true"), taken_before);
    let verify = |event: &str| lk(&relay, &["verify"], &[], event.as_bytes());
    assert!(verify(&taken).status.success());

    // Whoever stole the key can write the relay's note, and has no signature of the relay.
    let forged = String::from_utf8(event(archive.key(), ID)).unwrap();
    let note = taken.split_once("\"unsigned\":").unwrap().1.strip_suffix('}').unwrap();
    let noted = forged.replacen('{', &format!("{{\"unsigned\":{note},"), 1);
    let stolen = {
        let (_, rest) = taken.split_once(&format!("\"{}\":", relay.name())).unwrap();
        let (signature, _) = rest.split_once('}').unwrap();
        let of_relay = format!("\"{}\":{signature}}}", relay.name());
        noted.replacen("\"signatures\":{", &format!("\"signatures\":{{{of_relay},"), 1)
    };
    assert!(noted.contains("\"received\":\"2") && stolen.contains(relay.name()));
    for (forged, reason) in [
        (&forged, "unknown_key_id"),
        (&noted, "no trusted relay signed the event"),
        (&stolen, "bad_signature"),
    ] {
        let output = verify(forged);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains(reason), "{reason}: {stderr}");
    }
}

#[tokio::test]
async fn a_damaged_file_keeps_its_last_good_key_and_a_removed_one_is_revoked() {
    let archive = Module::new("archive-01");
    let mut relay = Relay::new().trust(&archive, &["_lk.archive."]).run();
    let publisher = relay.publisher(1);
    let file = trusted(&relay, "archive-01.pub.key");
    let text = fs::read_to_string(&file).unwrap();
    for (times, damage) in (1..).zip([
        "nonsense".to_owned(),
        String::new(),
        format!("{text}trust\n    revoked = \"yesterday\"\n"),
    ]) {
        fs::write(&file, damage).unwrap();
        keys_loaded(&mut relay, times);
        assert_eq!(submit(&publisher, event(archive.key(), ID)).await, "ok");
    }
    let output = relay.process().output().join("\n");
    assert!(output.contains("its last good key stays trusted"), "{output}");
    assert!(output.contains("`revoked` is not a time"), "{output}");
    fs::remove_file(&file).unwrap();
    let took = becomes(&publisher, archive.key(), "unknown_signer").await;
    assert!(took <= PROMISED, "{took:?}");
    // Without the key nobody can say any more that it signed.
    assert_eq!(believed(&relay, "true"), 0);
}

/// Writes a module's trusted file with these marks.
fn trust_with(relay: &RunningRelay, module: &Module, marks: &str) {
    let file = module.publish_key(&relay.directory().join("trusted"));
    let text = fs::read_to_string(&file).unwrap();
    write_whole(&file, &format!("{text}trust\n{marks}"));
}

/// So that the relay never reads half of it.
fn write_whole(file: &Path, text: &str) {
    let new = file.with_file_name(".new");
    fs::write(&new, text).unwrap();
    fs::rename(new, file).unwrap();
    KeyFile::load(file).unwrap();
}

#[tokio::test]
async fn a_configuration_that_cannot_be_used_does_not_hold_up_a_revocation() {
    let archive = Module::new("archive-01");
    let mut relay = Relay::new().trust(&archive, &["_lk.archive."]).run();
    let config = relay.directory().join("lighthouse.toml");
    let text = fs::read_to_string(&config).unwrap();
    // A relay that emits: the rules are refused after the keys were read.
    let wrong = text.replacen("[trust]\n", "[trust]\nrelays = [\"archive-01\"]\n", 1);
    let publisher = relay.publisher(1);
    assert_eq!(submit(&publisher, event(archive.key(), ID)).await, "ok");
    trust_with(&relay, &archive, "    revoked = \"2026-01-01T00:00:00Z\"\n");
    // Somebody else's key under the relay's own name is no obstacle either.
    let forged = Module::new(relay.name());
    forged.publish_key(&relay.directory().join("trusted"));
    write_config(&config, &wrong);
    relay.process().signal(Signal::HUP);
    let took = becomes(&publisher, archive.key(), "unknown_key_id").await;
    assert!(took <= PROMISED, "{took:?}");
    relay.process().line("the old rules stay");
    relay.process().line("another key under the relay's own name");
    assert_eq!(submit(&publisher, event(forged.key(), ID)).await, "bad_signature");
}

fn write_config(file: &Path, text: &str) {
    assert!(text.contains("relays = "));
    fs::write(file, text).unwrap();
}
