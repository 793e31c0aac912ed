//! Keeper's other actions and its own events, over the real relay: what is sent where, how often,
//! and what a crash means.

#![expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    process::Command,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use laniakea_e2e::{KeeperSite, Signal, until, within};
use laniakea_event::{Object, Value};
use laniakea_wire::{
    curve::Security,
    replay::{From, Read as ReadRequest, ReplayClient, Request},
};

const ID: &str = "_lk.archive.package-upload-accepted";

async fn emit(site: &KeeperSite, repo: &str) {
    let data = Object::from([("repo".to_owned(), Value::from(repo))]);
    site.relay.submit_all([site.archive.event_with(ID, data)]).await;
}

/// All events that the relay has of these types, oldest first.
fn history(site: &KeeperSite, prefix: &str) -> Vec<serde_json::Value> {
    let replay = &site.relay.endpoints().replay;
    let patience = Duration::from_secs(20);
    let mut client = ReplayClient::connect(replay, &Security::Plain, patience).unwrap();
    let read = ReadRequest {
        from: From::After(laniakea_event::Seq::START),
        prefixes: vec![laniakea_event::Prefix::parse(prefix).unwrap()],
        limit: 1_000,
    };
    let events = client.request(&Request::Read(read)).unwrap().events;
    events.iter().map(|frame| serde_json::from_slice(frame).unwrap()).collect()
}

/// Waits for so many of these.
fn wait_for(site: &KeeperSite, prefix: &str, count: usize) -> Vec<serde_json::Value> {
    until(&format!("{count} of {prefix}"), || {
        Some(history(site, prefix)).filter(|events| events.len() >= count)
    })
}

/// What notes say, in short.
fn told(events: &[serde_json::Value]) -> Vec<String> {
    events
        .iter()
        .map(|event| {
            let id = event["id"].as_str().unwrap().trim_start_matches("_lk.keeper.run-");
            format!("{id} {} {}", event["data"]["rule"].as_str().unwrap(), event["data"]["run"])
        })
        .collect()
}

/// A server that gives these answers, one a request and the last one for ever.
struct Server {
    address: String,
    requests: Arc<Mutex<Vec<SeenRequest>>>,
}

/// A head and a body.
type SeenRequest = (String, Vec<u8>);

impl Server {
    fn new(answers: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        std::thread::spawn(move || {
            let last = answers.last().copied();
            let mut answers = answers.iter().copied().chain(std::iter::repeat(last.unwrap()));
            while let Ok((stream, _)) = listener.accept() {
                let Some(request) = read(&stream) else { continue };
                seen.lock().unwrap().push(request);
                let head = answers.next().unwrap();
                let answer =
                    format!("HTTP/1.1 {head}\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi");
                drop((&stream).write_all(answer.as_bytes()));
            }
        });
        Self { address, requests }
    }

    fn requests(&self, count: usize) -> Vec<SeenRequest> {
        until("requests", || {
            Some(self.requests.lock().unwrap().clone()).filter(|seen| seen.len() >= count)
        })
    }
}

fn read(stream: &TcpStream) -> Option<SeenRequest> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        (reader.read_line(&mut head).ok()? > 0).then_some(())?;
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
    let mut body = vec![0; length.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    Some((head, body))
}

