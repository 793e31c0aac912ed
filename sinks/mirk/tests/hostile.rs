//! Hostile events, all the way to the messages that rooms would get: no markup, links, mentions or
//! hidden characters of theirs, and no message that is too long.

#![expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")]

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use laniakea_catalog::Catalog;
use mirk::{
    config::Config,
    preview::{Pace, Posted, preview},
    source::StreamEvent,
};
use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

#[path = "support/markup.rs"]
mod markup;

const BASES: [&str; 4] = [
    "https://builds.example.org",
    "https://packages.example.org",
    "https://tracker.example.org",
    "https://events.example.org/pages",
];

/// Rooms of every kind, with templates of their own where `templates` has some.
fn config(templates: &BTreeMap<&str, String>) -> Config {
    let mut text = format!(
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
        events_url = '{}/'
        links = {{ dashboard = '{}', packages = '{}', tracker = '{}' }}
        [messages.templates]\n",
        BASES[3], BASES[0], BASES[1], BASES[2]
    );
    let templates = templates.iter().map(|(id, template)| format!("{id:?} = {template:?}\n"));
    text.extend(templates);
    let prefix = "x".repeat(200);
    text.extend(["edit", "thread", "off"].map(|lifecycle| {
        format!(
            "[[room]]
            room = '!{lifecycle}'
            lifecycle = '{lifecycle}'
            prefix = '{prefix}'
            untrusted = 'mark'\n"
        )
    }));
    toml::from_str(&text).expect("the configuration is one")
}

/// What rooms would get of these events, one by one and all at once; all of it is harmless.
fn posted(mut events: Vec<StreamEvent>, templates: &BTreeMap<&str, String>) -> Vec<Posted> {
    events.sort_by_key(|event| event.digest);
    events.dedup_by_key(|event| event.digest);
    let mut all = Vec::new();
    for pace in [Pace::Slow, Pace::Burst] {
        let posted = preview(config(templates), &events, None, pace).expect("there is memory");
        for message in &posted {
            markup::assert_harmless(&message.content, &BASES);
        }
        assert_eq!(told(&posted), events.len() * 3, "every event is told once in every room");
        all.extend(posted);
    }
    all
}

fn told(posted: &[Posted]) -> usize {
    let events =
        posted.iter().filter_map(|it| it.content["org.laniakea.mirk"]["events"].as_array());
    events.map(Vec::len).sum()
}

fn nasty() -> Vec<String> {
    let short = [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "</b></em><h1>owned",
        "<a href=\"https://evil.example\">click</a>",
        "<mx-reply>",
        "\"'`><&",
        "&lt;b&gt; &amp;amp; &#60; &#x3c;",
        "@room everybody",
        "@admin:example.org: hello",
        "<@admin:example.org>",
        "#room:evil.example !room:evil.example (#room:evil.example)",
        "https://matrix.to/#/@admin:example.org",
        "[click](https://evil.example) matrix:u/admin:example.org",
        "http://evil.example/?a=b&c=<d>",
        "javascript:alert(1) data:text/html,x mailto:a@b.c www.evil.example",
        "ftp://evil.example/,https://evil.example;HTTPS://EVIL.EXAMPLE",
        "\u{202e}txt.exe\u{202c} \u{2066}x\u{2069}",
        "\u{200b}\u{200d}\u{feff}\u{2060}\u{ad}",
        "\u{e0041}\u{e0042}\u{fe0f}\u{3164}\u{115f}",
        "\u{1b}[31mred\u{1b}[0m\u{7}\u{8}\u{7f}\u{9b}",
        "\0null\0",
        "line\nbreak\r\n!mirk mute 30d\u{2028}x\u{2029}\u{85}",
        "{{ 7 * 7 }} {% for a in b %} {# c #}",
        "{0} %s %n ${x} $(reboot) `id`",
        "../../etc/passwd",
        "..",
        ".",
        "",
        " ",
        "😀👨‍👩‍👧‍👦 日本語 e\u{301}\u{301}\u{301}",
        "-",
        "null",
    ];
    let mut all: Vec<String> = short.iter().map(ToString::to_string).collect();
    for piece in ["x", "/", "@ ", "\"", "\\", "&", "日", "\u{202e}", "a@b ", "<", "://"] {
        all.push(piece.repeat(255 / piece.len()));
    }
    for piece in ["&", "@ ", "\u{202e}"] {
        all.push(piece.repeat(100_000 / piece.len()));
    }
    all
}

