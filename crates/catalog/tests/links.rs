//! Links lead below a configured base, or do not exist.

use std::collections::BTreeMap;

use laniakea_catalog::{Catalog, LinkBases};
use serde_json::{Value, json};

const BUILT: &str = "_lk.archive.package-build-success";

fn bases(names: &[&str]) -> LinkBases {
    let urls =
        names.iter().map(|name| ((*name).to_owned(), format!("https://{name}.example.org/lk/")));
    LinkBases::new(urls.collect()).expect("good bases")
}

fn urls(id: &str, data: &Value, names: &[&str]) -> Vec<String> {
    let links = Catalog::builtin().links(id, data, &bases(names));
    links.into_iter().map(|link| link.url).collect()
}

fn built() -> Value {
    let entry = Catalog::builtin().entry(BUILT);
    entry.expect("a known type").example()
}

#[test]
fn links_are_made_for_the_bases_that_are_configured() {
    let links = Catalog::builtin().links(BUILT, &built(), &bases(&["dashboard", "packages"]));
    let shown: Vec<_> = links.iter().map(|link| (link.label.as_str(), link.url.as_str())).collect();
    assert_eq!(
        shown,
        [
            (
                "job",
                "https://dashboard.example.org/lk/jobs/job/0a1b2c3d-0000-4000-8000-000000000001"
            ),
            ("package", "https://packages.example.org/lk/package/src/master/landing/gnome-shell"),
        ]
    );
    assert_eq!(urls(BUILT, &built(), &["packages"]).len(), 1);
    assert!(urls(BUILT, &built(), &[]).is_empty());
    assert!(urls("org.example.unknown.type", &built(), &["dashboard"]).is_empty());
}

#[test]
fn a_value_fills_its_segment_and_cannot_leave_it() {
    let mut data = built();
    data["job_id"] = json!("../x?y=1#z/\"><é");
    assert_eq!(
        urls(BUILT, &data, &["dashboard"]),
        ["https://dashboard.example.org/lk/jobs/job/..%2Fx%3Fy%3D1%23z%2F%22%3E%3C%C3%A9"]
    );
}

#[test]
fn a_link_whose_value_is_unusable_is_left_out() {
    let long = "x".repeat(256);
    for value in
        [json!(null), json!(7), json!(["a"]), json!(""), json!(".."), json!("a\nb"), json!(long)]
    {
        let mut data = built();
        data["job_id"] = value;
        assert!(urls(BUILT, &data, &["dashboard"]).is_empty(), "{}", data["job_id"]);
    }
    let mut data = built();
    data.as_object_mut().unwrap().remove("job_id");
    assert!(urls(BUILT, &data, &["dashboard"]).is_empty());
}

#[test]
fn every_link_of_the_catalogue_works_for_its_example() {
    let all = bases(&["dashboard", "packages", "tracker"]);
    for entry in Catalog::builtin().entries() {
        let links = Catalog::builtin().links(entry.id(), &entry.example(), &all);
        assert_eq!(links.len(), entry.links().count(), "{}", entry.id());
    }
}

#[test]
fn bases_are_checked_where_configuration_is_read() {
    let good = json!({"dashboard": "https://builds.example.org"});
    assert!(serde_json::from_value::<LinkBases>(good).is_ok());
    let bad = json!({"dashboard": "javascript:alert(1)"});
    let error = serde_json::from_value::<LinkBases>(bad).unwrap_err().to_string();
    assert!(error.contains("link base dashboard is not a plain http or https URL"), "{error}");
    let none = LinkBases::new(BTreeMap::new()).unwrap();
    assert!(Catalog::builtin().links(BUILT, &built(), &none).is_empty());
}
