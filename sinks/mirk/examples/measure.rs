//! Prints what a backlog costs: `cargo run --release --example measure -- 10000`.
//!
//! Events are judged, described, routed to ten rooms and kept in the outbox, as after a day in
//! which the bot was off, and then composed. Beside it stands what their cryptography alone costs,
//! since machines differ.

#![expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")]
#![expect(clippy::print_stdout, reason = "figures are what this program is for")]
#![expect(clippy::expect_used, reason = "a measurement that fails has nobody to recover for")]

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use laniakea_daemon::{ManualClock, TrustSource, new_key};
use laniakea_event::{
    Dialect, Draft, EventId, KeyId, Limits, Object, SignerId, SigningKey, SubmittedEvent, Value,
    keys::{KeyFile, Metadata},
};
use mirk::{
    compose::Budget,
    config::Config,
    control::Control,
    intake::Intake,
    store::{Composed, SharedStore, Store},
};

const ROOMS: usize = 10;
const BATCH: usize = 500;
const SUITES: [&str; 5] = ["landing", "byzantium", "crimson", "dawn", "laboratory"];

fn main() {
    let count = std::env::args().nth(1).map_or(10_000, |text| text.parse().expect("a number"));
    let directory = tempfile::tempdir().expect("a directory");
    let (key, config_file) = set_up(directory.path());
    let frames: Vec<Vec<u8>> = (0..count).map(|number| event(&key, number)).collect();
    let config = Config::load(&config_file).expect("the configuration");
    let store = SharedStore::new(Store::open(&config.database()).expect("the database"));
    let trust = Arc::new(TrustSource::load(&config.trust).expect("the keys"));
    let crypto = cryptography(&frames, &trust);

    let control =
        Control::new(config_file, config, store.clone(), trust.clone()).expect("settings");
    let clock = Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH));
    let intake = Intake {
        store: store.clone(),
        trust,
        settings: control.watch_settings(),
        clock,
        changes: control.changes(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build();
    let runtime = runtime.expect("a runtime");
    let started = Instant::now();
    runtime.block_on(async {
        for batch in frames.chunks(BATCH) {
            intake.take(batch.to_vec(), None).await.expect("room in the outbox");
        }
    });
    let taken = started.elapsed();
    let entries = waiting(&store);
    let started = Instant::now();
    let messages = compose(&control);
    let composed = started.elapsed();

    println!("{count} events, {entries} entries in {ROOMS} rooms");
    println!("  verifying alone     {:>8.2} s", crypto.as_secs_f64());
    println!(
        "  into the outbox     {:>8.2} s, {:.2} of verifying",
        taken.as_secs_f64(),
        taken.as_secs_f64() / crypto.as_secs_f64()
    );
    println!("  into {messages:>4} messages {:>8.2} s", composed.as_secs_f64());
    println!("  memory at most      {:>8} MB", peak_memory());
}

/// Keys and a configuration of ten rooms that want different things.
fn set_up(directory: &Path) -> (SigningKey, std::path::PathBuf) {
    let signer = SignerId::parse("archive-01").expect("a name");
    let key_id = KeyId::parse("0").expect("a key id");
    let key = new_key(signer, key_id, Metadata::default(), None).expect("a key");
    let keys_dir = directory.join("keys");
    fs::create_dir(&keys_dir).expect("a directory");
    let KeyFile { signing_key, .. } = key.clone();
    fs::write(keys_dir.join("archive-01.pub.key"), key.public_text()).expect("a file");
    let mut text = format!(
        "data_dir = \"{}\"\n[matrix]\nhomeserver = \"https://matrix.example.org\"\n\
         user = \"@mirk:example.org\"\n[trust]\nkeys_dir = \"{}\"\n[trust.emit]\n\
         archive-01 = [\"_lk.archive.\"]\n[stream]\npublish = \"tcp://127.0.0.1:5572\"\n\
         replay = \"tcp://127.0.0.1:5573\"\n",
        directory.display(),
        keys_dir.display()
    );
    for room in 0..ROOMS {
        let suite = SUITES[room % SUITES.len()];
        let rule = if room < SUITES.len() {
            format!("{{ id = \"_lk.archive.*\", facets = {{ suite = \"{suite}\" }} }}")
        } else {
            format!("{{ id = \"_lk.archive.*\", where = \"data.suite == '{suite}'\" }}")
        };
        writeln!(text, "[[room]]\nroom = \"!{room}:example.org\"\ninclude = [{rule}]")
            .expect("room in a string");
    }
    let config_file = directory.join("mirk.toml");
    fs::write(&config_file, text).expect("a file");
    (signing_key.expect("a secret key"), config_file)
}

fn event(key: &SigningKey, number: usize) -> Vec<u8> {
    let id = EventId::parse("_lk.archive.package-build-success").expect("an id");
    let data = [
        ("architecture", "amd64".to_owned()),
        ("job_id", format!("0a1b2c3d-0000-4000-8000-{number:012}")),
        ("pkgname", format!("package-{number}")),
        ("repo", "master".to_owned()),
        ("suite", SUITES[number % SUITES.len()].to_owned()),
        ("version", "47.1-1".to_owned()),
    ];
    let data: Object =
        data.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
    let draft = Draft::new(id, Timestamp::UNIX_EPOCH, data);
    let event = draft.dialect(Dialect::Seed, uuid::Uuid::nil()).sign(key).expect("an event");
    event.into_bytes()
}

fn cryptography(frames: &[Vec<u8>], trust: &TrustSource) -> Duration {
    let trust = trust.current();
    let parse = |frame: &Vec<u8>| SubmittedEvent::parse(frame, &Limits::FROM_RELAY);
    let events: Vec<SubmittedEvent> =
        frames.iter().map(|frame| parse(frame).expect("an event")).collect();
    let started = Instant::now();
    for event in events {
        event.verify(trust.keyring(), Timestamp::UNIX_EPOCH).expect("a good signature");
    }
    started.elapsed()
}

fn waiting(store: &SharedStore) -> usize {
    let store = store.lock();
    let rooms = (0..ROOMS).map(|room| store.room(&format!("!{room}:example.org")));
    rooms.map(|room| room.expect("the database").waiting).sum()
}

fn compose(control: &Control) -> usize {
    let settings = control.settings();
    let mut messages = 0;
    let later = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(1);
    for room in 0..ROOMS {
        let name = format!("!{room}:example.org");
        let style = settings.style(&name).expect("a room");
        let mut budget = Budget::default();
        let mut store = control.store().lock();
        let mut compose = || store.compose(&style, Some(&name), &mut budget, later);
        while compose().expect("the database") == Composed::Messages {
            messages += 1;
        }
    }
    messages
}

/// The most that this process had, from the kernel.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1_000
}
