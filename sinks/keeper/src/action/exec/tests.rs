use std::{fs, time::Duration};

use serde_json::json;
use tempfile::TempDir;

use super::{attend::MAX_OUTPUT, *};

fn exec(command: &[&str]) -> Exec {
    let config = ExecConfig {
        command: command.iter().map(|&argument| argument.to_owned()).collect(),
        directory: None,
        environment: BTreeMap::from([("SITE".to_owned(), "test".to_owned())]),
        lock: None,
        wait_for: Vec::new(),
    };
    Exec::new(&config).unwrap()
}

fn order(timeout: Duration) -> Order {
    let values = json!({"rule": "r", "run": 7, "attempt": 1, "count": 1});
    let keeper = laniakea_e2e::binary("keeper");
    Order { values, timeout, data_dir: "/data".into(), keeper }
}

async fn run(command: &[&str], data: &Json) -> Ended {
    let values = json!({
        "rule": "r", "run": 7, "attempt": 1, "count": 1, "key": "k", "data": data,
    });
    exec(command).run(Order { values, ..order(Duration::from_secs(20)) }).await
}

fn output(ended: &Ended) -> String {
    assert_eq!(ended.outcome, Outcome::Succeeded, "{}", String::from_utf8_lossy(&ended.output));
    String::from_utf8(ended.output.clone()).unwrap()
}

#[tokio::test]
async fn a_value_is_one_argument_whatever_stands_in_it() {
    for value in
        ["a b", "$(reboot)", "`x`;&|<>", "'\"\\", "../../etc/passwd", "a\nb", "", "é\u{202e}"]
    {
        let ended = run(
            &["/bin/sh", "-c", "printf %s \"$1\"; exit $(($# - 1))", "sh", "{{ data.x }}"],
            &json!({"x": value}),
        )
        .await;
        assert_eq!(output(&ended), value);
    }
}

#[tokio::test]
async fn a_value_that_would_be_an_option_or_no_argument_is_refused() {
    for value in ["-rf", "--help", "-", "a\u{0}b"] {
        let ended = run(&["/bin/echo", "{{ data.x }}"], &json!({"x": value})).await;
        assert!(matches!(&ended.outcome, Outcome::Refused(_)), "{ended:?}");
        assert!(ended.output.is_empty());
    }
    let long = format!("-{}", "\u{202e}".repeat(40_000));
    let ended = run(&["/bin/echo", "{{ data.x }}"], &json!({"x": long})).await;
    assert!(matches!(&ended.outcome, Outcome::Refused(reason) if reason.len() < 2_500));
    let ended = run(&["/bin/echo", "--package={{ data.x }}"], &json!({"x": "-rf"})).await;
    assert_eq!(output(&ended), "--package=-rf\n");
    let ended = run(&["/bin/echo", "{{ data.missing }}"], &json!({})).await;
    assert!(matches!(&ended.outcome, Outcome::Refused(reason) if reason.contains("undefined")));
}

#[tokio::test]
async fn a_program_gets_its_events_on_stdin_and_plain_facts_in_its_environment() {
    let ended = run(&["/usr/bin/env"], &json!({"x": "\nLD_PRELOAD=/tmp/x"})).await;
    let lines = output(&ended);
    for expected in
        ["LK_RULE=r", "LK_RUN=7", "LK_ATTEMPT=1", "LK_COUNT=1", "LK_KEEPER=/data", "SITE=test"]
    {
        assert!(lines.lines().any(|line| line == expected), "{expected} in {lines}");
    }
    assert!(!lines.contains("LD_PRELOAD") && !lines.contains("CARGO"), "{lines}");
    let ended = run(&["/bin/cat"], &json!({"x": "y"})).await;
    let seen: Json = serde_json::from_slice(&ended.output).unwrap();
    assert_eq!(seen["data"]["x"], "y");
}

