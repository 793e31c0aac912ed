use std::fs;

use laniakea_catalog::is_hidden;

use super::*;
use crate::config::Config;

const HOST: &str = "Host = \"https://matrix.example.org\"\n";
const USER: &str = "Username = \"@mirk:example.org\"\n";
const ROOM: &str = "[Rooms.\"!all:example.org\"]\n";

/// A file with this before the rooms, and these rules in its only room.
fn import_with(keys: &str, rules: &str) -> Result<Imported, ImportError> {
    let rules = if rules.is_empty() { String::new() } else { format!("Filter = [{rules}]\n") };
    import(&format!("{HOST}{USER}{keys}\n{ROOM}{rules}"))
}

fn notes_of(keys: &str, rules: &str) -> Vec<String> {
    import_with(keys, rules).unwrap().notes
}

/// Lines that say something to the program.
fn lines(toml: &str) -> String {
    let lines = toml.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.flat_map(|line| [line, "\n"]).collect()
}

fn accept(toml: &str) -> Config {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mirk.toml");
    fs::write(&path, toml).unwrap();
    Config::load(&path).unwrap_or_else(|error| panic!("{:?}\n{toml}", anyhow::Error::from(error)))
}

const OLD: &str = r##"
Host = "https://matrix.example.org"
Username = "@mirk:example.org"
Password = "correct horse"
AllowUnsigned = true
MessagePrefix = "<b>[archive]</b> "
WebViewUrl = "https://builds.example.org"
WebSWViewUrl = "https://packages.example.org"

[Rooms."!all:example.org"]

[[Rooms."!uploads:example.org".Filter]]
tag = "_lk.archive.package-upload-*"
suite = ["landing", "byzantium*"]

[[Rooms."!uploads:example.org".Filter]]
tag = "_lk.archive.source-package-published"
suites = "landing"

[Rooms."#spears:example.org"]
Filter = [{ tag = "_lk.spears.*" }]
"##;

const NEW: &str = r##"data_dir = "/var/lib/mirk"
[matrix]
homeserver = "https://matrix.example.org"
user = "@mirk:example.org"
allowed_users = []
[trust]
keys_dir = "/etc/laniakea/keys/trusted"
relays = []
[trust.emit]
[stream]
publish = "tcp://127.0.0.1:5572"
replay = "tcp://127.0.0.1:5573"
start = "now"
[messages]
msgtype = "notice"
links = { dashboard = "https://builds.example.org", packages = "https://packages.example.org" }
[[room]]
room = "!all:example.org"
prefix = "[archive] "
exclude = [
    { id = ["_lk.debcheck.issue-found", "_lk.debcheck.issue-resolved"] },
    { id = "_lk.debcheck.check-completed", data = { new_issues_count = 0, resolved_issues_count = 0 } },
]
untrusted = "mark"
[[room]]
room = "!uploads:example.org"
prefix = "[archive] "
include = [
    { id = "_lk.archive.package-upload-*", data = { suite = ["landing", "byzantium*"] } },
    { id = "_lk.archive.source-package-published", data = { suites = "landing" } },
]
untrusted = "mark"
[[room]]
room = "#spears:example.org"
prefix = "[archive] "
include = [
    { id = "_lk.spears.*" },
]
untrusted = "mark"
"##;

#[test]
fn a_configuration_becomes_one_of_ours_that_is_accepted() {
    let imported = import(OLD).unwrap();
    assert_eq!(lines(&imported.toml), NEW);
    assert_eq!(accept(&imported.toml).rooms.len(), 3);
}

#[test]
fn the_password_is_nowhere() {
    let Imported { toml, notes } = import(OLD).unwrap();
    assert!(!toml.contains("horse") && notes.iter().all(|note| !note.contains("horse")));
    for line in
        ["Password = correct horse", "Password = \"correct horse", "Password = [\"horse\" 1"]
    {
        let error = import(&format!("{HOST}\n{line}\n")).unwrap_err();
        assert!(matches!(error, ImportError::Syntax { line: 3.., .. }), "{error}");
        assert!(!format!("{error} {error:?}").contains("horse"), "{error}");
    }
}