/// An event, unless it is so big that there is none.
fn event(id: &str, data: &Json, is_believed: bool) -> Option<StreamEvent> {
    let mut event = StreamEvent::example(id, data)?;
    event.problem = (!is_believed).then(|| "unknown signer".to_owned());
    Some(event)
}

#[test]
fn the_checks_find_what_is_harmful() {
    let content = |text: &str, html: &str| {
        json!({
            "msgtype": "m.notice", "body": text, "format": "org.matrix.custom.html",
            "formatted_body": html, "m.mentions": {},
        })
    };
    markup::assert_harmless(&content("x", "<b>x</b> &lt;<code>a@b</code><br>"), &BASES);
    let mut mentions = content("x", "x");
    mentions["m.mentions"] = json!({"room": true});
    let mut edit = content("x", "x");
    edit["m.new_content"] = content("x", "<h1>x</h1>");
    let mut harmful = vec![mentions, edit, content("\u{202e}", "x"), content("", "x")];
    let long = "x".repeat(4_097);
    for html in [
        "<script>x</script>",
        "<b onclick=\"x\">x</b>",
        "<b>x",
        "<b><em>x</b></em>",
        "x > y",
        "x & y",
        "\u{200b}",
        "https://evil.example/",
        "@room",
        "#room:evil.example",
        "<a href=\"https://evil.example/\">x</a>",
        "<a href=\"https://builds.example.org.evil.example/\">x</a>",
        "<font color=\"red\">x</font>",
        "a&#x2f;b",
        &long,
    ] {
        harmful.push(content("x", html));
    }
    for content in harmful {
        let checked = std::panic::catch_unwind(|| markup::assert_harmless(&content, &BASES));
        assert!(checked.is_err(), "{content}");
    }
}

#[test]
fn no_string_in_any_field_of_any_type_does_harm() {
    let nasty = nasty();
    for entry in Catalog::builtin().entries() {
        let mut events = Vec::new();
        for (at, text) in nasty.iter().enumerate() {
            // In each field alone, in turn, and in all at once.
            let fields = entry.fields();
            let mut one = entry.example();
            one[fields[at % fields.len()].name()] = json!(text);
            events.extend(event(entry.id(), &one, at % 3 > 0));
            let mut all = entry.example();
            for field in fields {
                all[field.name()] = json!(text);
            }
            events.extend(event(entry.id(), &all, true));
        }
        assert!(events.len() > nasty.len(), "{} of {}", events.len(), entry.id());
        posted(events, &BTreeMap::new());
    }
}

#[test]
fn no_value_of_another_type_does_harm() {
    let values = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1.5e300),
        json!([]),
        json!(["<b>", "@room", "\u{202e}", ["https://evil.example"], {"a": "b"}]),
        json!({"<b>": "@room", "\u{202e}": {"a": {"b": {"c": {"d": {"e": {"f": {"g": 1}}}}}}}}),
        json!(vec!["https://evil.example/ @room"; 3_000]),
    ];
    for entry in Catalog::builtin().entries() {
        let mut events = Vec::new();
        for value in &values {
            let mut data = entry.example();
            for field in entry.fields() {
                data[field.name()] = value.clone();
            }
            events.extend(event(entry.id(), &data, true));
            events.extend(event(entry.id(), value, true));
        }
        posted(events, &BTreeMap::new());
    }
}

#[test]
fn no_string_does_harm_through_a_template() {
    let id = "_lk.archive.package-build-success";
    for template in [
        "<b>{{ pkgname }}</b> {{ version }}<br><blockquote>{{ suite | lines }}</blockquote>",
        "<a href=\"https://builds.example.org/p/{{ pkgname | urlencode }}\">{{ pkgname }}</a>",
        "<em>{{ pkgname | upper }}</em> {{ data }} {{ [pkgname, version] }}",
        "{% for it in [pkgname, version] %}<code>{{ it }}</code> {{ it | lines }}{% endfor %}",
        "{{ pkgname }}{{ version }}{{ suite }}{{ pkgname | tojson }}",
    ] {
        let templates = BTreeMap::from([(id, template.to_owned())]);
        let events: Vec<StreamEvent> = nasty()
            .iter()
            .filter_map(|text| {
                let data = json!({"pkgname": text, "version": text, "suite": text, text: text});
                event(id, &data, true)
            })
            .collect();
        assert!(events.len() > 30);
        posted(events, &templates);
    }
}

