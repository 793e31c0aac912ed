use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::{
    batch::KeptEvent,
    rules::{CatchUp, Rules, UnknownOutcome},
    watch::Shape,
};

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

fn absent(table: &str) -> String {
    let exec = "exec = { command = [\"/x\"] }";
    format!(
        "[[rule]]\nname = \"a\"\nkey = \"{{{{ data.job_id }}}}\"\nabsent = {{ {table} }}\n{exec}"
    )
}

#[test]
fn a_rule_may_wait_for_others() {
    let pattern = |text: &str| {
        let rules = load_text(text).unwrap();
        let rule = rules.iter().next().unwrap();
        let begins_at_once = rule.known().begins_at_once;
        rule.waits.as_ref().map(|waits| (waits.pattern.shape, waits.pattern.within, begins_at_once))
    };
    assert_eq!(pattern(GOOD), None);
    let of_jobs = "after = { id = \"_lk.jobs.job-assigned\", where = \"data.job_kind == 'x'\" }, \
                   without = [\"_lk.jobs.job-finished\", \"_lk.jobs.job-rej*\"], within = \"12h\"";
    let half_a_day = Duration::from_hours(12);
    assert_eq!(pattern(&absent(of_jobs)), Some((Shape::Unanswered, half_a_day, false)));
    let silence = "of = \"_lk.archive.repository-published\", within = \"6h\"";
    let six_hours = Duration::from_hours(6);
    let keyed = absent(silence);
    assert_eq!(pattern(&keyed), Some((Shape::Silence { is_keyed: true }, six_hours, false)));
    let unkeyed = keyed.replace("key =", "#");
    assert_eq!(pattern(&unkeyed), Some((Shape::Silence { is_keyed: false }, six_hours, true)));
    let sequence =
        GOOD.replace("catch_up = \"latest\"", "then = [\"a.b\", { id = \"c\" }]\nwithin = \"1h\"");
    assert_eq!(pattern(&sequence), Some((Shape::Sequence(3), Duration::from_hours(1), false)));
    // Each of them may come, and whatever else may not is not looked at.
    for (text, wanted, missing) in [
        (
            absent(of_jobs),
            vec![true, true, false, false],
            "_lk.jobs.job-finished or _lk.jobs.job-rej*",
        ),
        (unkeyed.clone(), vec![false, false, true, false], "_lk.archive.repository-published"),
        (sequence.replace("\"c\"", "\"_lk.jobs.*\""), vec![true, true, false, true], ""),
    ] {
        let rules = load_text(&text).unwrap();
        let ids = [
            "_lk.jobs.job-assigned",
            "_lk.jobs.job-rejected",
            "_lk.archive.repository-published",
            "_lk.archive.package-upload-accepted",
        ];
        let found: Vec<bool> = ids.iter().map(|id| !candidates(&rules, id).is_empty()).collect();
        assert_eq!(found, wanted, "{text}");
        assert_eq!(rules.iter().next().unwrap().waits.as_ref().unwrap().missing(), missing);
    }
    // Whatever changes what is waited for changes how the ledger knows the rule.
    let known = |text: &str| load_text(text).unwrap().iter().next().unwrap().known().pattern;
    assert_eq!(known(&keyed), known(&keyed.replace("/x", "/y")));
    for (from, to) in [
        ("6h", "7h"),
        ("repository", "r"),
        ("job_id", "id"),
        ("key =", "signed_by = [\"a\"]\nkey ="),
    ] {
        assert_ne!(known(&keyed), known(&keyed.replace(from, to)), "{from}");
    }
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
            "the rule does nothing: it needs exec, mail, webhook, emit or systemd",
        ),
        (change("exec = {", "emit = { id = \"a.b.c\" }\nexec = {"), 3, "one thing, not 2"),
        (change("exec = {", "emit = { id = \"a\" } #"), 16, "emit.id"),
        (change("exec = {", "webhook = { url = \"ftp://a/\" } #"), 16, "neither http: nor https:"),
        (change("retries = 3", "retries = 3\nconcurrency = 0"), 13, "never"),
        (change("\"4h\"", "\"0s\""), 3, "always"),
        (change("exec = {", "# {"), 3, "does nothing"),
        (format!("{GOOD}mail = {{ to = [], subject = \"\" }}"), 3, "one thing, not 2"),
        (change("exec = {", "mail = { to = [], subject = \"\" } # {"), 16, "needs [mail]"),
        (change("\"4h\"", "\"4h\"\nfallback_cron = \"0 0 31 2 *\""), 16, "it never comes"),
        (change("on = [", "then = ["), 3, "on is missing"),
        (change("timeout = \"2h\"", "within = \"2h\""), 3, "within is the time for then"),
        (change("timeout = \"2h\"", "then = []"), 11, "1 to 7 entries"),
        (change("timeout = \"2h\"", "then = [\"a.b\"]"), 11, "within has to be a time"),
        (change("timeout = \"2h\"", "then = [\"[\"]\nwithin = \"1h\""), 11, ""),
        (change("timeout = \"2h\"", "then = [\"a.b\"]\nwithin = \"1h\""), 3, "catch_up has to be"),
        (change("timeout = \"2h\"", "absent = { of = \"a\", within = \"1h\" }"), 11, "beside it"),
        (
            absent("of = \"a.b\", after = \"c\", within = \"1h\""),
            4,
            "either after and without, or of",
        ),
        (absent("after = \"a.b\", within = \"1h\""), 4, "either after and without, or of"),
        (absent("of = { ids = 1 }, within = \"1h\""), 4, "unknown field `ids`"),
        (absent("of = \"a.b\", within = \"unlimited\""), 4, "within has to be a time"),
        (absent("of = \"a.b\""), 4, "missing field `within`"),
        (change("exec =", "systemd = { unit = \"x\" }\nexec ="), 3, "one thing, not 2"),
        (change("exec = {", "systemd = { unit = \"X@\" } #"), 16, "is no name"),
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