#[test]
fn what_every_file_needs_a_hand_for_is_noted() {
    let notes = notes_of("", "{ tag = \"_lk.jobs.*\" }");
    let [login, trust, stream, users, notices, digests] = &notes[..] else { panic!("{notes:#?}") };
    for (note, part) in [
        (login, "`mirk login`"),
        (trust, "[trust.emit]"),
        (stream, "replay endpoint"),
        (users, "matrix.allowed_users"),
        (notices, "messages.msgtype = \"text\""),
        (digests, "lifecycle and limits"),
    ] {
        assert!(note.contains(part), "{note}");
    }
}

#[test]
fn what_a_rule_meant_there_and_does_not_here_is_noted() {
    for (rule, wanted) in [
        (
            "{ tag = \"_lk.archive.package-upload-*\", suite = \"sid\" }",
            "rule 1 of !all:example.org matched events without suite \
             (_lk.archive.package-upload-rejected); here it does not",
        ),
        (
            "{ tag = \"_lk.custom.*\", size = \"1\" }",
            "rule 1 of !all:example.org matched events without size; here it does not",
        ),
        (
            "{ tag = \"_lk.archive.source-package-published\", suites = \"sid\" }",
            "rule 1 of !all:example.org wanted every item of suites to match; here one is enough",
        ),
        (
            "{ tag = \"_lk.archive.package-upload-accepted\", is_new = \"true\" }",
            "rule 1 of !all:example.org passed over is_new, which is no text; here numbers and \
             booleans are compared",
        ),
        (
            "{ is_new = true }",
            "rule 1 of !all:example.org never matched, since is_new is no text; here numbers and \
             booleans are compared",
        ),
        ("{ }", "rule 1 of !all:example.org was left out: no event can be what it asks for"),
        (
            "{ name = [\"[b-a]\"] }",
            "rule 1 of !all:example.org: \"[b-a]\" matches no text and was left out",
        ),
        (
            "{ name = \"[!ä]*\" }",
            "rule 1 of !all:example.org: \"[!ä]*\" cannot be written here and became \"*\", which \
             matches more",
        ),
        (
            "{ name = \"lib?\" }",
            "rule 1 of !all:example.org: in \"lib?\" what stood for one character stands for one \
             byte, and a letter beyond ASCII has several",
        ),
    ] {
        let notes = notes_of("", rule);
        assert!(notes.iter().any(|note| note == wanted), "{rule}: {notes:#?}");
    }
}

#[test]
fn what_makes_no_difference_is_not_noted() {
    for rule in [
        "{ tag = \"_lk.jobs.*\" }",
        "{ tag = \"_lk.jobs.job-?[!x]*\" }",
        "{ name = \"gnome-*\" }",
        "{ tag = \"_lk.archive.package-build-*\", suite = \"sid\" }",
    ] {
        let notes = notes_of("", rule);
        assert!(notes.iter().all(|note| !note.starts_with("rule ")), "{rule}: {notes:#?}");
    }
}

#[test]
fn what_mirk_never_posts_is_excluded_where_it_could_come() {
    for (rules, has_issues, has_checks) in [
        ("", true, true),
        ("{ suite = \"sid\" }", true, true),
        ("{ tag = \"_lk.debcheck.check-*\" }", false, true),
        ("{ tag = [\"_lk.jobs.*\", \"_lk.debcheck.issue-found\"] }", true, false),
        ("{ tag = \"_lk.jobs.*\" }", false, false),
    ] {
        let Imported { toml, notes } = import_with("", rules).unwrap();
        accept(&toml);
        assert_eq!(toml.contains("_lk.debcheck.issue-resolved"), has_issues, "{rules}");
        assert_eq!(toml.contains("new_issues_count = 0"), has_checks, "{rules}");
        let is_noted = notes.iter().any(|note| note.contains("keep it so in !all:example.org"));
        assert_eq!(is_noted, has_issues || has_checks, "{rules}");
    }
}

#[test]
fn rules_that_are_left_out_leave_no_room_that_gets_everything() {
    let imported = import_with("", "{ }, { tag = [] }").unwrap();
    assert_eq!(accept(&imported.toml).rooms[0].include.as_deref(), Some(&[][..]));
}

