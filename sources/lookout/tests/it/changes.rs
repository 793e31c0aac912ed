//! What is told when an archive changes.

use laniakea_catalog::Catalog;
use lookout::record::FirstLook;
use serde_json::json;

use crate::support::{Archive, Form, Lookout, Server, binary, lines, source};

const MORNING: &str = "2026-11-01T06:00:00Z";
const NOON: &str = "2026-11-01T12:00:00Z";

fn lookout(archive: &Archive) -> Lookout {
    Lookout::of(&archive.url(), &archive.gpg.keyring())
}

/// What a second look tells when the packages of main for amd64 change.
fn told(before: &[String], after: &[String]) -> Vec<String> {
    let mut archive = Archive::new();
    archive.packages(before).publish(MORNING);
    let lookout = lookout(&archive);
    assert_eq!(lookout.look().unwrap().len(), 0);
    archive.packages(after).publish(NOON);
    lines(&lookout.look().unwrap())
}

fn hello(version: &str) -> String {
    binary("hello", version, "amd64", "hello")
}

#[test]
fn the_first_look_tells_nothing_and_the_same_archive_never_does() {
    let mut archive = Archive::new();
    archive.packages(&[hello("1.0")]).publish(MORNING);
    let lookout = lookout(&archive);
    assert_eq!(lookout.look().unwrap().len(), 0);
    assert_eq!(lookout.look().unwrap().len(), 0);
}

#[test]
fn an_upgrade_is_told_and_then_the_publication() {
    assert_eq!(
        told(&[hello("1.9")], &[hello("1.10")]),
        [
            r#"main/hello 1.10 upgraded from 1.9 in x: ["hello"]"#,
            "published x of test at 2026-11-01T12:00:00Z: 0 1 0 0 0",
        ]
    );
}

#[test]
fn every_kind_of_change_is_told() {
    let before = [
        hello("2.0"),
        binary("gone", "1.0", "amd64", "gone"),
        binary("libx1", "1.0", "amd64", "x"),
        binary("same", "1.0", "all", "same"),
    ];
    let after = [
        hello("1:1.0"),
        binary("libx1", "1.0+b1", "amd64", "x (1.0)"),
        binary("libnew", "0.1", "amd64", "new"),
        binary("same", "1.0", "all", "same"),
    ];
    assert_eq!(
        told(&before, &after),
        [
            "main/gone 1.0 removed from x",
            r#"main/hello 1:1.0 upgraded from 2.0 in x: ["hello"]"#,
            r#"main/new 0.1 new from - in x: ["libnew"]"#,
            r#"main/x 1.0 rebuilt from - in x: ["libx1"]"#,
            "published x of test at 2026-11-01T12:00:00Z: 1 1 0 1 1",
        ]
    );
    assert_eq!(
        told(&[hello("2.0")], &[hello("2.0~rc1")])[0],
        r#"main/hello 2.0~rc1 downgraded from 2.0 in x: ["hello"]"#
    );
}

#[test]
fn every_event_is_what_the_catalogue_says_of_its_type() {
    let mut archive = Archive::new();
    let before = ["gone", "up", "rebuilt"].map(|name| binary(name, "1.0", "amd64", name));
    archive.packages(&before).publish(MORNING);
    let lookout = lookout(&archive);
    lookout.look().unwrap();
    let after = [
        binary("new", "1.0", "amd64", "new"),
        binary("up", "2.0", "amd64", "up"),
        binary("rebuilt", "1.0+b1", "amd64", "rebuilt (1.0)"),
    ];
    archive.packages(&after).publish(NOON);
    let events = lookout.look().unwrap();
    assert_eq!(events.len(), 5);
    for event in &events {
        let id = event["id"].as_str().unwrap();
        let entry = Catalog::builtin().entry(id).expect("the catalogue knows the event");
        jsonschema::validate(&entry.schema(), &event["data"]).unwrap();
    }
}

#[test]
fn an_archive_that_was_published_without_a_change_is_told_with_zeros() {
    assert_eq!(
        told(&[hello("1.0")], &[hello("1.0")]),
        ["published x of test at 2026-11-01T12:00:00Z: 0 0 0 0 0"]
    );
}

#[test]
fn an_event_says_everything_that_a_consumer_may_ask() {
    let mut archive = Archive::new();
    archive.packages(&[hello("1.0")]).publish(MORNING);
    let lookout = lookout(&archive);
    lookout.look().unwrap();
    let packages =
        [binary("hello", "2.0", "amd64", "hello"), binary("hello-doc", "2.0", "all", "hello")];
    archive.packages(&packages).publish(NOON);
    let events = lookout.look().unwrap();
    assert_eq!(
        events[0]["data"],
        json!({
            "name": "hello", "version": "2.0", "version_old": "1.0", "change": "upgraded",
            "component": "main", "suite_new": "x", "repo": "test", "date": NOON,
            "binaries": ["hello", "hello-doc"], "architectures": ["all", "amd64"],
            "maintainer": "Ada Example <ada@example.org>", "section": "devel",
        })
    );
    assert_eq!(events[0]["time"], "2026-11-01T13:00:00.000000Z");
    assert_eq!(events[0]["origin"], "test");
    assert_eq!(
        events[1]["data"],
        json!({
            "repo": "test", "url": archive.url(), "suite": "x", "codename": "x", "date": NOON,
            "changes": {"new": 0, "upgraded": 1, "downgraded": 0, "rebuilt": 0, "removed": 0},
        })
    );
}

