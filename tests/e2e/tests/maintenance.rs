//! Export, import, verify and backup: what an operator does with a journal.

#![expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use laniakea_e2e::{Module, Relay, RunningRelay, Signal, binary, within};
use laniakea_event::{Object, Seq, Value};
use laniakea_wire::subscription::{CursorFile, Start, Update};

const ID: &str = "_lk.archive.package-build-success";
const JOURNAL: &str = "data/journal.sqlite";

struct Site {
    archive: Module,
    relay: RunningRelay,
}

impl Site {
    fn new() -> Self {
        let archive = Module::new("archive-01");
        let relay = Relay::new().trust(&archive, &["_lk.archive."]).run();
        Self { archive, relay }
    }

    async fn emit(&self, names: impl IntoIterator<Item = String>) {
        let publisher = self.relay.publisher(64);
        for name in names {
            let data = Object::from([("name".to_owned(), Value::from(name))]);
            let event = self.archive.event_with(ID, data);
            within("a reply", publisher.submit(event.into_bytes())).await.unwrap();
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.relay.directory().join(name)
    }

    /// Runs `lighthouse` with the relay's configuration.
    fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, None)
    }

    fn run_with(&self, arguments: &[&str], input: Option<&Path>) -> Ran {
        let stdin = match input {
            Some(path) => Stdio::from(fs::File::open(path).unwrap()),
            None => Stdio::null(),
        };
        let output = Command::new(binary("lighthouse"))
            .args(arguments)
            .arg("--config")
            .arg(self.path("lighthouse.toml"))
            .stdin(stdin)
            .output()
            .unwrap();
        Ran(output)
    }

    /// Forgets everything: the next start makes another journal.
    fn lose_journal(&mut self) {
        self.relay.stop(Signal::KILL);
        for file in fs::read_dir(self.path("data")).unwrap() {
            fs::remove_file(file.unwrap().path()).unwrap();
        }
    }
}

struct Ran(Output);

impl Ran {
    fn code(&self) -> i32 {
        self.0.status.code().unwrap()
    }

    fn stdout(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).unwrap()
    }

    fn stderr(&self) -> String {
        String::from_utf8(self.0.stderr.clone()).unwrap()
    }

    #[track_caller]
    fn ok(self) -> Self {
        assert_eq!(self.code(), 0, "{} {}", self.stdout(), self.stderr());
        self
    }

    #[track_caller]
    fn fails(self, code: i32, expected: &str) -> Self {
        assert_eq!(self.code(), code, "{} {}", self.stdout(), self.stderr());
        assert!(self.stderr().contains(expected), "{}", self.stderr());
        self
    }
}

fn names(range: std::ops::RangeInclusive<u32>) -> impl Iterator<Item = String> {
    range.map(|number| format!("package-{number}"))
}

/// The event's own content and when it was taken, without its place.
fn content(line: &str) -> (String, String) {
    let field = |name: &str| {
        let (_, rest) = line.split_once(&format!("\"{name}\":")).unwrap();
        rest.split('"').nth(if name == "data" { 3 } else { 1 }).unwrap().to_owned()
    };
    (field("data"), field("received"))
}

#[tokio::test]
async fn an_export_while_the_relay_works_becomes_another_journal_with_the_same_events() {
    let mut site = Site::new();
    site.emit(names(1..=30)).await;
    let exported = site.run(&["export"]).ok();
    let lines = exported.stdout();
    assert_eq!(lines.lines().count(), 30);
    assert!(exported.stderr().starts_with("30 events of the journal "), "{}", exported.stderr());
    let part = site.run(&["export", "--after", "27", "_lk.archive."]).ok();
    assert_eq!(
        part.stdout(),
        lines.lines().skip(27).fold(String::new(), |text, line| text + line + "\n")
    );
    assert_eq!(site.run(&["export", "_lk.other."]).ok().stdout(), "");

    let file = site.path("events.ndjson");
    let path = file.to_str().unwrap();
    site.run(&["export", "--output", path]).ok();
    assert_eq!(fs::read_to_string(&file).unwrap(), lines);
    site.run(&["export", "--output", path]).fails(1, "is there already");
    site.run(&["import", path]).fails(1, "is in use: stop the relay");

    site.lose_journal();
    let ran = site.run_with(&["import", "-"], Some(&file)).ok();
    assert!(ran.stdout().starts_with("30 events imported, 0 were there already\n"));
    let ran = site.run(&["import", path]).ok();
    assert!(ran.stdout().starts_with("0 events imported, 30 were there already\n"));
    let again = site.run(&["export"]).ok().stdout();
    let contents = |text: &str| text.lines().map(content).collect::<Vec<_>>();
    assert_eq!(contents(&again), contents(&lines));
    let journal = |text: &str| text.split("\"journal\":").nth(1).map(|rest| rest[..38].to_owned());
    assert_ne!(journal(&again), journal(&lines));
    let facts = site.run(&["verify"]).ok().stdout();
    assert!(facts.contains("verified    30\ndamaged     0"), "{facts}");
}

