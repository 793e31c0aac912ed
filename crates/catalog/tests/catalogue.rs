//! What the built-in catalogue says: the types it has, their summaries, schemas and page.

#![expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")]

use std::collections::BTreeSet;
use std::path::Path;

use laniakea_catalog::{Catalog, Entry, Facet, Field, Severity};
use serde_json::{Value, json};

/// The event types that are in use, or that our own sources emit.
const IDS: [&str; 42] = [
    "_lk.core.ping",
    "_lk.jobs.job-assigned",
    "_lk.jobs.job-accepted",
    "_lk.jobs.job-rejected",
    "_lk.jobs.job-finished",
    "_lk.archive.package-upload-accepted",
    "_lk.archive.package-upload-rejected",
    "_lk.archive.package-build-success",
    "_lk.archive.package-build-failed",
    "_lk.archive.package-build-depwait",
    "_lk.archive.package-src-removed",
    "_lk.archive.package-src-marked-removal",
    "_lk.archive.package-src-suite-deleted",
    "_lk.archive.package-src-copied",
    "_lk.archive.source-package-published",
    "_lk.archive.binary-package-published",
    "_lk.archive.source-package-published-in-suite",
    "_lk.archive.source-package-suite-removed",
    "_lk.archive.removed-source-package",
    "_lk.archive.repository-published",
    "_lk.archive.upload-arrived",
    "_lk.archive.upload-incomplete",
    "_lk.archive.upload-bad",
    "_lk.rubicon.job-upload-accepted",
    "_lk.rubicon.job-upload-rejected",
    "_lk.isotope.recipe-created",
    "_lk.isotope.build-job-added",
    "_lk.isotope.image-build-success",
    "_lk.isotope.image-build-failed",
    "_lk.synchrotron.src-package-imported",
    "_lk.synchrotron.new-autosync-issue",
    "_lk.synchrotron.resolved-autosync-issue",
    "_lk.synchrotron.package-synced",
    "_lk.spears.new-excuse",
    "_lk.spears.excuse-removed",
    "_lk.debcheck.issue-found",
    "_lk.debcheck.issue-resolved",
    "_lk.debcheck.check-completed",
    "_lk.keeper.run-started",
    "_lk.keeper.run-succeeded",
    "_lk.keeper.run-failed",
    "_lk.keeper.run-absent",
];

#[test]
fn the_catalogue_has_these_event_types_and_no_others() {
    let listed: BTreeSet<&str> = Catalog::builtin().entries().map(Entry::id).collect();
    assert_eq!(listed, BTreeSet::from(IDS));
    for id in IDS {
        assert_eq!(Catalog::builtin().entry(id).map(Entry::id), Some(id));
    }
    assert!(Catalog::builtin().entry("_lk.core").is_none());
}

#[test]
fn an_event_type_is_in_the_file_of_its_module() {
    for entry in Catalog::builtin().entries() {
        assert!(entry.id().starts_with(&format!("_lk.{}.", entry.module())), "{}", entry.id());
    }
}

#[test]
fn every_type_and_field_is_described_in_whole_sentences() {
    for entry in Catalog::builtin().entries() {
        let docs = entry.fields().iter().map(Field::doc).chain([entry.doc()]);
        for doc in docs {
            assert!(doc.ends_with('.') && doc.len() > 8, "{}: {doc}", entry.id());
            assert!(doc.starts_with(|first: char| first.is_uppercase()), "{doc}");
        }
    }
}

#[test]
fn examples_read_well() {
    for module in Catalog::builtin().modules() {
        let mut shown = String::new();
        for entry in Catalog::builtin().entries().filter(|entry| entry.module() == module.name) {
            shown.push_str(&shown_with(entry.id(), "full", &entry.example()));
            if entry.bare_example() != entry.example() {
                shown.push_str(&shown_with(entry.id(), "bare", &entry.bare_example()));
            }
        }
        insta::assert_snapshot!(format!("summaries_{}", module.name), shown);
    }
}