#[tokio::test]
async fn how_it_ended_is_told_with_what_it_said() {
    let ended = run(&["/bin/sh", "-c", "echo out; echo err >&2; exit 3"], &json!({})).await;
    assert_eq!(ended.outcome, Outcome::Failed("exit status: 3".to_owned()));
    let said = String::from_utf8(ended.output).unwrap();
    assert!(said.contains("out\n") && said.contains("err\n"), "{said}");
    let ended = run(&["/no/such/program"], &json!({})).await;
    assert!(
        matches!(&ended.outcome, Outcome::Failed(reason) if reason.contains("/no/such/program"))
    );
    let ended = run(&["/bin/sh", "-c", "kill -9 $$"], &json!({})).await;
    assert!(matches!(&ended.outcome, Outcome::Failed(reason) if reason.contains("signal: 9")));
    let ended = run(&["/usr/bin/head", "-c", "1000000", "/dev/zero"], &json!({})).await;
    assert!(ended.output.len() < MAX_OUTPUT + 100);
}

#[tokio::test]
async fn what_takes_too_long_is_ended_with_all_that_it_started() {
    let directory = TempDir::new().unwrap();
    let (pids, script) = (directory.path().join("pids"), "sleep 1000 & echo $! > \"$1\"; wait");
    let values = json!({"rule": "r", "run": 1, "attempt": 1, "count": 0});
    let exec = exec(&["/bin/sh", "-c", script, "sh", pids.to_str().unwrap()]);
    let ended = exec.run(Order { values, ..order(Duration::from_millis(500)) }).await;
    assert!(matches!(&ended.outcome, Outcome::Failed(reason) if reason.contains("longer")));
    let pid = fs::read_to_string(&pids).unwrap();
    // A signal is sent before it has arrived.
    laniakea_e2e::until("the end of its child", || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
        stat.map_or(true, |stat| stat.contains(") Z ")).then_some(())
    });
}

#[test]
fn what_cannot_be_run_is_refused_when_the_rule_is_read() {
    let new = |command: &[&str], variable: &str| {
        Exec::new(&ExecConfig {
            command: command.iter().map(|&argument| argument.to_owned()).collect(),
            directory: None,
            environment: BTreeMap::from([(variable.to_owned(), String::new())]),
            lock: None,
            wait_for: Vec::new(),
        })
    };
    assert_eq!(new(&[], "A").unwrap_err(), InvalidExec::Empty);
    assert_eq!(new(&["x"], "A").unwrap_err(), InvalidExec::Relative("x".to_owned()));
    for variable in ["", "LK_RUN", "A=B", "A\0"] {
        assert_eq!(new(&["/x"], variable).unwrap_err(), InvalidExec::Variable(variable.to_owned()));
    }
    assert!(matches!(new(&["/x", "{{"], "A"), Err(InvalidExec::Template(_))));
}

#[tokio::test]
async fn a_run_that_is_given_up_leaves_nothing_behind() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("process");
    let script = format!("sleep 1000 & echo $! > {}; wait", file.display());
    let exec = exec(&["/bin/sh", "-c", &script]);
    let order = order(Duration::from_secs(1_000));
    let mut runs = tokio::task::JoinSet::new();
    runs.spawn(async move { exec.run(order).await });
    let read = || fs::read_to_string(&file).ok().filter(|text| text.ends_with('\n'));
    let process = loop {
        match read() {
            Some(text) => break text.trim().to_owned(),
            None => tokio::task::yield_now().await,
        }
    };
    runs.shutdown().await;
    // What has ended has no command line any more, whether somebody has noticed or not.
    let command = PathBuf::from(format!("/proc/{process}/cmdline"));
    laniakea_e2e::until("the end of what it started", || {
        fs::read(&command).unwrap_or_default().is_empty().then_some(())
    });
}

/// What a program leaves behind that does not want to be found: it notes its number, heeds no
/// SIGTERM and never ends.
const LEFT: &str = "trap '' TERM; echo $$ >>\"$1\"; while :; do sleep 1; done";

