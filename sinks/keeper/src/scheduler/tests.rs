use std::fs;

use tempfile::TempDir;

use super::*;
use crate::{action::Means, rules};

/// What the rules of a configuration come to.
fn rules_of(replacements: &[Replacement]) -> rules::Rules {
    let directory = TempDir::new().unwrap();
    for replacement in replacements {
        let file = directory.path().join(replacement.name).with_extension("toml");
        fs::write(file, &replacement.text).unwrap();
    }
    rules::load(directory.path(), &Means::default()).unwrap()
}

#[test]
fn without_a_configuration_the_intervals_are_the_schedulers_and_the_rules_those_that_are_shipped() {
    let (replacements, ignored) = replace("", None).unwrap();
    assert!(ignored.is_empty());
    let rules = rules_of(&replacements);
    assert_eq!(rules.iter().count(), 8);
    for (timer, replacement) in TIMERS.iter().zip(&replacements) {
        let rule = rules.get(timer.name).unwrap();
        let interval = Duration::from_mins(timer.minutes.into());
        assert_eq!(rule.timing.fallback_every, Some(interval), "{}", timer.name);
        let without_notes: Vec<&str> =
            replacement.text.lines().filter(|line| !line.starts_with("# Note: ")).collect();
        assert_eq!(without_notes, timer.rule.lines().collect::<Vec<_>>());
    }
}

#[test]
fn intervals_become_the_safety_net_and_every_difference_is_noted() {
    let text = "[Intervals]\nrubicon = 5\nstatistics = 30\ndebcheck = 360\nexpire-repos = 0.5\nmore = 1\n[Log]\n";
    let (replacements, ignored) = replace(text, Some("/var/lib/laniakea/")).unwrap();
    assert_eq!(ignored, ["Log means nothing to the scheduler", "there is no timer \"more\""]);
    let rules = rules_of(&replacements);
    let seconds = |name: &str| {
        let timing = &rules.get(name).unwrap().timing;
        (timing.fallback_every.unwrap().as_secs(), timing.once_within.as_secs())
    };
    assert_eq!(seconds("rubicon"), (300, 0));
    assert_eq!(seconds("statistics"), (1_800, 1_800));
    assert_eq!(seconds("debcheck"), (21_600, 3_600));
    assert_eq!(seconds("expire-repos"), (30, 30));
    let of = |name: &str| replacements.iter().find(|one| one.name == name).unwrap();
    assert!(of("debcheck").notes.is_empty());
    assert_eq!(
        of("rubicon").notes,
        ["the scheduler ran it every 5m, not 15m: fallback_every says so"]
    );
    assert_eq!(of("statistics").notes.len(), 2);
    for replacement in &replacements {
        assert!(!replacement.text.contains(SAMPLE_WORKSPACE), "{}", replacement.text);
        for note in &replacement.notes {
            assert!(replacement.text.contains(&format!("# Note: {note}.")));
        }
    }
    assert!(
        of("rubicon")
            .text
            .contains("\"/var/lib/laniakea/locks/laniakea_scheduler_publish-repos.lock\"")
    );
}

#[test]
fn what_is_no_configuration_is_told_with_its_line() {
    for (text, line, what) in [
        ("[Intervals]\n\nrubicon = \"5\"", 3, "rubicon: an interval is a number"),
        ("[Intervals]\nrubicon = 0", 2, "no interval"),
        ("[Intervals]\nrubicon = -15", 2, "no interval"),
        ("[Intervals]\nrubicon = nan", 2, "no interval"),
        ("[Intervals]\nrubicon = 99999999999", 2, "no interval"),
        ("\nIntervals = 3", 2, ""),
        ("{\"Intervals\": {}}", 1, ""),
    ] {
        let error = replace(text, None).unwrap_err();
        assert_eq!(error.line, line, "{error}");
        assert!(error.problem.contains(what), "{error}");
    }
}
