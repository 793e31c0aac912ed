use super::*;

fn sources(text: &str) -> Vec<SourceEntry> {
    match Index::read(&IndexKind::Sources, text.as_bytes()).unwrap().entries {
        Entries::Sources(entries) => entries,
        Entries::Packages(_) => panic!("asked for sources"),
    }
}

fn packages(text: &str) -> (Vec<BinaryEntry>, usize) {
    let index = Index::read(&IndexKind::Packages("amd64".to_owned()), text.as_bytes()).unwrap();
    match index.entries {
        Entries::Packages(entries) => (entries, index.left_out),
        Entries::Sources(_) => panic!("asked for packages"),
    }
}

fn package(fields: &str) -> BinaryEntry {
    let (mut entries, left_out) = packages(fields);
    assert_eq!((entries.len(), left_out), (1, 0), "{fields}");
    entries.remove(0)
}

#[test]
fn a_binary_without_a_source_field_is_its_own_source() {
    let entry = package("Package: hello\nVersion: 2.10-3\nArchitecture: amd64\n");
    assert_eq!((&*entry.source, entry.source_version.as_str()), ("hello", "2.10-3"));
}

#[test]
fn the_source_field_may_name_another_version() {
    let entry = package(
        "Package: hello\nSource: greet (2.10-3)\nVersion: 2.10-3+b1\nArchitecture: amd64\n",
    );
    assert_eq!((&*entry.source, entry.source_version.as_str()), ("greet", "2.10-3"));
    assert_eq!(entry.version.as_str(), "2.10-3+b1");

    let entry = package("Package: hello\nSource: greet\nVersion: 2.10-3\nArchitecture: all\n");
    assert_eq!((&*entry.source, entry.source_version.as_str()), ("greet", "2.10-3"));
}

#[test]
fn maintainer_and_section_are_passed_on_without_control_characters_and_with_a_bound() {
    let long = format!("{}é", "x".repeat(499));
    let fields =
        format!("Package: a\nVersion: 1\nMaintainer: Mx \u{1b}[31m <m@x>\nSection: {long}\n");
    let entry = &sources(&fields)[0];
    assert_eq!(entry.about.maintainer.as_deref(), Some("Mx [31m <m@x>"));
    assert_eq!(entry.about.section.as_deref().map(str::len), Some(499));
}

#[test]
fn sources_that_are_only_kept_for_built_using_are_not_offered() {
    let text = "Package: a\nVersion: 1\nExtra-Source-Only: yes\n\nPackage: a\nVersion: 2\n";
    let entries = sources(text);
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].version.as_str(), "2");
}

#[test]
fn a_source_may_be_listed_with_two_versions() {
    assert_eq!(sources("Package: a\nVersion: 1\n\nPackage: a\nVersion: 2\n").len(), 2);
}

#[test]
fn hostile_names_and_versions_are_left_out_and_counted() {
    let hostile = [
        "Package: ../../etc/passwd\nVersion: 1\nArchitecture: all\n",
        "Package: $(reboot)\nVersion: 1\nArchitecture: all\n",
        "Package: -rf\nVersion: 1\nArchitecture: all\n",
        "Package: a\nVersion: 1;reboot\nArchitecture: all\n",
        "Package: a\nVersion: 1\nArchitecture: a b\n",
        "Package: a\nSource: b (1 (2))\nVersion: 1\nArchitecture: all\n",
        "Package: a\nSource: <b>\nVersion: 1\nArchitecture: all\n",
        "Package: a\n b\nVersion: 1\nArchitecture: all\n",
        "Version: 1\nArchitecture: all\n",
        "Package: a\nArchitecture: all\n",
        "Package: a\nVersion: 1\n",
    ];
    let (entries, left_out) = packages(&hostile.join("\n"));
    assert_eq!(entries, []);
    assert_eq!(left_out, hostile.len());
}

#[test]
fn what_is_no_control_file_is_an_error() {
    for text in ["<!doctype html>\n<p>Welcome to the hotel\n", " a: b\n", "no colon\n"] {
        let error = Index::read(&IndexKind::Sources, text.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{text:?}");
    }
}

#[test]
fn an_empty_index_is_an_index() {
    assert_eq!(sources(""), []);
}

#[test]
fn an_index_has_the_path_that_the_release_file_lists() {
    assert_eq!(IndexName::new("main", "source").to_string(), "main/source/Sources");
    let packages = IndexName::new("non-free", "amd64");
    assert_eq!(packages.to_string(), "non-free/binary-amd64/Packages");
    assert_eq!(packages.architecture(), "amd64");
}
