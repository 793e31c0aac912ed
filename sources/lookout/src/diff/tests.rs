use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{apt::index::About, suite::Binary};

type Row<'a> = (&'a str, &'a str, &'a str, &'a [&'a str]);

/// Rows of component, source, version and binary versions.
fn suite(rows: &[Row<'_>]) -> SuiteState {
    let mut state = SuiteState::default();
    for (component, name, version, binaries) in rows {
        let key = SourceKey { component: (*component).into(), name: (*name).into() };
        let binaries = binaries.iter().map(|version| Binary {
            name: (*name).into(),
            architecture: "amd64".into(),
            version: Version::parse(version).unwrap(),
        });
        let published = Published { binaries: binaries.collect(), about: About::default() };
        let versions = state.sources.entry(key).or_default();
        versions.insert(Version::parse(version).unwrap(), published);
    }
    state
}

fn words(diff: &Diff<'_>) -> Vec<String> {
    let word = |change: &Change<'_>| {
        let what = match change.kind {
            Kind::New => "new".to_owned(),
            Kind::Upgraded { from } => format!("upgraded from {from}"),
            Kind::Downgraded { from } => format!("downgraded from {from}"),
            Kind::Rebuilt { .. } => "rebuilt".to_owned(),
            Kind::Removed => "removed".to_owned(),
        };
        format!("{}/{} {} {what}", change.source.component, change.source.name, change.version)
    };
    diff.changes.iter().map(word).collect()
}

/// The changes of one package from some versions to others.
fn changes(before: &[&str], after: &[&str]) -> Vec<String> {
    let rows = |versions: &[&'static str]| -> Vec<Row<'static>> {
        versions.iter().map(|&version| ("main", "x", version, &[][..])).collect()
    };
    let leak = |versions: &[&str]| -> Vec<&'static str> {
        versions.iter().map(|version| &*String::from(*version).leak()).collect()
    };
    let (old, new) = (suite(&rows(&leak(before))), suite(&rows(&leak(after))));
    words(&diff(&old, &new)).iter().map(|line| line.replace("main/x ", "")).collect()
}

#[test]
fn versions_come_and_go_in_debians_order() {
    assert_eq!(changes(&[], &["1.0"]), ["1.0 new"]);
    assert_eq!(changes(&["1.9"], &["1.10"]), ["1.10 upgraded from 1.9"]);
    assert_eq!(changes(&["1.0"], &["1.0~rc1"]), ["1.0~rc1 downgraded from 1.0"]);
    assert_eq!(changes(&["1:1.0"], &["2.0"]), ["2.0 downgraded from 1:1.0"]);
    assert_eq!(changes(&["1.0"], &[]), ["1.0 removed"]);
}

#[test]
fn of_several_versions_the_highest_counts() {
    assert_eq!(changes(&["1.0"], &["1.0", "2.0"]), ["2.0 upgraded from 1.0"]);
    assert_eq!(changes(&["1.0", "2.0"], &["2.0"]), [""; 0], "an old one went at last");
    assert_eq!(changes(&["1.0", "2.0"], &["1.0"]), ["2.0 removed"]);
    assert_eq!(changes(&["1.0", "3.0"], &["2.0"]), ["2.0 downgraded from 3.0"]);
    assert_eq!(changes(&["1.0", "3.0"], &["1.0", "2.0", "3.0"]), ["2.0 upgraded from 1.0"]);
    assert_eq!(changes(&["2.0"], &["1.0", "2.0"]), ["1.0 new"], "2.0 is still what one installs");
    assert_eq!(changes(&["1.0", "2.0"], &[]), ["1.0 removed", "2.0 removed"]);
}

#[test]
fn other_binaries_of_the_same_version_are_a_rebuild() {
    let old = suite(&[("main", "x", "1.0", &["1.0"]), ("main", "y", "1.0", &["1.0"])]);
    let new = suite(&[("main", "x", "1.0", &["1.0+b1"]), ("main", "y", "1.0", &["1.0"])]);
    assert_eq!(words(&diff(&old, &new)), ["main/x 1.0 rebuilt"]);
}

#[test]
fn a_package_that_moves_leaves_one_component_and_is_new_in_the_other() {
    let old = suite(&[("contrib", "x", "1.0", &[])]);
    let new = suite(&[("main", "x", "1.0", &[])]);
    assert_eq!(words(&diff(&old, &new)), ["contrib/x 1.0 removed", "main/x 1.0 new"]);
}

#[test]
fn maintainer_and_section_are_no_change() {
    let old = suite(&[("main", "x", "1.0", &["1.0"])]);
    let mut new = old.clone();
    for published in new.sources.values_mut().flat_map(|versions| versions.values_mut()) {
        published.about.section = Some("net".into());
    }
    assert_eq!(words(&diff(&old, &new)), [""; 0]);
}

