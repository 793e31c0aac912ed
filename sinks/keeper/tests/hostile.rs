//! Hostile data in signed events: the shared vectors, and what else shells, programs, servers and
//! readers have fallen for. Whatever stands in an event is one value wherever it goes, or is
//! refused.

#![expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::mpsc,
    time::Duration,
};

use jiff::Timestamp;
use keeper::{
    action::{Ended, Means, Order, Outcome},
    batch::{self, KeptEvent},
    herald::{Announce, Herald},
    match_rules::{believe, key_of, matching},
    rules::{self, Rules},
};
use laniakea_event::{
    Dialect, Draft, EventId, Keyring, Limits, Object, SigningKey, SubmittedEvent, Trust, Value,
    keys::KeyFile,
};

const BUILD: &str = "_lk.archive.package-build-success";

fn vectors() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/events"))
}

/// The vectors of this kind that a relay accepts: name and event.
fn of_the_vectors() -> Vec<(String, Vec<u8>)> {
    let text = fs::read_to_string(vectors().join("laniakea.json")).unwrap();
    let file: serde_json::Value = serde_json::from_str(&text).unwrap();
    let cases = file["cases"].as_array().unwrap().iter();
    let hostile = cases.filter(|case| {
        case["category"] == "hostile_data" && case["recommended"]["verdict"] == "accept"
    });
    hostile
        .map(|case| {
            let text = |name: &str| case[name].as_str().unwrap().to_owned();
            (text("name"), text("wire").into_bytes())
        })
        .collect()
}

/// More of the same, signed by the vectors' key.
fn of_our_own() -> Vec<(String, Vec<u8>)> {
    let key = SigningKey::load_for_test(&vectors().join("keys/secret/archive-01.key_secret"));
    let time: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
    let values = [
        ("hostile_shell", "x; touch /tmp/owned; $(touch /tmp/owned) `id` && a | b > c ' \" \\ * ~"),
        ("hostile_argv_option", "--output=/etc/passwd"),
        ("hostile_argv_option_short", "-rf"),
        ("hostile_argv_dash", "-"),
        ("hostile_env_newline", "x\nLD_PRELOAD=/tmp/evil.so\r\nPATH=/tmp"),
        ("hostile_env_newline_nul", "x\n\u{0}LD_PRELOAD=/tmp/evil.so"),
        ("hostile_path_traversal", "../../../../etc/passwd"),
        ("hostile_path_step", ".."),
        ("hostile_path_encoded", "%2e%2e%2f%2e%2e%2fadmin"),
        ("hostile_path_absolute", "//evil.example/x"),
        ("hostile_path_backslash", "..\\..\\x"),
        ("hostile_query", "x&admin=1#y?z=1"),
        ("hostile_header", "x\r\nX-Admin: 1\r\n\r\nGET / HTTP/1.1"),
        ("hostile_template", "{{ 7*7 }}{% for x in range(9) %}y{% endfor %}"),
        ("hostile_json", "\",\"repo\":\"evil\",\"x\":\""),
        ("hostile_bidi", "a\u{202e}b\u{200b}\u{feff}"),
        ("hostile_empty", ""),
    ];
    values
        .iter()
        .map(|(name, value)| {
            let data = Object::from([
                ("pkgname".to_owned(), Value::from(*value)),
                ("repo".to_owned(), "master".into()),
            ]);
            let draft = Draft::new(EventId::parse(BUILD).unwrap(), time, data);
            ((*name).to_owned(), draft.sign(&key).unwrap().into_bytes())
        })
        .collect()
}

fn hostile() -> Vec<(String, KeptEvent, String)> {
    let all = of_the_vectors().into_iter().chain(of_our_own());
    let parsed = all.filter_map(|(name, frame)| {
        let event = KeptEvent::parse(frame).unwrap();
        let value = event.covered()["data"].get("pkgname")?.as_str()?.to_owned();
        Some((name, event, value))
    });
    let parsed: Vec<_> = parsed.collect();
    assert!(parsed.len() > 20, "only {} events", parsed.len());
    parsed
}

fn rules(text: &str) -> Rules {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("hostile.toml"), text).unwrap();
    rules::load(directory.path(), &Means::default()).unwrap()
}

