//! Events as they are told: marks, subjects, stages, and what hostile events cannot do. Every type
//! with every kind of hostile data is in `tests/hostile.rs`.

use serde_json::json;

use super::*;

fn describer(has_marks: bool) -> Describer {
    Describer::new(&BTreeMap::new(), LinkBases::default(), has_marks).unwrap()
}

fn event(id: &str, data: &serde_json::Value) -> StreamEvent {
    StreamEvent::example(id, data).unwrap()
}

fn described(id: &str, data: &serde_json::Value) -> Described {
    describer(false).describe(&event(id, data)).0
}

fn example(id: &str) -> Described {
    described(id, &Catalog::builtin().entry(id).unwrap().example())
}

#[test]
fn a_mark_says_how_it_went() {
    for (id, sign) in [
        ("_lk.archive.package-build-success", "✓ "),
        ("_lk.archive.package-build-failed", "✗ "),
        ("_lk.jobs.job-rejected", "! "),
        ("_lk.jobs.job-assigned", ""),
    ] {
        let data = Catalog::builtin().entry(id).unwrap().example();
        let (marked, _) = describer(true).describe(&event(id, &data));
        let plain = described(id, &data);
        assert_eq!(marked.text, format!("{sign}{}", plain.text));
        assert_eq!(marked.html.starts_with("<font data-mx-color=\"#"), !sign.is_empty(), "{id}");
        assert!(marked.html.ends_with(&plain.html));
    }
}

#[test]
fn an_event_is_told_by_its_template_and_others_by_the_catalogue() {
    let id = "_lk.archive.package-build-success";
    let templates = BTreeMap::from([(id.to_owned(), "<b>{{ pkgname }}</b> is there".to_owned())]);
    let describer = Describer::new(&templates, LinkBases::default(), false).unwrap();
    let (told, _) = describer.describe(&event(id, &json!({"pkgname": "a/b"})));
    assert_eq!((&*told.text, &*told.html), ("a/b is there", "<b>a/b</b> is there"));
    let (other, _) = describer.describe(&event("org.example.thing.happened", &json!({"n": 1})));
    assert_eq!(other.text, "org.example.thing.happened: n=1");
}

#[test]
fn an_event_that_its_template_does_not_work_on_is_told_by_the_catalogue() {
    let id = "org.example.thing.happened";
    let templates = BTreeMap::from([(id.to_owned(), "{{ n + 1 }}".to_owned())]);
    let describer = Describer::new(&templates, LinkBases::default(), false).unwrap();
    assert_eq!(describer.describe(&event(id, &json!({"n": 1}))).0.text, "2");
    let (told, _) = describer.describe(&event(id, &json!({"n": "x"})));
    assert_eq!(told.text, "org.example.thing.happened: n=x");
}

#[test]
fn a_digest_calls_an_event_by_its_package_or_its_job() {
    let build = example("_lk.archive.package-build-success");
    assert_eq!(build.subject.as_deref(), Some("gnome-shell"));
    assert_eq!(build.package.as_deref(), Some("gnome-shell"));
    let job = example("_lk.jobs.job-accepted");
    assert_eq!(job.subject.as_deref(), Some("0a1b2c3d-0000-4000-8000-000000000001"));
    assert_eq!(job.package, None);
    assert_eq!(described("org.example.thing.happened", &json!({})).subject, None);
}

#[test]
fn an_event_that_is_not_believed_is_no_step_of_a_story() {
    let id = "_lk.jobs.job-accepted";
    let mut event = event(id, &Catalog::builtin().entry(id).unwrap().example());
    assert!(describer(false).describe(&event).0.stage.is_some());
    event.problem = Some("unknown signer".to_owned());
    let (told, _) = describer(false).describe(&event);
    assert!(told.stage.is_none());
    assert_eq!(told.problem.as_deref(), Some("unknown signer"));
}

#[test]
fn slashes_are_slashes() {
    let data = json!({"pkgname": "a/b", "version": "1", "architecture": "x/y", "suite": "s/t"});
    let told = described("_lk.archive.package-build-success", &data);
    assert!(told.html.contains("a/b") && told.html.contains("s/t"), "{}", told.html);
    let told = described("org.example.thing.happened", &json!({"path": "/etc/x"}));
    assert!(told.html.contains("/etc/x"), "{}", told.html);
    assert!(!told.plural.html.contains("&#x2f;"), "{}", told.plural.html);
}

#[test]
fn addresses_in_data_are_code() {
    let data = json!({"a": "https://evil.example/x?y&z", "b": "@room", "c": "#room:evil.example"});
    let html = described("org.example.thing.happened", &data).html;
    for code in ["a=https://evil.example/x?y&amp;z,", "b=@room,", "c=#room:evil.example"] {
        assert!(html.contains(&format!("<code>{code}</code>")), "{html}");
    }
}

#[test]
fn addresses_in_what_several_events_are_called_are_code() {
    let entries = Catalog::builtin().entries();
    let mut found = 0;
    for entry in entries {
        let mut data = entry.example();
        for field in entry.fields() {
            data[field.name()] = json!("https://evil.example/");
        }
        let Phrase { html, .. } = described(entry.id(), &data).plural;
        let open = html.replace("<code>https://evil.example/", "");
        assert!(!open.contains("://") && !open.contains("&#x2f;"), "{html}");
        found += usize::from(html.contains("evil"));
    }
    assert!(found > 3, "only {found} phrases tell of data");
}

#[test]
fn a_time_of_any_length_is_bounded() {
    let frame = json!({
        "id": "org.example.thing.happened", "format": "1.0", "data": {}, "signatures": {},
        "time": format!("2026-01-02T03:04:05Z{}\u{202e}", " ".repeat(50)),
    });
    if let Ok(event) = StreamEvent::parse(frame.to_string().into_bytes()) {
        let time = describer(false).describe(&event).0.time;
        assert!(time.chars().count() < 60 && !time.contains('\u{202e}'), "{time}");
    }
}

#[test]
fn links_are_those_whose_base_is_configured() {
    let bases = BTreeMap::from([("dashboard".to_owned(), "https://builds.example.org".to_owned())]);
    let describer = Describer::new(&BTreeMap::new(), LinkBases::new(bases).unwrap(), true).unwrap();
    let id = "_lk.archive.package-build-success";
    let data = Catalog::builtin().entry(id).unwrap().example();
    let (told, _) = describer.describe(&event(id, &data));
    assert_eq!(told.links.len(), 1);
    assert!(told.links[0].url.starts_with("https://builds.example.org/jobs/job/"));
    assert!(example(id).links.is_empty());
}
