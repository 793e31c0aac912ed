//! Which events are stages of the same thing.

use std::collections::BTreeMap;

use laniakea_catalog::{Catalog, Stage};
use serde_json::{Value, json};

const FINISHED: &str = "_lk.jobs.job-finished";

fn stage(id: &str, data: &Value) -> Option<Stage> {
    Catalog::builtin().lifecycle(id, data)
}

fn key(data: &Value) -> Option<String> {
    stage("_lk.synchrotron.new-autosync-issue", data).map(|stage| stage.key)
}

#[test]
fn the_stages_of_a_job_have_its_id_and_the_last_one_says_so() {
    for (id, is_last) in [
        ("_lk.jobs.job-assigned", false),
        ("_lk.jobs.job-accepted", false),
        ("_lk.jobs.job-rejected", false),
        (FINISHED, true),
    ] {
        let name = "job".to_owned();
        let key = r#"["0a1b"]"#.to_owned();
        assert_eq!(stage(id, &json!({"job_id": "0a1b"})), Some(Stage { name, key, is_last }));
    }
}

#[test]
fn the_examples_of_one_lifecycle_are_about_the_same_thing_and_end() {
    let mut lifecycles: BTreeMap<String, Vec<Stage>> = BTreeMap::new();
    for entry in Catalog::builtin().entries() {
        let full = stage(entry.id(), &entry.example());
        assert_eq!(stage(entry.id(), &entry.bare_example()), full, "{}", entry.id());
        if let Some(stage) = full {
            lifecycles.entry(stage.name.clone()).or_default().push(stage);
        }
    }
    let names: Vec<&str> = lifecycles.keys().map(String::as_str).collect();
    assert_eq!(names, ["excuse", "issue", "job", "run", "sync-issue"]);
    for stages in lifecycles.values() {
        assert!(stages.iter().all(|stage| stage.key == stages[0].key), "{stages:?}");
        // Some end well or badly, and none with all that they can be.
        let ends = stages.iter().filter(|stage| stage.is_last).count();
        assert!((1..stages.len()).contains(&ends), "{stages:?}");
    }
}

#[test]
fn events_that_are_no_stage_have_none() {
    let data = json!({"job_id": "0a1b"});
    for id in ["_lk.core.ping", "_lk.rubicon.job-upload-accepted", "org.example.unknown.type", ""] {
        assert_eq!(stage(id, &data), None, "{id}");
    }
}

#[test]
fn an_event_that_does_not_say_of_what_is_a_stage_of_nothing() {
    let long = "x".repeat(256);
    for value in [
        json!(null),
        json!(7),
        json!(true),
        json!(["0a1b"]),
        json!({"id": "0a1b"}),
        json!(""),
        json!(" \n"),
        json!(long),
    ] {
        assert_eq!(stage(FINISHED, &json!({"job_id": value})), None, "{value}");
    }
    for data in [json!({}), json!([]), json!("0a1b"), json!(null)] {
        assert_eq!(stage(FINISHED, &data), None, "{data}");
    }
    assert!(stage(FINISHED, &json!({"job_id": "x".repeat(255)})).is_some());
}

#[test]
fn every_field_of_a_key_counts() {
    let issue = json!({"name": "hello", "src_os": "Debian", "suite_src": "sid",
                       "suite_dest": "landing", "kind": "merge-required"});
    let whole = key(&issue);
    assert_eq!(whole.as_deref(), Some(r#"["hello","Debian","sid","landing","merge-required"]"#));
    for name in ["name", "src_os", "suite_src", "suite_dest", "kind"] {
        let mut other = issue.clone();
        other[name] = json!("other");
        assert!(key(&other).is_some_and(|key| Some(key) != whole), "{name}");
        other.as_object_mut().unwrap().remove(name);
        assert_eq!(key(&other), None, "{name}");
    }
}

#[test]
fn a_value_cannot_pass_for_the_next_one() {
    let issue = |name: &str, from: &str| {
        key(&json!({"name": name, "src_os": from, "suite_src": "sid", "suite_dest": "landing",
                    "kind": "sync-failed"}))
    };
    assert_ne!(issue(r#"a","b"#, "c"), issue("a", r#"b","c"#));
    assert_ne!(issue("a ", "b"), issue("a", "b"));
    let key = issue("a\n\u{1b}\"\\", "b").unwrap();
    assert!(!key.contains(char::is_control), "{key:?}");
}