#[test]
fn other_keys_are_translated_or_noted() {
    for (keys, line, note) in [
        ("MessagePrefix = \"[a] \"", "prefix = \"[a] \"", ""),
        ("MessagePrefix = \"\"", "", ""),
        ("MessagePrefix = \"<i>a</i> &lt;b&gt; \"", "prefix = \"a <b> \"", "lost its markup"),
        ("MessagePrefix = \"a\\nb < c\"", "prefix = \"a b < c\"", "at most 200 bytes"),
        ("AllowUnsigned = true", "untrusted = \"mark\"", "untrusted = \"mark\" in every room"),
        ("AllowUnsigned = false", "", ""),
        ("WebViewUrl = \"#\"", "links = {}", ""),
        ("WebSWViewUrl = \"https://p.org\"", "links = { packages = \"https://p.org\" }", ""),
        ("WebViewUrl = \"ftp://p.org\"", "links = {}", "WebViewUrl was left out: \"ftp://p.org\""),
        ("Colour = 1", "", "Colour was left out: Mirk does not know it"),
    ] {
        let Imported { toml, notes } = import_with(keys, "").unwrap();
        accept(&toml);
        assert!(line.is_empty() || toml.lines().any(|is| is == line), "{keys}: {toml}");
        let is_noted = notes.iter().any(|is| !note.is_empty() && is.contains(note));
        assert!(note.is_empty() || is_noted, "{keys}: {notes:#?}");
    }
}

#[test]
fn an_account_without_its_server_or_an_address_without_scheme_is_completed() {
    for (host, name, homeserver, user, count) in [
        ("https://example.org", "mirk", "https://example.org", "@mirk:example.org", 1),
        ("https://m.org:8448/", "@mirk", "https://m.org:8448/", "@mirk:m.org:8448", 1),
        ("m.org", "@mirk:example.org", "https://m.org", "@mirk:example.org", 1),
        ("http://m.org", "@mirk:example.org", "http://m.org", "@mirk:example.org", 0),
    ] {
        let old =
            format!("Host = {host:?}\nUsername = {name:?}\n{ROOM}Filter = [{{ tag = \"x.y\" }}]");
        let Imported { toml, notes } = import(&old).unwrap();
        let config = accept(&toml);
        assert_eq!(
            (config.matrix.homeserver.as_str(), config.matrix.user.as_str()),
            (homeserver, user)
        );
        let about =
            |note: &&String| note.contains("matrix.user") || note.contains("matrix.homeserver");
        assert_eq!(notes.iter().filter(about).count(), count, "{notes:#?}");
    }
}

#[test]
fn what_cannot_be_translated_is_refused_by_name() {
    for (old, wanted) in [
        (format!("{USER}{ROOM}"), "there is no Host: name the homeserver"),
        (format!("Host = \"\"\n{USER}{ROOM}"), "there is no Host: "),
        (format!("{HOST}{ROOM}"), "there is no Username: name the account"),
        (format!("{HOST}{USER}"), "there is no Rooms: give each room a table"),
        (format!("{HOST}{USER}[Rooms]"), "there is no Rooms: "),
        (format!("Host = 1\n{USER}{ROOM}"), "Host: it is a value of type integer; write a text"),
        (format!("Host = \"https://\"\n{USER}{ROOM}"), "Host: it is no address: write https://"),
        (format!("Host = \"ftp://x\"\n{USER}{ROOM}"), "Host: it is no address"),
        (format!("Host = \"a b\"\n{USER}{ROOM}"), "Host: it is no address"),
        (
            format!("{HOST}Username = \"a:b\"\n{ROOM}"),
            "Username: \"a:b\" is no account: write its MXID",
        ),
        (format!("{HOST}{USER}Rooms = 1"), "Rooms: it is a value of type integer; write a table"),
        (format!("{HOST}{USER}[Rooms]\nx = {{}}"), "Rooms.\"x\": it is no room: write an id"),
        (format!("{HOST}{USER}[Rooms]\n\"!x\" = 1"), "Rooms.\"!x\": it is a value of type integer"),
        (format!("{HOST}{USER}AllowUnsigned = 1\n{ROOM}"), "AllowUnsigned: it is a value of type"),
        (format!("{HOST}{USER}WebViewUrl = []\n{ROOM}"), "WebViewUrl: it is a value of type array"),
        (format!("{HOST}{USER}MessagePrefix = 1\n{ROOM}"), "MessagePrefix: it is a value of type"),
        (format!("{HOST}{USER}{ROOM}Filter = \"x\""), "Rooms.\"!all:example.org\".Filter: it is"),
        (
            format!("{HOST}{USER}{ROOM}Filter = [1]"),
            "Rooms.\"!all:example.org\".Filter, rule 1: it is a value of type integer; write a table",
        ),
        (
            format!("{HOST}{USER}{ROOM}Filter = [{{ a = {{}} }}]"),
            "Rooms.\"!all:example.org\".Filter, rule 1, key \"a\": it is a value of type table",
        ),
        (
            format!("{HOST}{USER}{ROOM}Filter = [{{ a = [[\"b\"]] }}]"),
            "Rooms.\"!all:example.org\".Filter, rule 1, key \"a\": it is a value of type array",
        ),
        (
            format!("{HOST}{USER}{ROOM}Filter = [{{ a = nan }}]"),
            "Rooms.\"!all:example.org\".Filter, rule 1, key \"a\": it is a value of type float",
        ),
        (
            format!("{HOST}{USER}{ROOM}Filter = [{{ tag = 1 }}]"),
            "rule 1 of !all:example.org, key \"tag\": an event type is a text",
        ),
        (
            format!("{HOST}{USER}{ROOM}Filter = [{{ a = {:?} }}]", ["x"; 101]),
            "rule 1 of !all:example.org, key \"a\": there are more than 100 patterns",
        ),
        (format!("{HOST}x = "), "line 2: "),
    ] {
        let error = import(&old).unwrap_err().to_string();
        assert!(error.starts_with(wanted), "{error}\n{wanted}");
    }
}

