//! The sample, and everything that is refused, by the key that is wrong.

use std::error::Error as _;

use laniakea_wire::subscription::Start;

use super::*;
use crate::compose::{MessageType, StoryStyle};

const SAMPLE: &str = include_str!("../../../../config/mirk.toml");

const LEAST: &str = "\
data_dir = '/var/lib/mirk'
[matrix]
homeserver = 'https://matrix.example.org'
user = '@mirk:example.org'
[trust]
keys_dir = '/etc/laniakea/keys/trusted'
[stream]
publish = 'tcp://127.0.0.1:5572'
replay = 'tcp://127.0.0.1:5573'
";

/// Loads a file with this text.
fn load(text: &str) -> Result<Config, InvalidConfig> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mirk.toml");
    std::fs::write(&path, text).unwrap();
    Config::load(&path)
}

fn loaded(text: &str) -> Config {
    load(text).unwrap_or_else(|error| panic!("{}", whole(&error)))
}

/// What a person gets to read: the error and its causes.
fn whole(error: &InvalidConfig) -> String {
    let causes = std::iter::successors(error.source(), |&error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// The message for the least configuration with `from` replaced by `to`.
fn refused(from: &str, to: &str) -> String {
    assert!(LEAST.contains(from), "{from}");
    let error = load(&LEAST.replace(from, to)).expect_err(to);
    whole(&error)
}

/// The message for the least configuration with more at its end.
fn refused_with(more: &str) -> String {
    whole(&load(&format!("{LEAST}{more}\n")).expect_err(more))
}

fn room_with(keys: &str) -> String {
    refused_with(&format!("[[room]]\nroom = '#archive:example.org'\n{keys}"))
}

fn assert_names(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in {message}");
    }
}

#[test]
fn the_sample_loads_and_shows_the_defaults() {
    let sample = loaded(SAMPLE);
    assert_eq!(sample.rooms.len(), 2);
    let least = loaded(LEAST);
    assert_eq!(sample.database(), least.database());
    assert_eq!(sample.session_file(), least.session_file());
    assert_eq!(sample.store_key_file(), least.store_key_file());
    assert_eq!(sample.stream.start, least.stream.start);
    assert_eq!(sample.messages.msgtype, least.messages.msgtype);
    assert_eq!(sample.messages.marks, least.messages.marks);
    let with_room = loaded(&format!("{LEAST}[[room]]\nroom = '!x'\n"));
    for room in &sample.rooms {
        let default = &with_room.rooms[0];
        assert_eq!(room.limits, default.limits);
        assert_eq!(room.lifecycle, default.lifecycle);
        assert_eq!(room.untrusted, default.untrusted);
        assert_eq!(room.msgtype, default.msgtype);
        assert!(room.quiet_hours.is_none());
    }
}

#[test]
fn every_key_of_the_sample_that_is_commented_out_is_one() {
    let uncommented: String = SAMPLE
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if is_assignment(rest) => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    assert_ne!(uncommented, SAMPLE);
    let config = loaded(&uncommented);
    assert_eq!(config.messages.events_url.as_deref(), Some("https://events.example.org"));
    assert!(config.rooms[0].quiet_hours.is_some());
    assert!(config.rooms[0].allowed_users.is_some());
    assert_eq!(config.rooms[0].msgtype, Some(MessageType::Notice));
}

fn is_assignment(line: &str) -> bool {
    let name = line.split_once(" = ").map(|(name, _)| name);
    name.is_some_and(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
}

#[test]
fn paths_follow_the_data_directory_unless_they_are_named() {
    let config = loaded(LEAST);
    assert_eq!(config.database(), PathBuf::from("/var/lib/mirk/mirk.sqlite"));
    assert_eq!(config.session_file(), PathBuf::from("/var/lib/mirk/session.json"));
    assert_eq!(config.store_key_file(), PathBuf::from("/var/lib/mirk/store.key"));
    assert_eq!(config.store_dir(), PathBuf::from("/var/lib/mirk/matrix"));
    let named = LEAST
        .replace("[trust]", "session_file = '/s'\nstore_key_file = '/k'\n[trust]")
        .replace("replay =", "cursor = '/c'\nreplay =");
    let config = loaded(&named);
    assert_eq!(config.database(), PathBuf::from("/c"));
    assert_eq!(config.session_file(), PathBuf::from("/s"));
    assert_eq!(config.store_key_file(), PathBuf::from("/k"));
}

#[test]
fn a_room_is_found_by_its_name() {
    let config = loaded(SAMPLE);
    assert!(config.room("#archive:example.org").is_some());
    assert!(config.room("#archive").is_none());
}

#[test]
fn words_and_times_mean_what_they_say() {
    let config = loaded(&format!(
        "{LEAST}start = '2026-11-01T00:00:00Z'
        [messages]
        msgtype = 'text'
        [[room]]
        room = '!x'
        lifecycle = 'thread'
        untrusted = 'mark'
        msgtype = 'notice'
        limits = {{ digest_after = '2m' }}"
    ));
    assert_eq!(config.stream.start, Start::Since("2026-11-01T00:00:00Z".to_owned()));
    let style = config.rooms[0].style(&config.messages);
    assert_eq!((style.stories, style.msgtype), (StoryStyle::Thread, MessageType::Notice));
    assert_eq!(style.limits.digest_after, jiff::SignedDuration::from_mins(2));
    assert_eq!((style.limits.burst, style.limits.per_minute), (10, 6));
    assert_eq!(config.rooms[0].untrusted, Untrusted::Mark);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Config::load(Path::new("/nowhere/mirk.toml")).unwrap_err();
    assert_names(&whole(&error), &["/nowhere/mirk.toml"]);
}

#[test]
fn a_key_that_does_not_exist_is_refused_in_every_section() {
    for (from, to) in [
        ("data_dir", "colour = 1\ndata_dir"),
        ("homeserver", "colour = 1\nhomeserver"),
        ("keys_dir", "colour = 1\nkeys_dir"),
        ("publish", "colour = 1\npublish"),
    ] {
        assert_names(&refused(from, to), &["mirk.toml", "colour"]);
    }
    assert_names(&refused_with("[messages]\ncolour = 1"), &["colour"]);
    assert_names(&room_with("colour = 1"), &["colour"]);
    assert_names(&room_with("limits = { colour = 1 }"), &["colour"]);
    assert_names(&room_with("include = [{ colour = 1 }]"), &["colour"]);
    let quiet = "quiet_hours = { from = '22:00', to = '07:00', colour = 1 }";
    assert_names(&room_with(quiet), &["colour"]);
}

#[test]
fn what_there_must_be_is_missed_by_name() {
    for line in LEAST.lines().filter(|line| line.contains('=')) {
        let key = line.split(' ').next().unwrap();
        assert_names(&refused(line, ""), &[key]);
    }
}

#[test]
fn an_account_or_homeserver_that_is_none_is_refused() {
    assert_names(&refused("@mirk:example.org", "mirk"), &["user"]);
    for homeserver in ["matrix.example.org", "", "ftp://matrix.example.org", "https://"] {
        let message = refused("https://matrix.example.org", homeserver);
        assert_names(&message, &["matrix.homeserver: ", "https://"]);
    }
    assert_names(&refused("[trust]", "allowed_users = ['@[a:x']\n[trust]"), &["allowed_users"]);
}

#[test]
fn a_room_name_that_is_none_is_refused() {
    for name in ["", "archive", "#archive", "@ada:example.org", "!", "#a b:x", "#a\\u0000:x"] {
        let message = refused_with(&format!("[[room]]\nroom = \"{name}\""));
        assert_names(&message, &["is no room", "#archive:example.org"]);
    }
    let long = format!("#{}:x", "a".repeat(300));
    assert_names(&refused_with(&format!("[[room]]\nroom = '{long}'")), &["is no room"]);
}

#[test]
fn a_room_with_two_tables_is_refused() {
    let room = "[[room]]\nroom = '#archive:example.org'\n";
    let message = refused_with(&format!("{room}{room}"));
    assert_names(&message, &["room #archive:example.org: it has two tables"]);
}

#[test]
fn addresses_that_cannot_be_in_links_are_refused() {
    for url in ["events.example.org", "javascript:x", "https://x/?q", "https://x/\\u0022"] {
        let message = refused_with(&format!("[messages]\nevents_url = \"{url}\""));
        assert_names(&message, &["messages.events_url: "]);
        let message = refused_with(&format!("[messages]\nlinks = {{ dashboard = \"{url}\" }}"));
        assert_names(&message, &["links", "dashboard"]);
    }
}

#[test]
fn limits_under_which_nothing_could_be_posted_are_refused() {
    for limits in ["burst = 0", "per_minute = 0", "burst = 0, per_minute = 0"] {
        let message = room_with(&format!("limits = {{ {limits} }}"));
        assert_names(&message, &["room #archive:example.org: limits: burst and per_minute"]);
    }
    assert_names(&room_with("limits = { burst = -1 }"), &["burst"]);
}

#[test]
fn a_window_that_is_too_long_or_none_is_refused() {
    for span in ["25h", "2d"] {
        let message = room_with(&format!("limits = {{ digest_after = '{span}' }}"));
        assert_names(&message, &["room #archive:example.org: limits.digest_after: ", "a day"]);
    }
    for span in ["", "30", "s", "unlimited", "-1s", "1.5h"] {
        let message = room_with(&format!("limits = {{ digest_after = '{span}' }}"));
        assert_names(&message, &["digest_after", "is no span of time"]);
    }
    loaded(&format!("{LEAST}[[room]]\nroom = '!x'\nlimits = {{ digest_after = '24h' }}\n"));
}

#[test]
fn a_prefix_of_several_lines_or_without_end_is_refused() {
    for prefix in ["a\\nb".to_owned(), "\\u001b[31m".to_owned(), "x".repeat(201)] {
        let message = room_with(&format!("prefix = \"{prefix}\""));
        assert_names(&message, &["room #archive:example.org: prefix: "]);
    }
}

#[test]
fn encrypted_endpoints_need_the_key_of_the_relay_and_an_own_one() {
    let server = "server_key = 'rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7'";
    for half in [server, "key_file = '/k'"] {
        let message = refused("replay =", &format!("{half}\nreplay ="));
        assert_names(&message, &["stream: ", "need both server_key and key_file"]);
    }
    let message = refused("replay =", "server_key = 'x'\nkey_file = '/k'\nreplay =");
    assert_names(&message, &["server_key", "40 characters of Z85"]);
}

#[test]
fn an_endpoint_that_is_none_is_refused() {
    assert_names(&refused("tcp://127.0.0.1:5572", "127.0.0.1:5572"), &["stream.publish: "]);
    assert_names(&refused("tcp://127.0.0.1:5573", "http://x"), &["stream.replay: "]);
}

#[test]
fn a_beginning_that_is_none_is_refused() {
    for start in ["yesterday", "", "2026-11-01", "Now", "2026-13-01T00:00:00Z"] {
        let message = refused("replay =", &format!("start = '{start}'\nreplay ="));
        assert_names(&message, &["start", "write \"now\", \"beginning\" or a time"]);
    }
}

#[test]
fn a_template_that_cannot_be_used_is_refused_by_its_event_type() {
    for template in ["{{ nothing_of_the_kind }}", "{{ x", "<img>", "{% autoescape false %}"] {
        let table = "[messages.templates]\n\"_lk.archive.package-upload-accepted\" = ";
        let message = refused_with(&format!("{table}'{template}'"));
        assert_names(&message, &["messages.templates.\"_lk.archive.package-upload-accepted\": "]);
    }
}

#[test]
fn a_rule_that_is_none_is_refused() {
    for (rule, part) in [
        ("{ id = '[' }", "id"),
        ("{ facets = { moon = 'x' } }", "moon"),
        ("{ severity = 'bad' }", "severity"),
        ("{ where = 'size(' }", "where"),
        ("'_lk.*'", "include"),
    ] {
        assert_names(&room_with(&format!("include = [{rule}]")), &[part]);
        assert_names(&room_with(&format!("exclude = [{rule}]")), &["mirk.toml"]);
    }
}

#[test]
fn quiet_hours_that_are_none_are_refused() {
    for (hours, part) in [
        ("{ from = '22:00', to = '07:00', time_zone = 'Mars/Olympus' }", "Mars/Olympus"),
        ("{ from = '25:00', to = '07:00' }", "25:00"),
        ("{ from = '22:00' }", "to"),
        ("{ from = '22:00', to = '22:00' }", "different times"),
    ] {
        assert_names(&room_with(&format!("quiet_hours = {hours}")), &["quiet_hours", part]);
    }
}

#[test]
fn words_that_are_none_are_refused() {
    for keys in ["lifecycle = 'on'", "untrusted = 'show'", "msgtype = 'emote'"] {
        assert_names(&room_with(keys), &[keys.split(' ').next().unwrap()]);
    }
}
