//! A burst over a crash: each event is in exactly one batch.

use std::collections::BTreeMap;

use laniakea_e2e::{Signal, until};
use laniakea_event::Value;

use crate::place::{Place, UNBOUNDED};

const RULE: &str = r#"
[[rule]]
name = "publish"
on = "_lk.archive.package-upload-*"
key = "{{ data.repo }}"
concurrency = 4
debounce = "6s"
exec = { command = ["/bin/sh", "-c", "cat > DIR/batch-$LK_RUN.new; mv DIR/batch-$LK_RUN.new DIR/batch-$LK_RUN; echo $LK_RUN >> DIR/record"] }
"#;

const EVENTS: u64 = 10_000;
const REPOS: u64 = 4;

fn burst(place: &Place, numbers: std::ops::Range<u64>) {
    let data = numbers.map(|number| {
        let repo = format!("repo-{}", number % REPOS);
        [("repo".to_owned(), Value::from(repo)), ("number".to_owned(), Value::from(number))]
    });
    place.emit_all("_lk.archive.package-upload-accepted", data);
}

#[test]
fn ten_thousand_events_over_a_crash_are_one_run_a_key_with_each_event_in_one_batch() {
    let mut place = Place::new(RULE);
    place.start();
    burst(&place, 0..EVENTS / 2);
    place.stop(Signal::KILL);
    place.start();
    burst(&place, EVENTS / 2..EVENTS);
    let runs = until("the runs", || {
        let runs = place.lines("record");
        (runs.len() as u64 >= REPOS).then_some(runs)
    });
    place.stop(Signal::TERM);
    assert_eq!(runs.len() as u64, REPOS, "{runs:?}");
    let mut seen: BTreeMap<u64, usize> = BTreeMap::new();
    for run in runs {
        let text = std::fs::read(place.path(&format!("batch-{run}"))).unwrap();
        let batch = Value::parse(&text, &UNBOUNDED).unwrap();
        for event in batch.get("events").and_then(Value::as_array).unwrap() {
            let number = event.get("data").and_then(|data| data.get("number")).unwrap();
            *seen.entry(number.as_u64().unwrap()).or_default() += 1;
        }
    }
    assert_eq!(seen.len() as u64, EVENTS, "events are lost");
    assert!(seen.values().all(|count| *count == 1), "events are in several batches");
}
