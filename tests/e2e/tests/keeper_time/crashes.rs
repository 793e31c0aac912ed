//! `kill -9` at five points around an action: five times each, or `KEEPER_CRASHES=n` times.

use std::fs;

use laniakea_e2e::{Signal, until};

use crate::place::Place;

const ID: &str = "_lk.archive.package-upload-accepted";

/// Writes down that it was run, and the first time does not end by itself where it is to be killed.
const RULE: &str = r#"
[[rule]]
name = "publish"
on = "_lk.archive.package-upload-*"
key = "{{ data.repo }}"
on_unknown_outcome = "POLICY"
DEBOUNCE
exec = { command = ["/bin/sh", "-c", "echo $1 $LK_ATTEMPT >> DIR/record; test $LK_ATTEMPT != 1 || test ! -e DIR/lasts || exec sleep 1000", "sh", "{{ key }}"] }
"#;

/// Where keeper is killed.
const POINTS: [Point; 5] = [
    Point { name: "before-take", is_known: true, begins: true },
    Point { name: "after-take", is_known: true, begins: true },
    Point { name: "before-action", is_known: false, begins: false },
    Point { name: "while-it-runs", is_known: false, begins: true },
    Point { name: "before-finish", is_known: false, begins: true },
];

#[derive(Debug, Clone, Copy)]
struct Point {
    name: &'static str,
    /// No attempt had begun when keeper was killed.
    is_known: bool,
    /// The action of the first attempt is begun at some time.
    begins: bool,
}

/// What came of killing keeper so and so often.
#[derive(Debug, Default)]
struct Row {
    point: &'static str,
    policy: &'static str,
    kills: usize,
    runs: usize,
    executions: usize,
    /// Executed more often than the rule allows.
    doubled: usize,
    /// Executed less often than the rule demands.
    lost: usize,
    /// Runs whose outcome nobody knows, and which of them say so.
    unknown: usize,
    reported: usize,
    /// Commands that went on after the next keeper had begun.
    unseen: usize,
}

#[test]
fn a_crash_repeats_nothing_silently_and_loses_nothing() {
    let kills = std::env::var("KEEPER_CRASHES").ok().and_then(|kills| kills.parse().ok());
    let kills = kills.unwrap_or(5);
    let policies = ["alert", "skip", "retry"]
        .map(|policy| std::thread::spawn(move || POINTS.map(|point| crash(point, policy, kills))));
    let rows: Vec<Row> = policies.into_iter().flat_map(|policy| policy.join().unwrap()).collect();
    show(&rows);
    for row in rows {
        assert_eq!((row.kills, row.runs), (kills, kills), "{row:?}");
        assert_eq!((row.doubled, row.lost, row.unseen), (0, 0, 0), "{row:?}");
        assert_eq!(row.reported, row.unknown, "{row:?}");
    }
}

#[expect(clippy::print_stdout, reason = "the table is what `make soak` is for")]
fn show(rows: &[Row]) {
    println!(
        "{:<14} {:<6} {:>5} {:>5} {:>10} {:>7} {:>5} {:>8} {:>8} {:>7}",
        "killed",
        "policy",
        "kills",
        "runs",
        "executions",
        "doubled",
        "lost",
        "unknown",
        "reported",
        "unseen"
    );
    for row in rows {
        println!(
            "{:<14} {:<6} {:>5} {:>5} {:>10} {:>7} {:>5} {:>8} {:>8} {:>7}",
            row.point,
            row.policy,
            row.kills,
            row.runs,
            row.executions,
            row.doubled,
            row.lost,
            row.unknown,
            row.reported,
            row.unseen
        );
    }
}

fn crash(point: Point, policy: &'static str, kills: usize) -> Row {
    // Events that nothing holds up may be taken and started at once.
    let debounce = if point.name == "after-take" { "debounce = \"1s\"" } else { "" };
    let mut place = Place::new(&RULE.replace("POLICY", policy).replace("DEBOUNCE", debounce));
    let mut row = Row { point: point.name, policy, kills, ..Row::default() };
    let is_outside = point.name == "while-it-runs";
    if is_outside {
        fs::write(place.path("lasts"), "").unwrap();
    }
    place.start();
    for number in 0..kills {
        let key = format!("k{number}");
        if !is_outside {
            place.arm(point.name);
        }
        place.emit(ID, &[("repo", key.as_str().into())]);
        if is_outside {
            until("the command", || {
                place.lines("record").contains(&format!("{key} 1")).then_some(())
            });
            place.stop(Signal::KILL);
        } else {
            let status = place.keeper().wait();
            assert!(status.to_string().contains("signal: 9"), "{status}");
            place.disarm();
        }
        place.start();
        if !point.is_known {
            until_logged(&mut place, "nobody knows how it went", &key);
        }
        if point.is_known || policy == "retry" {
            until_logged(&mut place, "a run succeeded", &key);
        }
        row.unseen += commands(&place);
    }
    place.stop(Signal::TERM);
    judge(&place, point, &mut row);
    row
}

fn until_logged(place: &mut Place, text: &str, key: &str) {
    until(text, || {
        let lines = place.keeper().output();
        lines.iter().any(|line| line.contains(text) && line.contains(key)).then_some(())
    });
}

/// Commands of this keeper that are at work.
fn commands(place: &Place) -> usize {
    let ours = format!("LK_KEEPER={}", place.path("keeper").display());
    let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let environments =
        processes.filter_map(|process| fs::read(process.path().join("environ")).ok());
    environments
        .filter(|environment| {
            environment.split(|byte| *byte == 0).any(|entry| entry == ours.as_bytes())
        })
        .count()
}

fn judge(place: &Place, point: Point, row: &mut Row) {
    let record = place.lines("record");
    let runs = place.runs();
    row.runs = runs.len();
    row.executions = record.len();
    for number in 0..row.kills {
        let key = format!("k{number}");
        let executed = record.iter().filter(|line| line.split(' ').next() == Some(&key)).count();
        let of_key: Vec<_> = runs.iter().filter(|run| run.key == key).collect();
        let [run] = of_key[..] else {
            row.lost += 1;
            continue;
        };
        let is_repeated = !point.is_known && row.policy == "retry";
        let expected = usize::from(point.begins) + usize::from(is_repeated);
        row.doubled += usize::from(executed > expected);
        row.lost += usize::from(executed < expected || run.events != 1);
        assert_eq!(run.attempts, if is_repeated { 2 } else { 1 }, "{run:?}");
        if point.is_known {
            assert_eq!(run.state, "succeeded", "{run:?}");
            continue;
        }
        row.unknown += 1;
        let says_so = match row.policy {
            "retry" => run.state == "succeeded",
            "skip" => run.state == "unknown" && run.problem.contains("nobody knows"),
            _ => run.state == "failed" && run.problem.contains("nobody knows"),
        };
        row.reported += usize::from(says_so);
    }
}