fn hook(address: &str, more: &str) -> String {
    format!(
        "[[rule]]\nname = \"hook\"\non = \"_lk.archive.*\"\nkey = \"{{{{ data.repo }}}}\"\n{more}\n\
         webhook = {{ url = \"http://{address}/hooks/{{{{ key }}}}\", secret_file = \"DIR/secret\" }}\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_tried_again_until_the_server_takes_it() {
    let server = Server::new(&["503 Busy\r\nretry-after: 1", "500 Oh", "200 OK"]);
    let mut site = KeeperSite::with_key(&hook(&server.address, "retries = 3\npause = \"0s\""));
    fs::write(site.path("secret"), "0123456789abcdef").unwrap();
    fs::set_permissions(site.path("secret"), fs::Permissions::from_mode(0o600)).unwrap();
    site.start();
    emit(&site, "master/../x").await;
    let requests = server.requests(3);
    for (number, (head, body)) in requests.iter().enumerate() {
        assert!(head.starts_with("POST /hooks/master%2F..%2Fx HTTP/1.1\r\n"), "{head}");
        let delivery = format!("x-laniakea-delivery: 1-{}\r\n", number + 1);
        assert!(head.contains(&delivery), "{head}");
        assert!(head.contains("x-laniakea-signature: sha256="), "{head}");
        let run: serde_json::Value = serde_json::from_slice(body).unwrap();
        assert_eq!((run["count"].as_u64(), run["run"].as_u64()), (Some(1), Some(1)));
    }
    until("the end", || site.runs().contains("succeeded").then_some(()));
    assert_eq!(
        told(&wait_for(&site, "_lk.keeper.", 2)),
        ["started hook \"1\"", "succeeded hook \"1\""]
    );
    assert_eq!(server.requests(3).len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_is_refused_is_not_tried_again() {
    let server = Server::new(&["404 No", "200 OK"]);
    let mut site = KeeperSite::with_key(&hook(&server.address, "retries = 3\npause = \"0s\""));
    fs::write(site.path("secret"), "0123456789abcdef").unwrap();
    fs::set_permissions(site.path("secret"), fs::Permissions::from_mode(0o600)).unwrap();
    site.start();
    emit(&site, "master").await;
    let notes = wait_for(&site, "_lk.keeper.", 2);
    assert_eq!(told(&notes), ["started hook \"1\"", "failed hook \"1\""]);
    assert_eq!(notes[1]["data"]["problem"], "the answer is 404 Not Found");
    assert_eq!(server.requests(1).len(), 1);
    // Somebody mended the server.
    assert!(site.ask(&["retry", "1"]).status.success());
    assert_eq!(told(&wait_for(&site, "_lk.keeper.", 3))[2], "succeeded hook \"1\"");
}

/// Two rules that cause each other, and one that causes itself.
const CIRCLE: &str = r#"
[[rule]]
name = "first"
on = ["_lk.archive.*", "org.example.circle.second"]
emit = { id = "org.example.circle.first", data = { repo = "{{ data.repo }}", count = "{{ count }}" } }

[[rule]]
name = "second"
on = "org.example.circle.first"
emit = { id = "org.example.circle.second", data = { repo = "{{ data.repo }}" } }

[[rule]]
name = "own"
on = "_lk.keeper.run-succeeded"
key = "{{ digest }}"
concurrency = 10
exec = { command = ["/bin/true"] }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn rules_chain_and_do_not_go_round_in_a_circle() {
    let mut site = KeeperSite::with_key(CIRCLE);
    site.start();
    emit(&site, "master").await;
    let line = site.keeper().line("goes round in a circle");
    assert!(line.contains("the rule caused it itself"), "{line}");
    let second = wait_for(&site, "org.example.circle.second", 1);
    assert_eq!(second[0]["data"]["repo"], "master");
    let chain = second[0]["chain"].as_array().unwrap();
    assert_eq!(*chain, ["keeper-01/first", "keeper-01/second"]);
    let first = history(&site, "org.example.circle.first");
    assert_eq!(first[0]["data"]["count"], 1);
    // It all comes to rest: `own` ran for the end of either, and for nothing of its own.
    let at_rest = |site: &KeeperSite| {
        let told = told(&history(site, "_lk.keeper."));
        let ended = told.iter().filter(|note| note.starts_with("succeeded")).count();
        (told.len() == 2 * ended && told.iter().filter(|note| note.contains("own")).count() == 4)
            .then_some(told)
    };
    let before = until("rest", || at_rest(&site));
    assert_eq!(before.len(), 8, "{before:?}");
    emit(&site, "other").await;
    wait_for(&site, "org.example.circle.second", 2);
    let after = until("rest again", || {
        Some(told(&history(&site, "_lk.keeper."))).filter(|told| told.len() >= 16)
    });
    assert_eq!(after.len(), 16, "{after:?}");
    assert_eq!(history(&site, "org.example.").len(), 4);
}

const EMIT: &str = r#"
[[rule]]
name = "tell"
on = "_lk.archive.*"
emit = { id = "org.example.site.told", data = { repo = "{{ data.repo }}" } }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_the_relay_has_already_is_not_doubled_after_a_crash() {
    let mut site = KeeperSite::with_key(EMIT);
    site.start();
    emit(&site, "before").await;
    wait_for(&site, "org.example.", 1);
    // The relay goes while keeper has something to say...
    let held = site.path("held");
    site.set_rules(&format!(
        "{EMIT}\n[[rule]]\nname = \"slow\"\non = \"_lk.archive.*\"\nexec = {{ command = [\"/bin/sh\", \
         \"-c\", \"until test -e {}; do sleep 0.05; done\"] }}",
        held.display()
    ));
    site.keeper().line("rules loaded");
    emit(&site, "after").await;
    wait_for(&site, "org.example.", 2);
    until("the slow run", || site.runs().contains("slow").then_some(()));
    until("an empty outbox", || outbox(&site).is_empty().then_some(()));
    site.relay.stop(Signal::TERM);
    fs::write(&held, "").unwrap();
    let waiting =
        until("an event that waits", || Some(outbox(&site)).filter(|events| !events.is_empty()));
    site.stop(Signal::KILL);
    // ...and takes it from somebody who dies before he could forget it.
    site.relay.start();
    for event in &waiting {
        within("a reply", site.relay.publisher(1).submit(event.clone())).await.unwrap();
    }
    let before = history(&site, "_lk.keeper.run-succeeded").len();
    site.start();
    until("an empty outbox", || outbox(&site).is_empty().then_some(()));
    assert_eq!(history(&site, "_lk.keeper.run-succeeded").len(), before);
    let mut told = told(&history(&site, "_lk.keeper."));
    told.sort();
    let told: Vec<&str> = told.iter().map(|note| note.rsplit_once(' ').unwrap().0).collect();
    let (slow, tell) = (["started slow", "succeeded slow"], ["started tell", "succeeded tell"]);
    assert_eq!(told, [slow[0], tell[0], tell[0], slow[1], tell[1], tell[1]]);
}

fn outbox(site: &KeeperSite) -> Vec<Vec<u8>> {
    let path = site.path("keeper/keeper.sqlite");
    let ledger = keeper::ledger::Ledger::open_to_read(&path).unwrap();
    ledger.outbox(100).unwrap().into_iter().map(|outgoing| outgoing.event).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_rules_are_noticed_and_a_broken_file_is_told_of_once() {
    let mut site = KeeperSite::with_key(EMIT);
    site.start();
    site.set_rules("[[rule]]\nname = 1");
    let line = site.keeper().line("not reloaded");
    assert!(line.contains("test.toml:2:"), "{line}");
    emit(&site, "old").await;
    assert_eq!(wait_for(&site, "org.example.", 1)[0]["data"]["repo"], "old");
    site.set_rules(&EMIT.replace("{{ data.repo }}", "new-{{ data.repo }}"));
    site.keeper().line("rules loaded");
    emit(&site, "x").await;
    assert_eq!(wait_for(&site, "org.example.", 2)[1]["data"]["repo"], "new-x");
    let output = site.keeper().output();
    let complaints = output.iter().filter(|line| line.contains("not reloaded")).count();
    assert_eq!(complaints, 1, "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_emits_needs_a_key() {
    let site = KeeperSite::new(EMIT);
    for command in ["check", "run"] {
        let output = site.ask(&[command]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains("rule tell emits an event, which needs [identity]"), "{error}");
    }
}

#[tokio::test]
async fn what_does_not_come_is_told_and_carries_the_chain() {
    let mut site = KeeperSite::with_key(
        r#"
[[rule]]
name = "circle"
absent = { of = "org.example.circle", within = "1s" }
emit = { id = "org.example.circle", data = { events = "{{ count }}" } }
[[rule]]
name = "silence"
absent = { of = ["_lk.archive.package-upload-accepted", "_lk.archive.x"], within = "3s" }
emit = { id = "org.example.silence", data = { since = "{{ missed_since }}" } }
[[rule]]
name = "told"
on = "_lk.keeper.run-absent"
where = "data.rule == 'silence'"
exec = { command = ["/bin/sh", "-c", "echo \"$1\" >> DIR/told", "sh", "{{ data.missing }}"] }
"#,
    );
    site.start();
    wait_for(&site, "org.example.silence", 1);
    emit(&site, "master").await;
    // Told anew after the event; and what `circle` has emitted itself has not begun its time again.
    wait_for(&site, "org.example.silence", 2);
    assert_eq!(history(&site, "org.example.circle").len(), 1);
    let told = until("two runs that were told of it", || {
        let text = fs::read_to_string(site.path("told")).unwrap_or_default();
        (text.lines().count() == 2).then_some(text)
    });
    let missing = "_lk.archive.package-upload-accepted or _lk.archive.x";
    assert_eq!(told, format!("{missing}\n{missing}\n"));
    let absences = wait_for(&site, "_lk.keeper.run-absent", 3);
    assert_eq!(absences.len(), 3);
    for absence in absences {
        let rule = absence["data"]["rule"].as_str().unwrap();
        assert_eq!(absence["chain"], serde_json::json!([format!("keeper-01/{rule}")]));
    }
    let output = site.ask(&["runs", "silence"]);
    assert!(output.status.success(), "{output:?}");
    site.stop(Signal::TERM);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_while_keeper_ends_reaches_the_relay_before_it_has_ended() {
    let mut site = KeeperSite::with_key(
        r#"
[[rule]]
name = "long"
on = "_lk.archive.*"
exec = { command = ["/bin/cat", "DIR/go"] }
"#,
    );
    // Whoever reads it waits until somebody has written to it.
    let made = Command::new("mkfifo").arg(site.path("go")).status();
    assert!(made.unwrap().success());
    site.start();
    emit(&site, "a").await;
    wait_for(&site, "_lk.keeper.run-started", 1);
    site.keeper().signal(Signal::TERM);
    site.keeper().line("stopping");
    fs::write(site.path("go"), "").unwrap();
    assert!(site.wait().success());
    assert_eq!(told(&history(&site, "_lk.keeper.run-succeeded")), ["succeeded long \"1\""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_rule_led_to_itself_is_nothing_to_it_when_it_is_tried_either() {
    let mut site = KeeperSite::with_key(
        r#"
[[rule]]
name = "quiet"
key = "k"
absent = { of = ["_lk.archive.*", "org.example.*"], within = "1s" }
emit = { id = "org.example.archive.quiet", data = {} }
"#,
    );
    site.start();
    emit(&site, "a").await;
    let events = wait_for(&site, "org.example.", 1);
    let emitted = Instant::now();
    until("its time", || (emitted.elapsed() > Duration::from_secs(3)).then_some(()));
    assert_eq!(history(&site, "org.example.").len(), 1);
    let said = |arguments: &[&str]| String::from_utf8(site.ask(arguments).stdout).unwrap();
    let text = said(&["simulate", "quiet", "--since", "1h"]);
    assert!(text.starts_with("quiet would have run 1 time, for 1 of "), "{text}");
    fs::write(site.path("events"), events[0].to_string()).unwrap();
    let text = said(&["test", "quiet", "--unverified", site.path("events").to_str().unwrap()]);
    assert!(text.contains("not run: the rule caused it itself: keeper-01/quiet"), "{text}");
    assert!(!text.contains("would run"), "{text}");
}