fn shown_with(id: &str, case: &str, data: &Value) -> String {
    let summary = Catalog::builtin().summary(id, data);
    let facets = serde_json::to_string(&summary.facets).expect("facets are JSON");
    let (severity, text, html) = (summary.severity, summary.text, summary.html);
    format!("{id} ({case}, {severity})\n  {text}\n  {html}\n  {facets}\n")
}

#[test]
fn a_published_package_says_what_changed() {
    let base = json!({"name": "hello", "version": "2.10-5", "component": "main",
                      "suite_new": "bookworm-updates", "architectures": ["amd64", "arm64"]});
    let text = |change: Option<&str>, old: Option<&str>| {
        let mut data = base.clone();
        if let Some(change) = change {
            data["change"] = json!(change);
        }
        if let Some(old) = old {
            data["version_old"] = json!(old);
        }
        let summary =
            Catalog::builtin().summary("_lk.archive.source-package-published-in-suite", &data);
        (summary.text, summary.severity)
    };
    let info = |text: &str| (text.to_owned(), Severity::Info);
    assert_eq!(
        text(Some("upgraded"), Some("2.10-3")),
        info("hello 2.10-3 → 2.10-5 in bookworm-updates/main")
    );
    assert_eq!(
        text(Some("upgraded"), None),
        info("hello 2.10-5 upgraded in bookworm-updates/main")
    );
    assert_eq!(text(Some("new"), None), info("hello 2.10-5 new in bookworm-updates/main"));
    assert_eq!(
        text(Some("rebuilt"), Some("2.10-5")),
        info("hello 2.10-5 rebuilt for amd64, arm64 in bookworm-updates/main")
    );
    assert_eq!(
        text(Some("downgraded"), Some("2.10-6")),
        ("hello 2.10-6 → 2.10-5 downgraded in bookworm-updates/main".to_owned(), Severity::Warning)
    );
    assert_eq!(text(None, None), info("hello 2.10-5 published in bookworm-updates/main"));
    assert_eq!(
        text(Some("teleported"), None),
        info("hello 2.10-5 published in bookworm-updates/main")
    );
}

#[test]
fn a_published_repository_names_only_the_changes_that_there_were() {
    let data = json!({"repo": "debian", "suite": "sid", "changes": {"new": 3, "removed": 1, "rebuilt": 0}});
    let text =
        |data: &Value| Catalog::builtin().summary("_lk.archive.repository-published", data).text;
    assert_eq!(text(&data), "debian published sid, 3 new, 1 removed");
    assert_eq!(
        text(&json!({"repo": "debian", "suite": "sid", "changes": []})),
        "debian published sid"
    );
}

#[test]
fn a_dash_for_a_version_means_that_there_is_none() {
    let data = |new: &str, old: &str| {
        json!({"uuid": "u", "suites_source": ["landing"], "suite_target": "byzantium",
               "source_package": "hello", "version_new": new, "version_old": old})
    };
    let summary = |new, old| Catalog::builtin().summary("_lk.spears.new-excuse", &data(new, old));
    assert_eq!(summary("-", "2.10-3").text, "hello 2.10-3 cannot be removed from byzantium yet");
    assert_eq!(summary("-", "2.10-3").facets.first(Facet::Version), Some("2.10-3"));
    assert_eq!(
        summary("2.10-5", "-").text,
        "hello 2.10-5 has to wait before it migrates to byzantium, where it is new"
    );
}

#[test]
fn the_severity_follows_the_data_where_the_catalogue_says_so() {
    let severity = |id, data: Value| Catalog::builtin().summary(id, &data).severity;
    let finished = "_lk.jobs.job-finished";
    assert_eq!(severity(finished, json!({"result": "failure-pending"})), Severity::Warning);
    assert_eq!(severity(finished, json!({"result": "success-pending"})), Severity::Info);
    assert_eq!(severity(finished, json!({"result": ["x"]})), Severity::Info);
    let uploaded = "_lk.rubicon.job-upload-accepted";
    assert_eq!(severity(uploaded, json!({"job_failed": true})), Severity::Warning);
    assert_eq!(severity(uploaded, json!({"job_failed": false})), Severity::Info);
}