/// What would end a string, a line, a table or a comment, or change how a terminal shows it.
const HOSTILE: [&str; 9] = [
    "\"\n[evil]\nx = 1\n",
    "\"\"\"\n[evil]\n",
    "'''\n[evil]\n#",
    "a\r\n[[room]]\nroom = \"!evil:example.org\"",
    "\" }]\n[evil]\n",
    "\\",
    "\u{1b}[2J\u{202e}\u{0}",
    "{a,*}[!]]**/{",
    "é]é[é",
];

#[test]
fn hostile_text_stays_a_value() {
    for text in HOSTILE {
        let rule = toml::Table::from_iter([
            ("tag".to_owned(), toml::Value::from(text)),
            (text.to_owned(), toml::Value::from(vec![text, "x"])),
        ]);
        let room = toml::Table::from_iter([
            ("Filter".to_owned(), toml::Value::from(vec![rule])),
            (text.to_owned(), toml::Value::from(1)),
        ]);
        let rooms = toml::Table::from_iter([("!all:example.org".to_owned(), room.into())]);
        let old = toml::Table::from_iter([
            ("Host".to_owned(), toml::Value::from("https://example.org")),
            ("Username".to_owned(), toml::Value::from("@mirk:example.org")),
            ("MessagePrefix".to_owned(), toml::Value::from(text)),
            ("WebViewUrl".to_owned(), toml::Value::from(text)),
            ("Rooms".to_owned(), rooms.into()),
            (text.to_owned(), toml::Value::from(text)),
        ]);
        let Imported { toml, notes } = import(&old.to_string()).unwrap();
        let config = accept(&toml);
        assert_eq!(config.rooms.len(), 1, "{toml}");
        assert_eq!(config.rooms[0].include.as_ref().map(Vec::len), Some(1), "{toml}");
        for note in notes {
            assert!(!note.contains(|c: char| c.is_control() || is_hidden(c)), "{note:?}");
            assert!(note.len() < 600, "{note}");
        }
    }
}

#[test]
fn hostile_names_are_refused_without_repeating_what_is_hidden() {
    for text in HOSTILE {
        let text = text.repeat(100);
        let room = toml::Table::from_iter([(text.clone(), toml::Table::new().into())]);
        let rooms = toml::Table::from_iter([("Rooms".to_owned(), toml::Value::from(room))]);
        let user = toml::Table::from_iter([("Username".to_owned(), toml::Value::from(text))]);
        for old in [format!("{HOST}{USER}{rooms}"), format!("{HOST}{user}{ROOM}")] {
            let error = import(&old).unwrap_err().to_string();
            assert!(!error.contains(|c: char| c.is_control() || is_hidden(c)), "{error:?}");
            assert!(error.len() < 600, "{error}");
        }
    }
}
