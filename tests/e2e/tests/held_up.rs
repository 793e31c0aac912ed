//! What is no plain file, or costs too much, holds up neither the relay nor keeper.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use laniakea_e2e::{KeeperSite, Module, Relay, Signal, binary, until};
use laniakea_event::{Object, Value};
use laniakea_wire::submit::SubmitError;
use rustix::fs::{CWD, FileType, Mode, mknodat};

/// How soon a program stops that nothing holds up.
const PROMPT: Duration = Duration::from_secs(5);
const ID: &str = "_lk.archive.package-upload-accepted";

fn fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

const RULES: &str = r#"
[[rule]]
name = "mark"
on = "_lk.archive.*"
exec = { command = ["/bin/sh", "-c", "echo >> DIR/mark"] }
"#;

/// So many lines are in the file that rules write to.
async fn emit_until_marked(site: &KeeperSite, data: Object, lines: usize) -> Duration {
    let began = Instant::now();
    site.relay.submit_all([site.archive.event_with(ID, data)]).await;
    let read = || laniakea_files::read_text(&site.path("mark"), 1 << 20).unwrap_or_default();
    until("the mark", || (read().lines().count() >= lines).then_some(()));
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fifo_among_the_rules_is_told_and_stops_neither_the_others_nor_the_stop() {
    let mut site = KeeperSite::new(RULES);
    site.start();
    emit_until_marked(&site, Object::default(), 1).await;
    fifo(&site.path("rules.d/z.toml"));
    std::os::unix::fs::symlink("/dev/zero", site.path("rules.d/zero.toml")).unwrap();
    site.keeper().line("z.toml:1: could not be read: it is a FIFO and no regular file");
    site.keeper().line("zero.toml:1: could not be read: it is a device and no regular file");
    emit_until_marked(&site, Object::default(), 2).await;
    let check = site.ask(&["check"]);
    assert!(String::from_utf8_lossy(&check.stderr).contains("it is a FIFO"), "{check:?}");
    site.keeper().signal(Signal::HUP);
    let began = Instant::now();
    site.stop(Signal::TERM);
    assert!(began.elapsed() < PROMPT, "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_costs_a_rule_too_much_holds_up_no_other_rule() {
    let costly = "where = \"data.items.all(x, data.items.all(y, x == y))\"\n";
    let rules =
        RULES.replace("\"mark\"", "\"costly\"").replace("exec =", &format!("{costly}exec ="));
    let mut site = KeeperSite::new(&format!("{rules}{RULES}"));
    site.start();
    let items = Value::from(vec![1_u64; 9_000]);
    let took = emit_until_marked(&site, Object::from([("items".to_owned(), items)]), 1).await;
    assert!(took < PROMPT, "{took:?}");
    site.keeper().line("a rule's expression costs too much for an event");
    let note = "rule costly: its `where` cost too much for 1 event, last at ";
    for command in [&["check"][..], &["runs"], &["runs", "costly"]] {
        let told = site.told(command);
        assert!(told.contains(note), "{told}");
    }
    assert!(!site.told(&["runs", "mark"]).contains(note));
}

#[tokio::test]
async fn a_fifo_among_the_keys_keeps_no_removed_key_in_force_and_holds_up_no_stop() {
    let archive = Module::new("archive-01");
    let other = Module::new("other-01");
    let relay = Relay::new().trust(&archive, &["_lk.archive."]).trust(&other, &["_lk.archive."]);
    let mut relay = relay.run();
    let publisher = relay.publisher(1);
    fifo(&relay.directory().join("trusted/z.key"));
    relay.process().line("z.key is no key file: it is a FIFO and no regular file");
    std::fs::remove_file(relay.directory().join("trusted/other-01.pub.key")).unwrap();
    let began = Instant::now();
    loop {
        match publisher.submit(other.event(ID).into_bytes()).await {
            Err(SubmitError::Rejected { .. }) => break,
            taken => drop(taken.unwrap()),
        }
        assert!(began.elapsed() < PROMPT, "the removed key is still trusted");
    }
    relay.process().signal(Signal::HUP);
    let config = relay.directory().join("lighthouse.toml");
    let mut check = Command::new(binary("lighthouse"));
    let check = check.args(["check", "--config"]).arg(config).output().unwrap();
    assert_eq!(check.status.code(), Some(2), "{check:?}");
    assert!(String::from_utf8_lossy(&check.stderr).contains("it is a FIFO"), "{check:?}");
    let began = Instant::now();
    assert!(relay.stop(Signal::TERM).success());
    assert!(began.elapsed() < PROMPT, "{:?}", began.elapsed());
}
