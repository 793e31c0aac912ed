//! How every event type of the catalogue looks in a room.

use laniakea_catalog::Catalog;
use mirk::{
    config::Config,
    preview::{Pace, Posted, preview},
    source::StreamEvent,
};
use serde_json::Value as Json;

#[path = "support/markup.rs"]
mod markup;

const BASES: [&str; 4] = [
    "https://builds.example.org",
    "https://packages.example.org",
    "https://tracker.example.org",
    "https://events.example.org",
];

/// One room with these keys.
fn config(room: &str) -> Config {
    toml::from_str(&format!(
        "data_dir = '/var/lib/mirk'
        [matrix]
        homeserver = 'https://matrix.example.org'
        user = '@mirk:example.org'
        [trust]
        keys_dir = '/etc/laniakea/keys/trusted'
        [stream]
        publish = 'tcp://127.0.0.1:5572'
        replay = 'tcp://127.0.0.1:5573'
        [messages]
        events_url = '{}'
        links = {{ dashboard = '{}', packages = '{}', tracker = '{}' }}
        [[room]]
        room = '#all:example.org'
        {room}",
        BASES[3], BASES[0], BASES[1], BASES[2]
    ))
    .expect("the configuration is one")
}

fn example(id: &str, data: &Json) -> StreamEvent {
    StreamEvent::example(id, data).expect("the catalogue's examples are events")
}

/// The messages as people see them: the event's page, which each has, is left out.
fn shown(posted: &[Posted]) -> String {
    let mut shown = String::new();
    for Posted { content, .. } in posted {
        markup::assert_harmless(content, &BASES);
        if let Some(relation) = content["m.relates_to"]["rel_type"].as_str() {
            shown.extend(["  ", relation, "\n"]);
        }
        let content = content.get("m.new_content").unwrap_or(content);
        for form in ["body", "formatted_body"] {
            let text = content[form].as_str().expect("both forms are there");
            let text = without_event_page(text).replace('\n', "\n    ");
            shown.extend(["    ", &text, "\n"]);
        }
    }
    shown
}

fn without_event_page(text: &str) -> &str {
    let end = [" · event: ", " · <a href=\"https://events.example.org/events/"];
    end.iter().find_map(|end| text.rfind(end)).map_or(text, |at| &text[..at])
}

#[test]
fn every_event_type_reads_well_in_a_room() {
    for module in Catalog::builtin().modules() {
        let mut all = String::new();
        for entry in Catalog::builtin().entries().filter(|entry| entry.module() == module.name) {
            let mut push = |case: &str, data: &Json| {
                let config = config("lifecycle = 'off'");
                let event = example(entry.id(), data);
                let posted = preview(config, &[event], None, Pace::Slow).unwrap();
                all.extend([entry.id(), " (", case, ")\n", &shown(&posted)]);
            };
            push("full", &entry.example());
            if entry.bare_example() != entry.example() {
                push("bare", &entry.bare_example());
            }
        }
        insta::assert_snapshot!(format!("messages_{}", module.name), all);
    }
}

/// One event of each type of a module.
fn events_of(module: &str) -> Vec<StreamEvent> {
    let entries = Catalog::builtin().entries().filter(|entry| entry.module() == module);
    entries.map(|entry| example(entry.id(), &entry.example())).collect()
}

#[test]
fn a_job_changes_its_message_and_its_thread_says_how() {
    for (lifecycle, events) in
        [("edit", events_of("jobs")), ("thread", events_of("jobs")), ("off", events_of("jobs"))]
    {
        let config = config(&format!("lifecycle = '{lifecycle}'"));
        let posted = preview(config, &events, None, Pace::Slow).unwrap();
        insta::assert_snapshot!(format!("job_{lifecycle}"), shown(&posted));
    }
}

#[test]
fn many_events_at_once_are_summed_up() {
    let mut events = Vec::new();
    for entry in Catalog::builtin().entries() {
        for round in 0..3 {
            let mut data = entry.example();
            for field in ["pkgname", "pkg_name", "name", "source_name", "source_package"] {
                if entry.field(field).is_some() {
                    data[field] = format!("package-{round}").into();
                }
            }
            events.push(example(entry.id(), &data));
        }
    }
    let posted = preview(config("lifecycle = 'off'"), &events, None, Pace::Burst).unwrap();
    insta::assert_snapshot!("digest", shown(&posted));
}

#[test]
fn events_that_nobody_trusted_signed_say_so() {
    let mut events = events_of("debcheck");
    for event in &mut events {
        event.problem = Some("unknown signer".to_owned());
    }
    let marked = "untrusted = 'mark'";
    let posted = preview(config(marked), &events, None, Pace::Slow).unwrap();
    insta::assert_snapshot!("untrusted", shown(&posted));
    let dropped = preview(config(""), &events, None, Pace::Slow).unwrap();
    assert!(dropped.is_empty());
}