/// Ways to leave it behind.
const ESCAPES: [(&str, &str); 7] = [
    ("in the background", "sh left \"$1\" &"),
    ("in a session of its own", "setsid sh left \"$1\" &"),
    ("by a parent that is gone", "( setsid sh -c 'sh left \"$1\" &' sh \"$1\" & ) &"),
    ("without descriptors", "( setsid sh left \"$1\" <&- >&- 2>&- & ) &"),
    ("without its environment", "( env -i setsid sh left \"$1\" & ) &"),
    ("stopped", "setsid sh -c 'echo $$ >>\"$1\"; kill -STOP $$' sh \"$1\" &"),
    ("many times", "for i in 1 2 3 4 5 6 7 8; do ( setsid sh left \"$1\" & ) & done"),
];

/// Runs a program that leaves something behind, and says which processes that were.
async fn leave(how: &str, end: &str, timeout: Duration) -> (Ended, Vec<PathBuf>) {
    let directory = TempDir::new().unwrap();
    let pids = directory.path().join("pids");
    fs::write(directory.path().join("left"), LEFT).unwrap();
    let script = format!("trap '' TERM\n{how}\nuntil test -s \"$1\"; do sleep 0.01; done\n{end}");
    let mut exec = exec(&["/bin/sh", "-c", &script, "sh", pids.to_str().unwrap()]);
    exec.directory = directory.path().to_owned();
    let ended = exec.run(order(timeout)).await;
    let noted = fs::read_to_string(&pids).unwrap();
    (ended, noted.lines().map(|pid| PathBuf::from(format!("/proc/{pid}"))).collect())
}

fn assert_gone(how: &str, left: &[PathBuf]) {
    assert!(!left.is_empty(), "{how}");
    assert!(left.iter().all(|process| !process.exists()), "what was left {how} is there: {left:?}");
}

#[tokio::test]
async fn what_a_program_leaves_behind_is_gone_when_its_run_has_ended() {
    for (how, what) in ESCAPES {
        let (ended, left) = leave(what, "exit 3", Duration::from_mins(1)).await;
        assert_eq!(ended.outcome, Outcome::Failed("exit status: 3".to_owned()), "{how}");
        assert_gone(how, &left);
    }
}

#[tokio::test]
async fn what_a_program_leaves_behind_is_gone_when_it_took_too_long() {
    let runs = ESCAPES.map(|(how, what)| async move {
        let (ended, left) = leave(what, "sleep 1000; sleep 1000", Duration::from_secs(3)).await;
        let problem = "it was ended: it took longer than 3 s";
        assert_eq!(ended.outcome, Outcome::Failed(problem.to_owned()), "{how}");
        assert_gone(how, &left);
    });
    futures_util::future::join_all(runs).await;
}

/// A process that starts the next one and ends, for so many times at most.
const COMET: &str =
    "trap '' TERM; test $2 = 0 || { echo $$ >>\"$1\"; setsid sh comet \"$1\" $(($2 - 1)) & }";

#[tokio::test]
async fn what_starts_itself_again_and_again_is_gone_too() {
    const MOST: usize = 50_000;
    let directory = TempDir::new().unwrap();
    let pids = directory.path().join("pids");
    fs::write(directory.path().join("comet"), COMET).unwrap();
    let script = format!("for i in 1 2 3 4 5; do sh comet \"$1\" {MOST}; done; sleep 0.2");
    let mut exec = exec(&["/bin/sh", "-c", &script, "sh", pids.to_str().unwrap()]);
    exec.directory = directory.path().to_owned();
    let ended = exec.run(order(Duration::from_mins(1))).await;
    assert_eq!(ended.outcome, Outcome::Succeeded);
    let started = fs::read_to_string(&pids).unwrap();
    assert!(started.lines().count() > 5, "{started}");
    assert!(started.lines().count() < 5 * MOST);
    assert!(started.lines().all(|pid| !PathBuf::from(format!("/proc/{pid}")).exists()));
    // None of them is there to start another one.
    assert_eq!(fs::read_to_string(&pids).unwrap(), started);
}