/// The names of the rules that look at an event of this type.
fn candidates(rules: &Rules, id: &str) -> Vec<String> {
    let event = format!(
        r#"{{"data":{{"job_kind":"x"}},"format":"1.0","id":"{id}","signatures":{{}},"time":"2026-01-01T00:00:00Z"}}"#
    );
    let event = KeptEvent::parse(event.into_bytes()).unwrap();
    let candidates = rules.candidates(&event.subject(Vec::new()), event.summary());
    candidates.iter().map(|rule| rule.name.clone()).collect()
}

#[test]
fn an_event_is_looked_at_by_the_rules_that_may_want_it() {
    let rules = ["\"_lk.archive.*\"", "\"*\"", "\"_lk.jobs.*\""];
    let rules = rules.iter().enumerate().map(|(number, on)| {
        format!("[[rule]]\nname = \"r{number}\"\non = {on}\nexec = {{ command = [\"/x\"] }}\n")
    });
    let rules = load_text(&rules.collect::<String>()).unwrap();
    assert_eq!(candidates(&rules, "_lk.archive.package-upload-accepted"), ["r0", "r1"]);
    assert_eq!(candidates(&rules, "org.example.x.y"), ["r1"]);
    assert!(rules.get("r2").is_some() && rules.get("r").is_none() && rules.get("r9").is_none());
}

#[test]
fn what_is_no_file_of_rules_is_told_and_holds_nobody_up() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let directory = TempDir::new().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::write(path("good.toml"), GOOD).unwrap();
    mknodat(CWD, path("fifo.toml"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    std::os::unix::fs::symlink("/dev/zero", path("zero.toml")).unwrap();
    std::os::unix::fs::symlink("fifo.toml", path("link.toml")).unwrap();
    fs::File::create(path("large.toml")).unwrap().set_len(1 << 40).unwrap();
    let problems = load(directory.path(), &Means::default()).unwrap_err();
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 4, "{told:?}");
    for (told, what) in told.iter().zip([
        "fifo.toml:1: could not be read: it is a FIFO",
        "large.toml:1: could not be read: it is larger than 1048576 bytes",
        "link.toml:1: could not be read: it is a FIFO",
        "zero.toml:1: could not be read: it is a device",
    ]) {
        assert!(told.contains(what), "{told}");
    }
}
