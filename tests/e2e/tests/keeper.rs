//! Keeper over the real relay: what runs, how often, and what a crash means.

#![expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

use keeper::ledger::{Ledger, Verdict};
use laniakea_daemon::{Clock as _, SystemClock};
use laniakea_e2e::{KeeperSite, Module, Process, Relay, Signal, binary, until};
use laniakea_event::{Limits, Object, Value};

/// A whole batch.
const UNBOUNDED: Limits = Limits { max_bytes: 1 << 26, max_members: 1 << 22, ..Limits::FROM_RELAY };
const ID: &str = "_lk.archive.package-upload-accepted";

#[derive(Debug, Clone, PartialEq, Eq)]
struct Recorded {
    key: String,
    count: u64,
    run: u64,
    attempt: u64,
}

/// Submits so many events of this module.
async fn emit(site: &KeeperSite, module: &Module, repo: &str, count: usize) {
    let event = |number: usize| {
        let data = Object::from([
            ("repo".to_owned(), Value::from(repo.to_owned())),
            ("number".to_owned(), Value::from(number as u64)),
        ]);
        module.event_with(ID, data)
    };
    site.relay.submit_all((0..count).map(event)).await;
}

/// What the commands were given, one run a line.
fn record(site: &KeeperSite) -> Vec<Recorded> {
    let text = fs::read_to_string(site.path("record")).unwrap_or_default();
    // The last line may be half written.
    let (whole, _) = text.rsplit_once('\n').unwrap_or_default();
    whole
        .lines()
        .map(|line| {
            let value = Value::parse(line.as_bytes(), &UNBOUNDED);
            let value = value.unwrap_or_else(|error| panic!("{error}: {line}"));
            let number = |name: &str| value.get(name).and_then(Value::as_u64).unwrap();
            Recorded {
                key: value.get("key").and_then(Value::as_str).unwrap().to_owned(),
                count: number("count"),
                run: number("run"),
                attempt: number("attempt"),
            }
        })
        .collect()
}

fn recorded(site: &KeeperSite, count: usize) -> Vec<Recorded> {
    until("the runs", || Some(record(site)).filter(|record| record.len() >= count))
}

const AT_ONCE: &str = r#"
[[rule]]
name = "publish"
on = "_lk.archive.package-upload-*"
key = "{{ data.repo }}"
exec = { command = ["/bin/sh", "-c", "cat >> DIR/record"] }
"#;

