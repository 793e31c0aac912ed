//! `keeper import-scheduler`, as an operator types it.

#![expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use keeper::{action::Means, rules};

const TIMERS: [&str; 8] = [
    "ariadne-update",
    "debcheck",
    "expire-repos",
    "publish-repos",
    "rubicon",
    "spears-migrate",
    "statistics",
    "synchrotron-autosync",
];

fn import(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keeper"));
    command.current_dir(directory).arg("import-scheduler").args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The names of what is in a directory.
fn files(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn each_timer_becomes_a_rule_with_the_interval_that_it_had() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    fs::write(here.join("scheduler.toml"), "[Intervals]\npublish-repos = 90\nnobody = 1\n")
        .unwrap();
    let arguments = ["scheduler.toml", "--workspace", "/srv/x", "--output", "new/rules.d"];
    let output = import(here, &arguments);
    assert!(output.status.success(), "{output:?}");
    assert!(text(&output.stderr).contains("note: there is no timer \"nobody\""), "{output:?}");
    let written: Vec<String> = TIMERS.iter().map(|name| format!("{name}.toml")).collect();
    assert_eq!(files(&here.join("new/rules.d")), written);
    let rules = rules::load(&here.join("new/rules.d"), &Means::default()).unwrap();
    let every = |name| rules.get(name).unwrap().timing.fallback_every.unwrap();
    assert_eq!(every("publish-repos"), Duration::from_mins(90));
    assert_eq!(every("rubicon"), Duration::from_mins(15));
    assert_eq!(every("expire-repos"), Duration::from_hours(72));
    let rule = fs::read_to_string(here.join("new/rules.d/publish-repos.toml")).unwrap();
    assert!(rule.contains("\"/srv/x/locks/laniakea_scheduler_publish-repos.lock\""), "{rule}");
}

#[test]
fn a_rule_that_is_there_stays_and_then_nothing_is_written() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    fs::write(here.join("rubicon.toml"), "# mine\n").unwrap();
    let output = import(here, &["--output", "."]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(said.contains("there is already ./rubicon.toml: remove"), "{said}");
    assert_eq!(files(here), ["rubicon.toml"]);
    assert_eq!(fs::read_to_string(here.join("rubicon.toml")).unwrap(), "# mine\n");
    let output = import(here, &["--output", ".", "--only", "debcheck", "--only", "statistics"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(files(here), ["debcheck.toml", "rubicon.toml", "statistics.toml"]);
}

#[test]
fn without_a_directory_rules_are_printed() {
    let here = tempfile::tempdir().unwrap();
    let output = import(here.path(), &["--only", "publish-repos"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(text(&output.stdout).matches("[[rule]]").count(), 1);
    assert!(text(&output.stdout).contains("name = \"publish-repos\""), "{output:?}");
    assert_eq!(files(here.path()), [] as [&str; 0]);
}

#[test]
fn what_is_wrong_is_told() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    fs::write(here.join("broken.toml"), "[Intervals]\nrubicon =\n").unwrap();
    fs::write(here.join("never.toml"), "[Intervals]\n\nrubicon = 0\n").unwrap();
    fs::write(here.join("file"), "").unwrap();
    for (arguments, problem) in [
        (vec!["absent.toml"], "could not read absent.toml"),
        (vec!["broken.toml"], "line 2"),
        (vec!["never.toml"], "line 3: rubicon: 0 minutes is no interval"),
        (vec!["--only", "rubikon"], "there is no timer \"rubikon\", only rubicon, publish-repos"),
        (vec!["--workspace", "srv"], "--workspace is an absolute path"),
        (vec!["--output", "file/x"], "could not make the directory file/x"),
    ] {
        let output = import(here, &arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let said = text(&output.stderr);
        assert!(said.contains(problem), "{arguments:?}: {said}");
    }
}

/// As `keeper import-scheduler | head -1` does it.
#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let here = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_keeper"));
    command.current_dir(here.path()).arg("import-scheduler");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    let output = output.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(!text(&output.stderr).contains("panicked"), "{output:?}");
}