async fn run(rules: &Rules, rule: &str, event: &KeptEvent) -> Ended {
    let rule = rules.get(rule).unwrap();
    let key = key_of(rule, event).unwrap();
    let values = batch::of_run(&rule.name, 1, &key, 1, std::slice::from_ref(event));
    let keeper = env!("CARGO_BIN_EXE_keeper").into();
    let timeout = Duration::from_secs(20);
    rule.action.run(Order { values, timeout, data_dir: "/".into(), keeper }).await
}

#[tokio::test]
async fn argv_holds_each_value_as_one_argument_and_never_as_an_option() {
    let rules = rules(
        r#"
[[rule]]
name = "bare"
on = "*"
exec = { command = ["/bin/sh", "-c", 'printf "%s" "$#" "$1"', "sh", "{{ data.pkgname }}"] }
[[rule]]
name = "option"
on = "*"
key = "{{ data.pkgname | replace('\u0000', '') }}"
exec = { command = ["/bin/sh", "-c", 'printf "%s" "$#" "$1"', "sh", "--package={{ data.pkgname }}"] }
[[rule]]
name = "environment"
on = "*"
exec = { command = ["/usr/bin/env", "-0"], environment = { SITE = "test" } }
[[rule]]
name = "stdin"
on = "*"
exec = { command = ["/bin/cat"] }
"#,
    );
    for (name, event, value) in hostile() {
        let ended = run(&rules, "bare", &event).await;
        if value.starts_with('-') || value.contains('\0') {
            assert!(matches!(&ended.outcome, Outcome::Refused(_)), "{name}: {ended:?}");
            assert_eq!(ended.output, b"", "{name}");
        } else {
            assert_eq!(ended.outcome, Outcome::Succeeded, "{name}");
            assert_eq!(String::from_utf8(ended.output).unwrap(), format!("1{value}"), "{name}");
        }
        let ended = run(&rules, "option", &event).await;
        if !value.contains('\0') {
            let expected = format!("1--package={value}");
            assert_eq!(String::from_utf8(ended.output).unwrap(), expected, "{name}");
        }
        let ended = run(&rules, "environment", &event).await;
        let output = String::from_utf8(ended.output).unwrap();
        let variables = output.split_terminator('\0').map(|line| line.split('=').next().unwrap());
        let known = BTreeSet::from([
            "PATH",
            "LANG",
            "HOME",
            "USER",
            "SITE",
            "LK_RULE",
            "LK_RUN",
            "LK_ATTEMPT",
            "LK_COUNT",
            "LK_KEEPER",
        ]);
        for variable in variables {
            assert!(known.contains(variable), "{name}: {variable}");
        }
        let ended = run(&rules, "stdin", &event).await;
        assert_eq!(ended.output.split(|byte| *byte == b'\n').count(), 2, "{name}");
        let seen: serde_json::Value = serde_json::from_slice(&ended.output).unwrap();
        assert_eq!(seen["data"]["pkgname"], value.as_str(), "{name}");
    }
    assert!(!Path::new("/tmp/owned").exists());
}

/// Answers every request, and hands over its head and body.
fn server() -> (String, mpsc::Receiver<(String, Vec<u8>)>) {
    fn serve(stream: &TcpStream) -> (String, Vec<u8>) {
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.unwrap().parse().unwrap()];
        reader.read_exact(&mut body).unwrap();
        let answer = b"HTTP/1.1 204 Done\r\nconnection: close\r\n\r\n";
        let mut writer = stream;
        writer.write_all(answer).unwrap();
        (head, body)
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, receiver) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            if sender.send(serve(&stream)).is_err() {
                break;
            }
        }
    });
    (address, receiver)
}

