//! What commands leave behind when they, keeper, or what watches over them is killed.

use std::path::PathBuf;

use laniakea_e2e::{KeeperSite, Signal, until};
use laniakea_event::{Object, Value};

const ID: &str = "_lk.archive.package-upload-accepted";

/// A command that leaves a process behind that heeds no SIGTERM, in a session of its own, without an
/// environment and without descriptors. Its number is in `DIR/left`. Then the command does `WHAT`.
const RULE: &str = r#"
[[rule]]
name = "leaves"
on = "_lk.archive.*"
timeout = "3s"
exec = { command = ["/bin/sh", "-c", """
    trap '' TERM
    ( env -i setsid sh -c 'trap "" TERM; echo $$ >DIR/new; mv DIR/new DIR/left; while :; do sleep 1; done' <&- >&- 2>&- & ) &
    until test -e DIR/left; do sleep 0.01; done
    WHAT
"""] }
"#;

async fn leave(what: &str) -> (KeeperSite, PathBuf) {
    let mut site = KeeperSite::new(&RULE.replace("WHAT", what));
    site.start();
    let data = Object::from([("repo".to_owned(), Value::from("master"))]);
    site.relay.submit_all([site.archive.event_with(ID, data)]).await;
    let left =
        until("what is left", || laniakea_files::read_text(&site.path("left"), 1 << 16).ok());
    (site, PathBuf::from(format!("/proc/{}", left.trim())))
}

/// The only run, once it has ended.
fn ended(site: &KeeperSite) -> String {
    until("the end of the run", || {
        Some(site.told(&["runs", "1"])).filter(|run| run.contains("failed"))
    })
}

#[tokio::test]
async fn nothing_is_left_of_a_command_whose_keeper_is_killed() {
    let (mut site, left) = leave("sleep 1000; sleep 1000").await;
    site.stop(Signal::KILL);
    // Nobody has started keeper again.
    until("the end of what it left", || (!left.exists()).then_some(()));
    site.start();
    assert!(ended(&site).contains("nobody knows"));
}

#[tokio::test]
async fn nothing_is_left_of_a_command_that_keeper_is_stopped_over() {
    let (mut site, left) = leave("exec sleep 1000").await;
    site.stop(Signal::TERM);
    until("the end of what it left", || (!left.exists()).then_some(()));
}

#[tokio::test]
async fn nothing_is_left_of_a_command_that_kills_its_supervisor() {
    let (site, left) = leave("kill -KILL $PPID; sleep 1000; sleep 1000").await;
    let run = ended(&site);
    assert!(run.contains("its supervisor was ended by somebody else"), "{run}");
    assert!(!left.exists());
}

#[tokio::test]
async fn nothing_is_left_of_a_command_that_stops_its_supervisor() {
    let (site, left) = leave("kill -STOP $PPID; exit 0").await;
    let run = ended(&site);
    assert!(run.contains("it took longer than 3 s"), "{run}");
    assert!(!left.exists());
}
