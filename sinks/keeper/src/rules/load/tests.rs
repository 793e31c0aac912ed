use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::rules::{CatchUp, UnknownOutcome};

const GOOD: &str = r#"
[[rule]]
name = "publish"
on = ["_lk.archive.package-upload-accepted", "_lk.archive.package-src-*"]
data = { is_new = false }
where = "'archive-01' in signers"
signed_by = ["archive-01"]
key = "{{ data.repo }}"
debounce = "60s"
max_wait = "10m"
timeout = "2h"
retries = 3
on_unknown_outcome = "retry"
catch_up = "latest"
fallback_every = "4h"
exec = { command = ["/usr/bin/publish", "{{ key }}"] }
"#;

fn load_text(text: &str) -> Result<Rules, Vec<Problem>> {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("a.toml"), text).unwrap();
    load(directory.path(), &Means::default())
}

#[test]
fn a_rule_is_what_its_file_says() {
    let rules = load_text(GOOD).unwrap();
    let rule = rules.get("publish").unwrap();
    assert_eq!(rule.timing.debounce, Duration::from_mins(1));
    assert_eq!(rule.timing.max_wait, Some(Duration::from_mins(10)));
    assert_eq!(rule.timing.fallback_every, Some(Duration::from_hours(4)));
    assert_eq!((rule.timing.concurrency, rule.timing.per_key, rule.retries), (1, 1, 3));
    assert_eq!(rule.timeout, Duration::from_hours(2));
    assert_eq!(rule.on_unknown_outcome, UnknownOutcome::Retry);
    assert_eq!(rule.catch_up, CatchUp::Latest);
    let pauses: Vec<u64> = (1..5).map(|attempt| rule.pause_after(attempt).as_secs()).collect();
    assert_eq!(pauses, [10, 20, 40, 80]);
    assert_eq!(rule.pause_after(u32::MAX), Duration::from_hours(1));
}

#[test]
fn every_problem_has_its_file_and_line() {
    let change = |from: &str, to: &str| {
        assert!(GOOD.contains(from), "{from}");
        GOOD.replace(from, to)
    };
    for (text, line, what) in [
        (change("debounce", "debuonce"), 9, "unknown field `debuonce`"),
        (change("\"60s\"", "\"60\""), 9, "is no duration"),
        (change("\"60s\"", "\"unlimited\""), 3, "debounce cannot be unlimited"),
        (change("\"10m\"", "\"10s\""), 3, "max_wait is shorter than debounce"),
        (change("'archive-01' in signers", "1 +"), 6, "Syntax error"),
        (change("[\"archive-01\"]", "[\"\"]"), 7, ""),
        (change("{{ data.repo }}", "{{ data.repo"), 8, "template"),
        (change("\"/usr/bin/publish\"", "\"publish\""), 3, "absolute"),
        (change("name = \"publish\"", "name = \"../x\""), 3, "a rule's name"),
        (change("package-src-*", "[package"), 4, "package"),
        (change("exec = {", "exec = { shell = true,"), 16, "unknown field `shell`"),
        (
            change("exec = {", "#exec = {"),
            3,
            "the rule does nothing: it needs exec, webhook or emit",
        ),
        (change("exec = {", "emit = { id = \"a.b.c\" }\nexec = {"), 3, "one thing, not 2"),
        (change("exec = {", "emit = { id = \"a\" } #"), 16, "emit.id"),
        (change("exec = {", "webhook = { url = \"ftp://a/\" } #"), 16, "neither http: nor https:"),
        (change("retries = 3", "retries = 3\nconcurrency = 0"), 13, "never"),
        (change("\"4h\"", "\"0s\""), 3, "always"),
        (change("exec = {", "# {"), 3, "does nothing"),
        (format!("{GOOD}mail = {{ to = [], subject = \"\" }}"), 3, "one thing, not 2"),
        (change("exec = {", "mail = { to = [], subject = \"\" } # {"), 16, "needs [mail]"),
        (format!("{GOOD}{GOOD}"), 19, "there is another rule \"publish\""),
        ("[[rule]]\nname = 3".to_owned(), 2, "invalid type"),
        ("[[rule".to_owned(), 1, ""),
    ] {
        let problems = load_text(&text).unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].file.ends_with("a.toml"));
        assert_eq!(problems[0].line, line, "{what}: {}", problems[0]);
        assert!(problems[0].what.contains(what), "{what}: {}", problems[0]);
    }
}

#[test]
fn all_problems_of_all_files_are_told_and_other_files_do_not_matter() {
    let directory = TempDir::new().unwrap();
    fs::create_dir(directory.path().join("laniakea")).unwrap();
    for (name, text) in [
        ("b.toml", "x = 1"),
        ("laniakea/a.toml", "[[rule]]\nname = \"\"\non = \"*\"\nexec = { command = [\"/x\"] }"),
        ("README", "no rules"),
        ("c.toml.dpkg-new", "no rules"),
    ] {
        fs::write(directory.path().join(name), text).unwrap();
    }
    fs::write(directory.path().join("d.toml"), [0xff]).unwrap();
    let problems = load(directory.path(), &Means::default()).unwrap_err();
    let files: Vec<_> = problems.iter().map(|problem| problem.file.file_name().unwrap()).collect();
    assert_eq!(files, ["b.toml", "d.toml", "a.toml"]);
    let problems = load(&directory.path().join("absent"), &Means::default()).unwrap_err();
    assert!(problems[0].what.contains("could not be read"));
}

#[test]
fn an_event_is_looked_at_by_every_rule_that_may_want_it_and_by_few_others() {
    let patterns = [
        "\"_lk.archive.package-upload-accepted\"",
        "\"_lk.archive.*\"",
        "\"*\"",
        "\"?lk.jobs.*\"",
        "[\"_lk.jobs.job-{assigned,finished}\", \"_lk.[ab]*\"]",
        "[\"_lk.jobs.*\", \"_lk.jobs.job-*\"]",
        "\"_lk.jo\\\\bs.*\"",
        "\"org.example.other.*\"",
    ];
    let rules = patterns.iter().enumerate().map(|(number, on)| {
        format!("[[rule]]\nname = \"r{number}\"\non = {on}\nexec = {{ command = [\"/x\"] }}\n")
    });
    let rules = load_text(&rules.collect::<String>()).unwrap();
    let names = |id| {
        let candidates = rules.candidates(id);
        candidates.iter().map(|rule| rule.name.clone()).collect::<Vec<_>>()
    };
    for (id, wanted) in [
        ("_lk.archive.package-upload-accepted", vec!["r0", "r1", "r2", "r3", "r4"]),
        ("_lk.jobs.job-finished", vec!["r2", "r3", "r4", "r5", "r6"]),
        ("_lk.spears.new-excuse", vec!["r2", "r3", "r4"]),
        ("org.example.other.x", vec!["r2", "r3", "r7"]),
        ("org.example.x.y", vec!["r2", "r3"]),
    ] {
        assert_eq!(names(id), wanted, "{id}");
    }
    assert!(rules.get("r3").is_some() && rules.get("r").is_none() && rules.get("r9").is_none());
}
