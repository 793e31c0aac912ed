//! What did not come in time, and what came in its order.

use std::time::{Duration, Instant};

use laniakea_e2e::{Signal, until};

use crate::place::Place;

fn job(place: &Place, what: &str, job: &str) {
    place.emit(&format!("_lk.jobs.job-{what}"), &[("job_id", job.into())]);
}

const STUCK: &str = r#"
[[rule]]
name = "stuck"
key = "{{ data.job_id }}"
absent = { after = "_lk.jobs.job-assigned", without = ["_lk.jobs.job-finished", "_lk.jobs.job-rejected"], within = "4s" }
exec = { command = ["/bin/sh", "-c", "echo $1 $2 $LK_COUNT >> DIR/record", "sh", "{{ key }}", "{{ 'missed' if missed_since else 'not' }}"] }

[[rule]]
name = "silence"
absent = { of = "_lk.archive.repository-published", within = "5s" }
exec = { command = ["/bin/sh", "-c", "echo silence $LK_COUNT >> DIR/silence"] }

[[rule]]
name = "moved"
on = "_lk.jobs.job-assigned"
then = ["_lk.jobs.job-rejected", { id = "_lk.jobs.job-assigned" }]
within = "1h"
key = "{{ data.job_id }}"
exec = { command = ["/bin/sh", "-c", "echo $1 $LK_COUNT >> DIR/moved", "sh", "{{ key }}"] }
"#;

#[test]
fn what_does_not_come_is_missed_and_what_came_during_a_downtime_is_not() {
    let mut place = Place::new(STUCK);
    job(&place, "assigned", "stuck");
    job(&place, "assigned", "done");
    job(&place, "finished", "done");
    job(&place, "assigned", "late");
    job(&place, "assigned", "moved");
    job(&place, "rejected", "moved");
    // While keeper is down its time is over, and then the answer comes.
    let began = Instant::now();
    until("the time", || (began.elapsed() > Duration::from_secs(4)).then_some(()));
    job(&place, "finished", "late");
    job(&place, "assigned", "moved");
    // Had keeper been there, `late` would have been missed too; it is seen before anything runs.
    let said = place.told(&["simulate", "stuck", "--since", "1h"]);
    assert!(said.starts_with("stuck would have run 2 times, for 8 of 8 events\n"), "{said}");
    assert!(said.contains("\"late\"  1 event since"), "{said}");
    let history = place.history();
    let said = place.told(&["test", "moved", history.to_str().unwrap()]);
    assert!(said.contains("part 1 and part 3 under the key \"moved\""), "{said}");
    assert!(said.contains("would run with 3 events under \"moved\"\n"), "{said}");
    place.start();
    let missed = until("what is missed", || {
        let lines = place.lines("record");
        (lines.len() >= 2).then_some(lines)
    });
    let mut missed: Vec<&str> = missed.iter().map(String::as_str).collect();
    missed.sort_unstable();
    // `stuck`, and `moved`, which nobody has answered since it was assigned again.
    assert_eq!(missed, ["moved missed 1", "stuck missed 1"]);
    until("the sequence", || (place.lines("moved") == ["moved 3"]).then_some(()));
    // Nobody ever published, and that is told once, without an event.
    until("the silence", || (place.lines("silence") == ["silence 0"]).then_some(()));
    place.emit("_lk.archive.repository-published", &[("repo", "master".into())]);
    until("the next silence", || {
        (place.lines("silence") == ["silence 0", "silence 1"]).then_some(())
    });
    // The command has said so; its end is noted a moment later.
    until("the end of all five", || {
        let runs = place.runs();
        (runs.iter().filter(|run| run.state == "succeeded").count() == 5).then_some(())
    });
    // Nothing of it is told again after a restart.
    place.stop(Signal::KILL);
    job(&place, "assigned", "last");
    place.start();
    until("the last", || place.lines("record").contains(&"last missed 1".to_owned()).then_some(()));
    assert_eq!(place.lines("record").len(), 3);
    assert_eq!(place.lines("silence").len(), 2);
    until("the end of all", || {
        place.runs().iter().all(|run| run.state == "succeeded").then_some(())
    });
}