#[tokio::test]
async fn a_restored_relay_is_another_journal_to_its_consumers_and_nothing_comes_twice() {
    let mut site = Site::new();
    let cursor = site.path("cursor");
    let subscribe = |relay: &RunningRelay| {
        relay.subscribe_with(|config| {
            config.start = Start::After(Seq::START);
            config.cursor = Some(Box::new(CursorFile::new(cursor.clone())));
        })
    };
    site.emit(names(1..=10)).await;
    let backup = site.path("backup.sqlite");
    let backup = backup.to_str().unwrap().to_owned();
    site.run(&["backup", &backup]).ok();
    // These are lost with the disk.
    site.emit(names(11..=15)).await;
    let mut sink = subscribe(&site.relay);
    let mut seen = Vec::new();
    while seen.len() < 15 {
        if let Update::Event(delivery) = within("an event", sink.next()).await.unwrap().unwrap() {
            seen.push(delivery.digest());
            sink.handled(delivery.position().unwrap()).unwrap();
        }
    }

    site.lose_journal();
    site.run(&["import", &backup]).ok();
    site.relay.start();
    site.emit(names(16..=20)).await;
    let mut changed = false;
    let mut new = Vec::new();
    while new.len() < 5 {
        match within("an event", sink.next()).await.unwrap().unwrap() {
            Update::JournalChanged { .. } => changed = true,
            Update::Event(delivery) => new.push(delivery),
            _ => {}
        }
    }
    assert!(changed, "nobody said that it is another journal");
    assert!(new.iter().all(|delivery| !seen.contains(&delivery.digest())), "an event came twice");
    assert_eq!(new[0].note().unwrap().seq, Seq(11));
}

#[tokio::test]
async fn a_relay_does_not_go_on_with_a_backup() {
    let mut site = Site::new();
    site.emit(names(1..=3)).await;
    let backup = site.path("backup.sqlite");
    let path = backup.to_str().unwrap().to_owned();
    let ran = site.run(&["backup", &path]).ok();
    assert!(ran.stdout().contains("up to event 3"), "{}", ran.stdout());
    site.run(&["backup", &path]).fails(1, "is there already: name a new file");
    let ran = site.run(&["verify", "--journal", &path, "--json"]).ok();
    assert!(ran.stdout().contains("\"verified\": 3"), "{}", ran.stdout());
    site.lose_journal();
    fs::copy(&backup, site.path(JOURNAL)).unwrap();
    site.run(&["run"]).fails(2, "is a backup: bring its events into a new journal");
    assert_eq!(fs::read(&backup).unwrap(), fs::read(site.path(JOURNAL)).unwrap());
}

#[tokio::test]
async fn damage_is_found_named_and_left_out_of_an_export() {
    let mut site = Site::new();
    site.emit(names(1..=300)).await;
    site.relay.stop(Signal::TERM);
    let path = site.path(JOURNAL);
    let mut bytes = fs::read(&path).unwrap();
    let text = b"package-250\"";
    let at = bytes.windows(text.len()).position(|window| window == text).unwrap();
    bytes[at + 8] ^= 1;
    fs::write(&path, bytes).unwrap();

    let ran = site.run(&["verify"]).fails(1, "1 events are damaged");
    let facts = ran.stdout();
    assert!(
        facts.contains("events      300\nverified    299\ndamaged     1\n  event 250: "),
        "{facts}"
    );
    let ran =
        site.run(&["export"]).fails(1, "1 events are damaged and were left out, the first is 250");
    assert_eq!(ran.stdout().lines().count(), 299);
    assert!(!ran.stdout().contains("package-250") && ran.stdout().contains("package-251"));
    // The copy would be as damaged.
    let backup = site.path("backup.sqlite");
    site.run(&["backup", backup.to_str().unwrap()]).fails(1, "the journal is damaged");
    assert!(!backup.exists());
}

#[tokio::test]
async fn what_is_no_event_of_an_authorised_source_is_not_imported_and_the_rest_is() {
    let mut site = Site::new();
    site.emit(names(1..=5)).await;
    let lines = site.run(&["export"]).ok().stdout();
    let lines: Vec<&str> = lines.lines().collect();
    let stranger = Module::new("stranger-01").event(ID).into_bytes();
    let bare = site.archive.event(ID).into_bytes();
    let file = site.path("mixed.ndjson");
    let text = [
        lines[0],
        "",
        "{\"x\":1}",
        &lines[1].replace("package-2", "package-x"),
        &String::from_utf8(stranger).unwrap(),
        &String::from_utf8(bare).unwrap(),
        &"y".repeat(5 << 20),
        lines[2],
        "\u{1b}[31m",
        &lines[3][..100],
    ]
    .join("\n");
    fs::write(&file, text).unwrap();
    site.lose_journal();
    let ran = site.run(&["import", file.to_str().unwrap()]).fails(1, "7 events were not imported");
    assert!(
        ran.stdout().starts_with("2 events imported, 0 were there already\n"),
        "{}",
        ran.stdout()
    );
    for expected in [
        "line 3 was not imported: missing_field",
        "line 4 was not imported: bad_signature",
        "line 5 was not imported: no relay says when it took it",
        "line 6 was not imported: no relay says when it took it",
        "line 7 was not imported: it is longer than any event",
        "line 9 was not imported: bad_json",
        "line 10 was not imported: the file ends in the middle of it",
    ] {
        assert!(ran.stderr().contains(expected), "{expected}: {}", ran.stderr());
    }
    assert!(!ran.stderr().contains('\u{1b}'), "control characters reach the terminal");
}

#[test]
fn what_cannot_be_used_is_said() {
    let mut site = Site::new();
    site.lose_journal();
    site.run(&["export"]).fails(1, "there is no journal");
    site.run(&["import", "no-such-file"]).fails(1, "could not read no-such-file");
    site.run(&["verify", "--journal", "/dev/null"]).fails(1, "is no regular file");
    site.run(&["export", "archive"]).fails(2, "archive");
    site.run(&["export", "--since", "yesterday"]).fails(2, "yesterday");
    site.run(&["export", "--since", "2026-01-01T00:00:00Z", "--after", "3"]).fails(2, "--after");
    fs::remove_file(site.path("lighthouse.toml")).unwrap();
    site.run(&["export"]).fails(2, "could not read the configuration");
}