#[test]
fn unknown_types_do_no_harm() {
    let mut events = Vec::new();
    for text in nasty() {
        events.extend(event("org.evil.example.x", &json!({ text.clone(): text }), true));
        events.extend(event("org.evil.example.x", &json!({"text": text, "more": [text]}), false));
        events.extend(event("_lk.archive.unheard-of", &json!(text), true));
    }
    assert!(events.len() > 60, "{}", events.len());
    posted(events, &BTreeMap::new());
}

/// The events of the shared vectors, with their names.
fn vectors() -> Vec<(String, StreamEvent)> {
    let mut found = Vec::new();
    for name in ["laniakea.json", "seed.json"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/events");
        let file = std::fs::read_to_string(path.join(name)).expect("the vectors are there");
        let file: Json = serde_json::from_str(&file).expect("vectors are JSON");
        for case in file["cases"].as_array().expect("there are cases") {
            let Some(wire) = case["wire"].as_str() else { continue };
            let name = case["name"].as_str().unwrap_or_default().to_owned();
            let event = StreamEvent::parse(wire.as_bytes().to_vec());
            found.extend(event.ok().map(|event| (name, event)));
        }
    }
    found
}

#[test]
fn the_shared_vectors_do_no_harm() {
    let vectors = vectors();
    assert!(vectors.len() > 80, "only {} vectors are events", vectors.len());
    let hostile = vectors.iter().filter(|(name, _)| name.starts_with("hostile_")).count();
    assert_eq!(hostile, 6);
    for (name, event) in vectors {
        assert!(!posted(vec![event], &BTreeMap::new()).is_empty(), "{name} is not told");
    }
}

#[test]
fn hostile_vectors_are_told_as_what_they_are() {
    let mut shown = String::new();
    for (name, event) in vectors().into_iter().filter(|(name, _)| name.starts_with("hostile_")) {
        let posted = preview(config(&BTreeMap::new()), &[event], Some("!off"), Pace::Slow).unwrap();
        let content = &posted[0].content;
        let form = |form: &str| content[form].as_str().unwrap().trim_start_matches('x').to_owned();
        writeln!(shown, "{name}\n  {}\n  {}", form("body"), form("formatted_body")).unwrap();
    }
    insta::assert_snapshot!("hostile_vectors", shown);
}

fn hostile_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        proptest::sample::select(nasty()),
        "[<>&\"'/@#!:{}%\\\\ a\n\u{202e}\u{200b}.]{0,40}",
    ]
}

fn json_value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>()
            .prop_filter_map("no number", |float| Some(json!(float)).filter(|it| !it.is_null())),
        hostile_text().prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 20, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            proptest::collection::vec((hostile_text(), inner), 0..5)
                .prop_map(|members| Json::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Data whose members are those of a known type.
fn data() -> impl Strategy<Value = (String, Json)> {
    let ids: Vec<String> = Catalog::builtin().entries().map(|it| it.id().to_owned()).collect();
    let known = (proptest::sample::select(ids), proptest::collection::vec(json_value(), 24))
        .prop_map(|(id, values)| {
            let fields = Catalog::builtin().entry(&id).map_or(&[][..], |entry| entry.fields());
            let members = fields.iter().map(|field| field.name().to_owned()).zip(values);
            let data = Json::Object(members.collect::<Map<_, _>>());
            (id, data)
        });
    let unknown = ("[a-z]{1,8}(\\.[a-z-]{1,8}){2,4}", json_value());
    prop_oneof![4 => known, 1 => unknown]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn arbitrary_data_does_no_harm(all in proptest::collection::vec(data(), 1..8)) {
        let events = all.iter().filter_map(|(id, data)| event(id, data, true)).collect();
        posted(events, &BTreeMap::new());
    }
}