/// Says that an event was seen, whatever other rules do with it.
const MARK: &str = r#"
[[rule]]
name = "mark"
on = "_lk.archive.*"
exec = { command = ["/bin/sh", "-c", "echo >> DIR/mark"] }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_an_authorised_source_runs_the_command_once() {
    let stranger = Module::new("other-01");
    let relay = Relay::new().trust(&stranger, &["_lk.archive."]);
    let mut site = KeeperSite::at(relay, AT_ONCE);
    site.start();
    emit(&site, &stranger, "evil", 3).await;
    emit(&site, &site.archive, "master", 1).await;
    let record = recorded(&site, 1);
    assert_eq!((record[0].key.as_str(), record[0].count), ("master", 1));
    until("the end of the run", || site.runs().contains("succeeded").then_some(()));
    // Nobody whom keeper does not trust had anything run; and a restart repeats nothing.
    site.stop(Signal::TERM);
    site.start();
    emit(&site, &site.archive, "other", 1).await;
    let keys: Vec<_> = recorded(&site, 2).into_iter().map(|run| run.key).collect();
    assert_eq!(keys, ["master", "other"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_becomes_few_runs_with_every_event_in_exactly_one() {
    let mut site = KeeperSite::new(
        &AT_ONCE.replace("exec =", "debounce = \"2s\"\nmax_wait = \"10s\"\nexec ="),
    );
    site.start();
    emit(&site, &site.archive, "master", 2_000).await;
    emit(&site, &site.archive, "universe", 500).await;
    let record = until("all events", || {
        let record = record(&site);
        (record.iter().map(|run| run.count).sum::<u64>() >= 2_500).then_some(record)
    });
    let of =
        |key: &str| record.iter().filter(|run| run.key == key).map(|run| run.count).sum::<u64>();
    assert_eq!((of("master"), of("universe")), (2_000, 500));
    assert!(record.len() <= 6, "{} runs", record.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_while_keeper_was_down_is_not_lost() {
    let mut site = KeeperSite::new(AT_ONCE);
    site.start();
    emit(&site, &site.archive, "a", 1).await;
    recorded(&site, 1);
    site.stop(Signal::KILL);
    emit(&site, &site.archive, "b", 20).await;
    site.start();
    let record = recorded(&site, 2);
    assert_eq!((record[1].key.as_str(), record[1].count), ("b", 20));
}

/// A command that lasts until it is killed, after it has said that it began.
const LONG: &str = r#"
[[rule]]
name = "publish"
on = "_lk.archive.package-upload-*"
POLICY
exec = { command = ["/bin/sh", "-c", "cat >> DIR/record; test -e DIR/go || sleep 1000"] }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_end_nobody_knows_is_repeated_only_where_the_rule_says_so() {
    for (policy, state) in [
        ("", "failed"),
        ("on_unknown_outcome = \"skip\"", "unknown"),
        ("on_unknown_outcome = \"retry\"", "succeeded"),
    ] {
        let mut site = KeeperSite::new(&LONG.replace("POLICY", policy));
        site.start();
        emit(&site, &site.archive, "a", 1).await;
        recorded(&site, 1);
        site.stop(Signal::KILL);
        assert!(site.runs().contains("started"), "{}", site.runs());
        fs::write(site.path("go"), "").unwrap();
        site.start();
        until("the verdict", || site.runs().contains(state).then_some(()));
        emit(&site, &site.archive, "b", 1).await;
        let is_repeated = state == "succeeded";
        let record = recorded(&site, if is_repeated { 3 } else { 2 });
        let first: Vec<_> = record.iter().filter(|run| run.run == 1).collect();
        assert_eq!(first.len(), if is_repeated { 2 } else { 1 }, "{policy}: {record:?}");
        if state == "failed" {
            // Somebody looked, and wants it done.
            let output = site.ask(&["retry", "1"]);
            assert!(output.status.success(), "{output:?}");
            let record = recorded(&site, 3);
            assert_eq!((record[2].run, record[2].attempt), (1, 2));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_tried_again_and_then_set_aside_with_its_events() {
    let mut site = KeeperSite::new(
        r#"
[[rule]]
name = "publish"
on = "_lk.archive.*"
retries = 2
pause = "0s"
exec = { command = ["/bin/sh", "-c", "cat >> DIR/record; echo broken >&2; exit 7"] }
"#,
    );
    site.start();
    emit(&site, &site.archive, "a", 1).await;
    let attempts: Vec<_> = recorded(&site, 3).iter().map(|run| run.attempt).collect();
    assert_eq!(attempts, [1, 2, 3]);
    let runs = until("the verdict", || {
        let runs = site.runs();
        runs.contains("failed").then_some(runs)
    });
    assert!(runs.contains("1 event, 3 attempts: exit status: 7"), "{runs}");
    let shown = String::from_utf8(site.ask(&["runs", "1"]).stdout).unwrap();
    assert!(shown.contains("broken") && shown.contains(ID), "{shown}");
    let test = site.ask(&["runs", "99"]);
    assert_eq!(test.status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_reload_and_a_broken_file_changes_nothing() {
    let mut site = KeeperSite::new(AT_ONCE);
    site.start();
    site.set_rules("[[rule]]\nname = 1");
    site.keeper().signal(Signal::HUP);
    let line = site.keeper().line("not reloaded");
    assert!(line.contains("test.toml:2:"), "{line}");
    let output = site.ask(&["check"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("test.toml:2: invalid type"));
    emit(&site, &site.archive, "old", 1).await;
    recorded(&site, 1);
    site.set_rules(&AT_ONCE.replace("{{ data.repo }}", "new-{{ data.repo }}"));
    site.keeper().signal(Signal::HUP);
    site.keeper().line("rules loaded");
    emit(&site, &site.archive, "x", 1).await;
    assert_eq!(recorded(&site, 2)[1].key, "new-x");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_rule_would_do_is_seen_before_it_does_it() {
    let site = KeeperSite::new(&AT_ONCE.replace("exec =", "debounce = \"60s\"\nexec ="));
    emit(&site, &site.archive, "master", 30).await;
    let output = site.ask(&["simulate", "publish", "--since", "1h"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("publish would have run 1 time, for 30 of 30 events\n"), "{text}");
    assert!(text.contains("\"master\"  30 events since "), "{text}");
    let history = Command::new(binary("lk"))
        .args(["history", "--json", "--replay", &site.relay.endpoints().replay])
        .output()
        .unwrap();
    fs::write(site.path("events"), history.stdout).unwrap();
    let events = site.path("events");
    let output = site.ask(&["test", "publish", events.to_str().unwrap()]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("30 events under \"master\" would run [\"/bin/sh\""), "{text}");
    // An event that comes twice is taken once.
    let twice = site.ask(&["test", "publish", events.to_str().unwrap(), events.to_str().unwrap()]);
    let twice = String::from_utf8(twice.stdout).unwrap();
    assert_eq!(twice.matches(": came before\n").count(), 30, "{twice}");
    assert!(twice.contains("\n30 events under"), "{twice}");
    assert_eq!(record(&site), []);
    // A whole keeper that only says what it would do.
    site.set_rules(AT_ONCE);
    let dry = Process::start(&mut site.command(&["run", "--dry-run"]));
    dry.line("connected to the relay");
    emit(&site, &site.archive, "master", 1).await;
    until("a run that is only said", || {
        let said = dry.output().iter().any(|line| line.contains("would run"));
        said.then_some(())
    });
    assert_eq!(record(&site), []);
    assert!(!site.path("keeper/keeper.sqlite").exists());
    assert!(dry.stop(Signal::TERM).success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_rule_that_was_gone_runs_once_it_is_back() {
    const FAILS: &str = r#"
[[rule]]
name = "fails"
on = "_lk.archive.*"
key = "fails"
exec = { command = ["/bin/sh", "-c", "test -e DIR/go && cat >> DIR/record"] }
"#;
    let slow = AT_ONCE.replace("exec =", "debounce = \"1h\"\nexec =");
    let mut site = KeeperSite::new(&format!("{slow}{FAILS}{MARK}"));
    site.start();
    emit(&site, &site.archive, "a", 1).await;
    let failed = until("the failure", || {
        let runs = site.runs();
        let line = runs.lines().find(|line| line.contains("fails") && line.contains("failed"))?;
        site.path("mark").exists().then(|| line.to_owned())
    });
    site.stop(Signal::TERM);
    site.set_rules(MARK);
    site.start();
    let run: String = failed.chars().skip_while(|c| !c.is_ascii_digit()).collect();
    let run: String = run.chars().take_while(char::is_ascii_digit).collect();
    assert!(site.ask(&["retry", &run]).status.success(), "{failed}");
    fs::write(site.path("go"), "").unwrap();
    site.keeper().line("ready");
    site.set_rules(&format!("{AT_ONCE}{FAILS}{MARK}"));
    let mut keys: Vec<_> = recorded(&site, 2).into_iter().map(|run| run.key).collect();
    keys.sort();
    assert_eq!(keys, ["a", "fails"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_does_not_begin_to_wait_anew_with_each_restart() {
    let slow = Duration::from_secs(12);
    let mut site = KeeperSite::new(&AT_ONCE.replace("exec =", "debounce = \"12s\"\nexec ="));
    site.start();
    let came = Instant::now();
    emit(&site, &site.archive, "a", 1).await;
    until("what waits", || {
        let ledger = Ledger::open_to_read(&site.path("keeper/keeper.sqlite")).ok()?;
        (!ledger.waiting().unwrap().is_empty()).then_some(())
    });
    site.stop(Signal::TERM);
    until("its time", || (came.elapsed() > slow).then_some(()));
    let restarted = Instant::now();
    site.start();
    recorded(&site, 1);
    assert!(restarted.elapsed() < slow);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_set_back_holds_nothing_up() {
    let mut site = KeeperSite::new(&AT_ONCE.replace("exec =", "once_within = \"1s\"\nexec ="));
    fs::create_dir(site.path("keeper")).unwrap();
    let mut ledger = Ledger::open(&site.path("keeper/keeper.sqlite")).unwrap();
    let ahead = SystemClock.now() + Duration::from_hours(365 * 24);
    let run = ledger.start("publish", "a", ahead).unwrap().run;
    ledger.finish(run, &Verdict::Succeeded, b"", ahead).unwrap();
    drop(ledger);
    site.start();
    emit(&site, &site.archive, "a", 1).await;
    assert_eq!(recorded(&site, 1)[0].key, "a");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_safety_net_does_not_hang_on_the_relay() {
    let mut site = KeeperSite::new(&AT_ONCE.replace("exec =", "fallback_every = \"1s\"\nexec ="));
    site.relay.stop(Signal::TERM);
    let keeper = Process::start(&mut site.command(&["run"]));
    assert_eq!(recorded(&site, 1)[0].count, 0);
    assert!(keeper.stop(Signal::TERM).success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_distance_that_a_rule_is_given_counts_from_the_last_run() {
    let mut site = KeeperSite::new(&format!("{AT_ONCE}{MARK}"));
    site.start();
    emit(&site, &site.archive, "a", 1).await;
    recorded(&site, 1);
    until("the end of the run", || {
        let runs = site.runs();
        (runs.matches("succeeded").count() == 2).then_some(())
    });
    let apart = AT_ONCE.replace("exec =", "once_within = \"1h\"\nexec =");
    site.set_rules(&format!("{apart}{MARK}"));
    site.keeper().line("rules loaded");
    emit(&site, &site.archive, "a", 1).await;
    emit(&site, &site.archive, "b", 1).await;
    let record = recorded(&site, 2);
    until("the mark", || {
        let mark = fs::read_to_string(site.path("mark")).unwrap();
        (mark.lines().count() >= 2).then_some(())
    });
    assert_eq!(record[1].key, "b", "{record:?}");
}