#[test]
fn facets_hide_how_a_module_spells_them() {
    let package = |id: &str| {
        let entry = Catalog::builtin().entry(id).unwrap();
        Catalog::builtin().summary(id, &entry.example()).facets
    };
    for (id, name) in [
        ("_lk.archive.package-build-success", "gnome-shell"),
        ("_lk.archive.package-src-removed", "hello"),
        ("_lk.archive.binary-package-published", "hello"),
        ("_lk.synchrotron.package-synced", "gnome-shell"),
        ("_lk.spears.new-excuse", "gnome-shell"),
        ("_lk.debcheck.issue-found", "gnome-shell"),
    ] {
        assert_eq!(package(id).first(Facet::Package), Some(name), "{id}");
    }
    let issue = package("_lk.debcheck.issue-found");
    assert_eq!(issue.all(Facet::Architecture), ["amd64", "arm64"]);
    assert!(issue.all(Facet::Person).is_empty());
}

#[test]
fn a_facet_is_taken_from_the_first_field_that_has_a_value() {
    let person = |data: Value| {
        let summary = Catalog::builtin().summary("_lk.archive.package-upload-accepted", &data);
        summary.facets.first(Facet::Person).map(str::to_owned)
    };
    let all =
        json!({"uploader_name": "Grace", "uploader_alias": "grace", "source_maintainer": "Ada"});
    assert_eq!(person(all).as_deref(), Some("Grace"));
    let some = json!({"uploader_name": "", "uploader_alias": null, "source_maintainer": "Ada"});
    assert_eq!(person(some).as_deref(), Some("Ada"));
    assert_eq!(person(json!({})), None);
}

#[test]
fn an_unknown_type_shows_its_id_and_its_plain_members() {
    let data = json!({"count": 3, "deep": {"x": 1}, "host": "build1", "ok": true, "suite": "sid"});
    let summary = Catalog::builtin().summary("org.example.builder.job-done", &data);
    assert_eq!(
        summary.text,
        "org.example.builder.job-done: count=3, host=build1, ok=true, suite=sid"
    );
    assert_eq!(summary.severity, Severity::Info);
    assert_eq!(summary.facets.first(Facet::Suite), Some("sid"));
    assert_eq!(summary.facets.iter().count(), 1);
    let bare = Catalog::builtin().summary("org.example.builder.job-done", &json!({}));
    assert_eq!(bare.text, "org.example.builder.job-done");
}

#[test]
fn examples_are_valid_by_the_schema_and_damaged_ones_are_not() {
    for entry in Catalog::builtin().entries() {
        let schema = entry.schema();
        jsonschema::meta::validate(&schema).unwrap();
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        validator.validate(&entry.example()).unwrap();
        validator.validate(&entry.bare_example()).unwrap();
        let mut more = entry.example();
        more["from_the_future"] = json!(1);
        validator.validate(&more).unwrap();

        assert!(!validator.is_valid(&json!([])));
        for field in entry.fields() {
            let mut data = entry.example();
            data[field.name()] = json!(1.5);
            assert!(!validator.is_valid(&data), "{}: {}", entry.id(), field.name());
            data[field.name()] = Value::Null;
            assert_eq!(validator.is_valid(&data), field.is_nullable(), "{}", entry.id());
            data.as_object_mut().unwrap().remove(field.name());
            assert_eq!(validator.is_valid(&data), field.is_optional(), "{}", entry.id());
        }
    }
}

#[test]
fn the_schema_lists_the_values_of_a_choice() {
    let entry = Catalog::builtin().entry("_lk.jobs.job-finished").unwrap();
    insta::assert_snapshot!("schema_job_finished", format!("{:#}", entry.schema()));
    let validator = jsonschema::draft202012::new(&entry.schema()).unwrap();
    let mut data = entry.example();
    data["result"] = json!("exploded");
    assert!(!validator.is_valid(&data));
}

#[test]
fn the_page_in_the_documentation_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/event-catalogue.md");
    let page = Catalog::builtin().to_markdown();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == page,
        "docs/event-catalogue.md is out of date: run UPDATE=1 cargo test -p laniakea-catalog"
    );
}
