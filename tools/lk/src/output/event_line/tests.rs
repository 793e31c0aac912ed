use jiff::Timestamp;
use laniakea_event::{KeyId, Keyring, Limits, RelayNote, Seq, SigningKey, SubmittedEvent};
use laniakea_wire::subscription::Believe;
use uuid::Uuid;

use super::*;

fn event(id: &str, time: &str, data: &str) -> Vec<u8> {
    format!(r#"{{"data":{data},"format":"1.0","id":"{id}","signatures":{{}},"time":"{time}"}}"#)
        .into_bytes()
}

fn open(frame: &[u8]) -> Delivery {
    Delivery::open(frame.to_vec(), &Believe::Everything, Timestamp::UNIX_EPOCH).unwrap()
}

fn lines() -> EventLines {
    EventLines::new(Zone::utc())
}

fn plain(line: &str) -> String {
    anstream::adapter::strip_str(line).to_string()
}

fn show(lines: &mut EventLines, frame: &[u8], room: Room) -> String {
    plain(&lines.show(&open(frame), room))
}

const BUILD: &str = r#"{"pkgname":"gnome-shell","version":"47.1-1","architecture":"amd64",
    "repo":"master","suite":"landing","job_id":"0a1b2c3d"}"#;

#[test]
fn lines_of_a_file_are_complete_and_aligned() {
    let mut lines = lines();
    let shown = [
        ("_lk.archive.package-build-success", "2026-11-23T16:00:00Z", BUILD),
        ("_lk.archive.package-build-failed", "2026-11-24T17:30:00+02:00", BUILD),
        ("org.example.app.done", "2026-11-24T16:00:00Z", r#"{"count":3,"ratio":0.5}"#),
    ]
    .map(|(id, time, data)| show(&mut lines, &event(id, time, data), Room::Unlimited));
    assert_eq!(
        shown.join("\n"),
        "2026-11-23 16:00:00  ✓ _lk.archive.package-build-success  unverified  gnome-shell 47.1-1 built for amd64 in landing\n\
         2026-11-24 15:30:00  ✗ _lk.archive.package-build-failed   unverified  gnome-shell 47.1-1 failed to build for amd64 in landing\n\
         2026-11-24 16:00:00  · org.example.app.done               unverified  count=3, ratio=0.5"
    );
}

#[test]
fn a_terminal_gets_the_date_once_a_day_and_lines_that_fit() {
    let mut lines = lines();
    let long = "_lk.archive.source-package-published-in-suite";
    let data = r#"{"name":"a-package-with-a-rather-long-name","version":"1:2.3.4-5~rc1","component":"main","suite_new":"sid"}"#;
    let first = show(&mut lines, &event(long, "2026-11-23T16:00:00Z", data), Room::Terminal(120));
    let (heading, line) = first.split_once('\n').unwrap();
    assert_eq!(heading, "── 2026-11-23 ──");
    assert!(
        line.starts_with("16:00:00  · …ce-package-published-in-suite  unverified  a-package"),
        "{line}"
    );
    assert!(line.width() <= 120 && line.ends_with('…'), "{line}");
    let second = show(&mut lines, &event(long, "2026-11-23T16:00:01Z", data), Room::Terminal(200));
    assert!(second.starts_with("16:00:01  · _lk.") && !second.contains('…'), "{second}");
    let third = show(&mut lines, &event(long, "2026-11-24T00:00:00Z", data), Room::Terminal(200));
    assert!(third.starts_with("── 2026-11-24 ──\n"), "{third}");
}

#[test]
fn a_narrow_terminal_has_room_for_the_summary() {
    let mut lines = lines();
    let shown = [("_lk.archive.package-build-success", BUILD), ("org.example.app.done", "{}")].map(
        |(id, data)| show(&mut lines, &event(id, "2026-11-23T16:00:00Z", data), Room::Terminal(80)),
    );
    assert_eq!(
        shown.join("\n"),
        "── 2026-11-23 ──\n\
         16:00:00  ✓ unverified  gnome-shell 47.1-1 built for amd64 in landing\n\
         16:00:00  · unverified  org.example.app.done"
    );
}

#[test]
fn on_a_tiny_terminal_a_summary_still_says_something() {
    let line = show(
        &mut lines(),
        &event("_lk.archive.package-build-success", "2026-11-23T16:00:00Z", BUILD),
        Room::Terminal(20),
    );
    assert!(line.ends_with("  gnome-shell 47.1-1 built for …"), "{line}");
}

#[test]
fn nothing_that_a_terminal_obeys_comes_out_of_an_event() {
    let hostile: Vec<char> = ('\0'..=' ')
        .chain('\u{7f}'..='\u{9f}')
        .chain('\u{200b}'..='\u{200f}')
        .chain('\u{2028}'..='\u{202e}')
        .chain('\u{2060}'..='\u{2069}')
        .chain(['\u{feff}', '\u{e0041}'])
        .collect();
    for character in hostile {
        let text = laniakea_event::Value::from(format!("a{character}[2Jb")).to_canonical();
        for id in ["_lk.core.ping", "org.example.app.done"] {
            let data = format!(r#"{{"node":{text},"message":{text},{text}:{text}}}"#);
            for room in [Room::Unlimited, Room::Terminal(300)] {
                let line = show(&mut lines(), &event(id, "2026-11-23T16:00:00Z", &data), room);
                let line = line.strip_prefix("── 2026-11-23 ──\n").unwrap_or(&line);
                let is_tame = !line.chars().any(|shown| {
                    laniakea_catalog::is_hidden(shown) || "\u{2028}\u{2029}".contains(shown)
                });
                assert!(is_tame, "{character:?}: {line:?}");
                assert!(line.contains("[2Jb"), "{line:?}");
            }
        }
    }
}

#[test]
fn a_year_that_no_calendar_has_is_shown_as_it_is() {
    let frame = event("_lk.core.ping", "9999-12-31T23:59:59-23:59", "{}");
    let line = show(&mut lines(), &frame, Room::Unlimited);
    assert!(line.starts_with("9999-12-31T23:59:5…  · _lk.core.ping"), "{line}");
}

/// An event by these signers, as a relay publishes it.
fn published(sources: &[&str], relay: &str) -> (Vec<u8>, Keyring) {
    let key = |name: &str| {
        let signer = SignerId::parse(name).unwrap();
        SigningKey::from_seed(
            signer,
            KeyId::parse("0").unwrap(),
            &[name.len().try_into().unwrap(); 32],
        )
    };
    let mut keyring = Keyring::default();
    let mut frame = event("_lk.core.ping", "2026-11-23T16:00:00Z", "{}");
    for signer in sources.iter().chain([&relay]) {
        let key = key(signer);
        keyring.insert(key.signer().clone(), key.key_id().clone(), key.verifying_key()).unwrap();
        frame = SubmittedEvent::parse(&frame, &Limits::SUBMISSION)
            .unwrap()
            .sign(&key)
            .unwrap()
            .into_bytes();
    }
    let event = SubmittedEvent::parse(&frame, &Limits::SUBMISSION).unwrap();
    let event = event.verify(&keyring, Timestamp::UNIX_EPOCH).unwrap();
    let note = RelayNote {
        relay: SignerId::parse(relay).unwrap(),
        journal: Uuid::nil(),
        seq: Seq(1),
        received: String::new(),
        prev: std::collections::BTreeMap::new(),
    };
    (event.frame(&note), keyring)
}

#[test]
fn verified_events_show_who_stands_behind_them() {
    for (sources, expected) in [
        (&["archive-01"][..], "archive-01"),
        (&["archive-01", "x\u{202e}y\u{200b}"], "archive-01, x\\u{202e}y\\u{200b}"),
        (&[], "lighthouse only"),
    ] {
        let (frame, keyring) = published(sources, "lighthouse");
        let delivery =
            Delivery::open(frame, &Believe::Keys(keyring), Timestamp::UNIX_EPOCH).unwrap();
        let line = plain(&lines().show(&delivery, Room::Unlimited));
        assert!(line.contains(&format!("  {expected}  ping from")), "{line}");
    }
}