#[test]
fn a_package_that_moves_to_another_component_is_removed_and_new() {
    let mut archive = Archive::new();
    let more = "components = [\"main\", \"contrib\"]\n";
    archive.packages(&[]).index("contrib/binary-amd64/Packages", &[hello("1.0")]).publish(MORNING);
    let text = format!(
        "[[archive]]\nname = \"test\"\nurl = \"{}\"\nsuites = [\"x\"]\n{more}\
         architectures = [\"amd64\"]\nsigned_by = [\"{}\"]\n",
        archive.url(),
        archive.gpg.keyring().display()
    );
    let lookout = Lookout::new(&text);
    lookout.look().unwrap();
    archive.packages(&[hello("1.0")]).index("contrib/binary-amd64/Packages", &[]).publish(NOON);
    assert_eq!(
        lines(&lookout.look().unwrap())[..2],
        ["contrib/hello 1.0 removed from x", r#"main/hello 1.0 new from - in x: ["hello"]"#]
    );
}

#[test]
fn with_source_indexes_the_source_is_told_at_once_and_its_binaries_when_they_are_built() {
    let mut archive = Archive::new();
    archive.fields += "Architectures: all amd64\n";
    archive.packages(&[hello("1.0")]).index("main/source/Sources", &[source("hello", "1.0")]);
    archive.publish(MORNING);
    let text = format!(
        "[[archive]]\nname = \"test\"\nurl = \"{}\"\nsuites = [\"x\"]\ncomponents = [\"main\"]\n\
         architectures = [\"amd64\", \"source\"]\nsigned_by = [\"{}\"]\n",
        archive.url(),
        archive.gpg.keyring().display()
    );
    let lookout = Lookout::new(&text);
    lookout.look().unwrap();

    archive.index("main/source/Sources", &[source("hello", "2.0")]).publish(NOON);
    assert_eq!(
        lines(&lookout.look().unwrap())[0],
        "main/hello 2.0 upgraded from 1.0 in x: null",
        "the old binaries are still there and say nothing"
    );

    archive.packages(&[hello("2.0")]).publish("2026-11-01T12:30:00Z");
    assert_eq!(
        lines(&lookout.look().unwrap())[0],
        r#"main/hello 2.0 rebuilt from - in x: ["hello"]"#
    );

    // An index of its own for architecture all, as some archives have.
    archive.index("main/binary-all/Packages", &[binary("hello-doc", "2.0", "all", "hello")]);
    archive.publish("2026-11-01T12:40:00Z");
    assert_eq!(
        lines(&lookout.look().unwrap())[0],
        r#"main/hello 2.0 rebuilt from - in x: ["hello-doc"]"#
    );
}

#[test]
fn emitting_the_first_look_tells_everything_as_new() {
    let mut archive = Archive::new();
    archive.packages(&[hello("1.0"), binary("y", "1.0", "all", "y")]).publish(MORNING);
    let lookout = lookout(&archive);
    let recorded = lookout.visit(0, "x", FirstLook::Emitted).unwrap().unwrap();
    assert!(recorded.first);
    assert_eq!(
        lines(&lookout.take_events()),
        [
            r#"main/hello 1.0 new from - in x: ["hello"]"#,
            r#"main/y 1.0 new from - in x: ["y"]"#,
            "published x of test at 2026-11-01T06:00:00Z: 2 0 0 0 0",
        ]
    );
}

#[test]
fn the_first_look_at_a_suite_with_a_baseline_tells_what_it_holds_beyond_it() {
    let mut base = Archive::new();
    base.packages(&[hello("1.0"), binary("y", "2.0", "all", "y"), binary("z", "1.0", "all", "z")]);
    base.publish(MORNING);
    let mut security = Archive::new();
    security.packages(&[
        hello("1.1"),
        binary("y", "1.9", "all", "y"),
        binary("z", "1.0", "all", "z"),
    ]);
    security.publish(MORNING);
    let server = Server::new(security.root());
    let entry = |name: &str, url: &str, archive: &Archive| {
        format!(
            "[[archive]]\nname = \"{name}\"\nurl = \"{url}\"\nsuites = [\"x\"]\n\
             components = [\"main\"]\narchitectures = [\"amd64\"]\nsigned_by = \"{}\"\n\
             baseline = \"base/x\"\nproxy = \"none\"\n",
            archive.gpg.keyring().display()
        )
    };
    let lookout = Lookout::new(
        &(entry("security", &server.url(), &security) + &entry("base", &base.url(), &base)),
    );

    let error = lookout.visit(0, "x", FirstLook::Quiet).unwrap_err();
    assert_eq!(error, "could not record security/x: its baseline base/x was not seen yet");
    assert_eq!(server.requests(), [""; 0], "nothing is fetched that cannot be compared");
    lookout.visit(1, "x", FirstLook::Quiet).unwrap();
    assert_eq!(lookout.take_events().len(), 0);
    lookout.visit(0, "x", FirstLook::Quiet).unwrap();
    assert_eq!(
        lines(&lookout.take_events()),
        [
            r#"main/hello 1.1 upgraded from 1.0 in x: ["hello"]"#,
            "published x of security at 2026-11-01T06:00:00Z: 0 1 0 0 0",
        ]
    );

    // From then on the suite is compared with itself.
    security.packages(&[hello("1.2")]).publish(NOON);
    lookout.visit(0, "x", FirstLook::Quiet).unwrap();
    assert_eq!(
        lines(&lookout.take_events()),
        [
            r#"main/hello 1.2 upgraded from 1.1 in x: ["hello"]"#,
            "main/y 1.9 removed from x",
            "main/z 1.0 removed from x",
            "published x of security at 2026-11-01T12:00:00Z: 0 1 0 0 2",
        ]
    );
}

#[test]
fn adding_an_architecture_to_the_configuration_is_no_news() {
    let mut archive = Archive::new();
    let arm = |version| binary("hello", version, "arm64", "hello");
    archive.packages(&[hello("1.0")]).index("main/binary-arm64/Packages", &[arm("1.0")]);
    archive.publish(MORNING);
    let mut lookout = lookout(&archive);
    lookout.look().unwrap();

    lookout.config.archives[0].architectures.push("arm64".to_owned());
    assert_eq!(lookout.look().unwrap().len(), 0, "it was there all the time");

    archive.index("main/binary-arm64/Packages", &[arm("1.0+b1")]).publish(NOON);
    assert_eq!(
        lines(&lookout.look().unwrap())[0],
        r#"main/hello 1.0 rebuilt from - in x: ["hello"]"#
    );

    lookout.config.archives[0].architectures.remove(0);
    assert_eq!(lookout.look().unwrap().len(), 0, "nor is taking one away");
}

#[test]
fn an_index_that_appears_in_the_archive_is_news() {
    let mut archive = Archive::new();
    archive.packages(&[hello("1.0")]).publish(MORNING);
    let mut lookout = lookout(&archive);
    lookout.config.archives[0].components.push("contrib".to_owned());
    lookout.look().unwrap();
    archive.index("contrib/binary-amd64/Packages", &[binary("y", "1", "all", "y")]).publish(NOON);
    assert_eq!(lines(&lookout.look().unwrap())[0], r#"contrib/y 1 new from - in x: ["y"]"#);
}

#[test]
fn a_suite_that_becomes_another_release_is_recorded_anew() {
    let mut archive = Archive::new();
    archive.packages(&[hello("1.0")]).publish(MORNING);
    let mut lookout = lookout(&archive);
    lookout.config.archives[0].release_name = Some("testing".to_owned());
    lookout.look().unwrap();

    archive.fields = archive.fields.replace("Codename: x", "Codename: y");
    archive.packages(&[hello("2.0")]).publish(NOON);
    assert_eq!(lookout.look().unwrap().len(), 0);
    archive.packages(&[hello("3.0")]).publish("2026-11-01T12:30:00Z");
    assert_eq!(
        lines(&lookout.look().unwrap())[0],
        r#"main/hello 3.0 upgraded from 2.0 in x: ["hello"]"#
    );
}

#[test]
fn a_release_that_is_only_signed_again_is_no_publication() {
    let mut archive = Archive::new();
    archive.packages(&[hello("1.0")]).publish(NOON);
    let lookout = lookout(&archive);
    lookout.look().unwrap();
    archive.fields += "Valid-Until: Sun, 08 Nov 2026 12:00:00 UTC\n";
    archive.publish(NOON);
    assert_eq!(lookout.look().unwrap().len(), 0);
}

#[test]
fn release_with_a_signature_of_its_own_is_as_good_as_inrelease() {
    let mut archive = Archive::new();
    archive.form = Form::Detached;
    archive.packages(&[hello("1.0")]).publish(MORNING);
    let lookout = Lookout::of(&archive.url(), &archive.gpg.armoured_keyring());
    lookout.look().unwrap();
    archive.packages(&[hello("2.0")]).publish(NOON);
    assert_eq!(lookout.look().unwrap().len(), 2);
}

#[test]
fn hostile_packages_are_left_out_and_the_others_are_told() {
    let hostile = [
        binary("$(reboot)", "1", "amd64", "x"),
        binary("a", "1; reboot", "amd64", "a"),
        binary("b", "1", "amd64", "../../b"),
        binary("<script>", "1", "amd64", "c"),
        "Package: no-version\n\n".to_owned(),
    ];
    let told = told(&[], &[&hostile[..], &[hello("1.0")]].concat());
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0], r#"main/hello 1.0 new from - in x: ["hello"]"#);
}