#[test]
fn a_suite_over_another_tells_only_what_it_holds_beyond_it() {
    let base =
        suite(&[("main", "a", "1.0", &[]), ("main", "b", "2.0", &[]), ("main", "c", "1.0", &[])]);
    let over = suite(&[
        ("main", "a", "1.1", &[]),
        ("main", "b", "1.5", &[]),
        ("main", "c", "1.0", &["1.0"]),
        ("main", "d", "1.0", &[]),
    ]);
    assert_eq!(words(&beyond(&base, &over)), ["main/a 1.1 upgraded from 1.0", "main/d 1.0 new"]);
}

#[test]
fn the_counts_are_the_changes() {
    let old = suite(&[
        ("main", "a", "1", &[]),
        ("main", "b", "2", &[]),
        ("main", "c", "1", &[]),
        ("main", "d", "1", &[]),
    ]);
    let new = suite(&[
        ("main", "a", "2", &[]),
        ("main", "b", "1", &[]),
        ("main", "c", "1", &["1"]),
        ("main", "e", "1", &[]),
    ]);
    let counts = diff(&old, &new).counts();
    assert_eq!(counts, Counts { new: 1, upgraded: 1, downgraded: 1, rebuilt: 1, removed: 1 });
}

fn any_suite() -> impl Strategy<Value = SuiteState> {
    let pick = |words: &'static [&'static str]| proptest::sample::select(words);
    let row = (
        pick(&["main", "contrib"]),
        pick(&["a", "b", "c"]),
        pick(&["1.0", "1.0-0", "1.0~rc1", "1.9", "1.10", "1:0.1", "2.0-1"]),
        proptest::collection::vec(pick(&["1.0", "1.0+b1", "2.0"]), 0..3),
    );
    proptest::collection::vec(row, 0..12).prop_map(|rows| {
        let rows: Vec<Row<'_>> = rows.iter().map(|(c, n, v, b)| (*c, *n, *v, &b[..])).collect();
        suite(&rows)
    })
}

type Told<'a> = BTreeMap<(&'a SourceKey, &'a Version), &'a Published>;

fn told(state: &SuiteState) -> Told<'_> {
    let versions = |(key, versions): (_, _)| {
        let versions: &Versions = versions;
        versions.iter().map(move |(version, published)| ((key, version), published))
    };
    state.sources.iter().flat_map(versions).collect()
}

proptest! {
    #[test]
    fn applying_the_difference_to_the_old_state_gives_the_new_one(old in any_suite(), new in any_suite()) {
        let diff = diff(&old, &new);
        let mut state = told(&old);
        for (source, version) in &diff.superseded {
            prop_assert!(state.remove(&(*source, *version)).is_some());
        }
        for change in &diff.changes {
            let key = (change.source, change.version);
            match change.kind {
                Kind::Removed => prop_assert!(state.remove(&key).is_some()),
                Kind::Rebuilt { .. } => prop_assert!(state.insert(key, change.published).is_some()),
                _ => prop_assert!(state.insert(key, change.published).is_none()),
            }
        }
        prop_assert_eq!(state, told(&new));
    }

    #[test]
    fn a_state_does_not_differ_from_itself(state in any_suite()) {
        let diff = diff(&state, &state);
        prop_assert!(diff.changes.is_empty() && diff.superseded.is_empty());
        prop_assert!(beyond(&state, &state).changes.is_empty());
    }

    #[test]
    fn the_counts_add_up_and_each_version_is_told_once(old in any_suite(), new in any_suite()) {
        let diff = diff(&old, &new);
        let Counts { new, upgraded, downgraded, rebuilt, removed } = diff.counts();
        prop_assert_eq!(new + upgraded + downgraded + rebuilt + removed, diff.changes.len());
        let told: BTreeSet<_> = diff.changes.iter().map(|c| (c.source, c.version)).collect();
        prop_assert_eq!(told.len(), diff.changes.len());
    }

    #[test]
    fn versions_go_up_where_it_says_upgraded_and_down_where_it_says_downgraded(
        old in any_suite(), new in any_suite(),
    ) {
        for change in &diff(&old, &new).changes {
            match change.kind {
                Kind::Upgraded { from } => prop_assert!(change.version > from),
                Kind::Downgraded { from } => prop_assert!(change.version < from),
                _ => {}
            }
        }
    }

    #[test]
    fn everything_is_new_where_there_was_nothing(new in any_suite()) {
        let nothing = SuiteState::default();
        let diff = diff(&nothing, &new);
        prop_assert!(diff.changes.iter().all(|change| change.kind == Kind::New));
        prop_assert_eq!(diff.changes.len(), told(&new).len());
        prop_assert_eq!(words(&beyond(&nothing, &new)), words(&diff));
    }
}