#[tokio::test]
async fn an_address_holds_each_value_where_it_was_put() {
    let (address, requests) = server();
    let rules = rules(&format!(
        "[[rule]]\nname = \"hook\"\non = \"*\"\nwebhook = {{ url = \"http://{address}/build/\
         {{{{ data.pkgname }}}}/done?package={{{{ data.pkgname }}}}&site=test\" }}\n"
    ));
    for (name, event, value) in hostile() {
        let ended = run(&rules, "hook", &event).await;
        if ["", ".."].contains(&value.as_str()) {
            assert!(matches!(&ended.outcome, Outcome::Refused(_)), "{name}: {ended:?}");
            assert!(requests.try_recv().is_err(), "{name}");
            continue;
        }
        assert_eq!(ended.outcome, Outcome::Succeeded, "{name}");
        let (head, body) = requests.recv_timeout(Duration::from_secs(20)).unwrap();
        let target = head.lines().next().unwrap().split(' ').nth(1).unwrap();
        let (path, query) = target.split_once('?').unwrap();
        let encoded = path.strip_prefix("/build/").unwrap().strip_suffix("/done").unwrap();
        let decoded = percent_encoding::percent_decode_str(encoded).decode_utf8().unwrap();
        assert_eq!(decoded, value, "{name}");
        assert!(!encoded.contains(['/', '?', '#', '\\', '&', '=']), "{name}: {encoded}");
        assert_eq!(query, format!("package={encoded}&site=test"), "{name}");
        let is_admin = |line: &str| line.to_lowercase().starts_with("x-admin");
        assert!(!head.lines().any(is_admin), "{name}: {head}");
        let sent: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(sent["data"]["pkgname"], value.as_str(), "{name}");
    }
}

#[tokio::test]
async fn an_emitted_event_says_what_was_said_and_nothing_more() {
    let rules = rules(
        r#"
[[rule]]
name = "chain"
on = "*"
[rule.emit]
id = "org.example.site.built"
data = { package = "{{ data.pkgname }}", text = "<{{ data.pkgname }}>", repo = "{{ data.repo }}" }
"#,
    );
    let key = SigningKey::load_for_test(&vectors().join("keys/secret/spears-01.key_secret"));
    let herald = Herald::new(key, Dialect::Both, Announce::All);
    for (name, event, value) in hostile() {
        let ended = run(&rules, "chain", &event).await;
        let Outcome::Emits(emission) = ended.outcome else { panic!("{name}: {ended:?}") };
        let chain = emission.chain.with(&herald.link("chain"));
        let now = "2026-03-01T12:00:00Z".parse().unwrap();
        let signed = herald.sign(emission.id, emission.data, &chain, now).unwrap();
        let emitted = SubmittedEvent::parse(signed.bytes(), &Limits::SUBMISSION).unwrap();
        assert_eq!(emitted.id().as_str(), "org.example.site.built", "{name}");
        let data = emitted.covered()["data"].as_object().unwrap();
        let expected = Object::from([
            ("package".to_owned(), Value::from(value.as_str())),
            ("text".to_owned(), format!("<{value}>").into()),
            ("repo".to_owned(), "master".into()),
        ]);
        assert_eq!(*data, expected, "{name}");
    }
}

/// The vectors' signatures hold, so these events do come from a trusted source.
#[test]
fn hostile_events_are_believed_and_matched_like_any_others() {
    let mut keyring = Keyring::default();
    let file = KeyFile::load(&vectors().join("keys/trusted/archive-01.pub.key")).unwrap();
    keyring.insert(file.signer.clone(), file.key_id.clone(), file.verify_key.clone()).unwrap();
    let may = vec![laniakea_event::EmitRule::parse("_lk.archive.").unwrap()];
    let trust = Trust::new(keyring, BTreeSet::new(), [(file.signer.clone(), may)].into());
    let rules = rules(
        "[[rule]]\nname = \"a\"\non = \"_lk.archive.package-build-*\"\nkey = \"{{ data.repo }}\"\n\
         exec = { command = [\"/bin/true\"] }\n",
    );
    for (name, event, _) in hostile() {
        let now = "2026-03-01T12:00:01Z".parse().unwrap();
        let believed = believe(&event, &trust, now).unwrap_or_else(|why| panic!("{name}: {why}"));
        let found = matching(&rules, &event, &believed);
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!(found[0].key, "master", "{name}");
    }
}

/// Keys of the vectors are public, so their files may be readable.
trait LoadForTest: Sized {
    fn load_for_test(path: &Path) -> Self;
}

impl LoadForTest for SigningKey {
    fn load_for_test(path: &Path) -> Self {
        KeyFile::load(path).unwrap().signing_key.unwrap()
    }
}
