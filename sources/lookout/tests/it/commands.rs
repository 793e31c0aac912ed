//! The commands as people and scripts type them.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
};

use laniakea_event::Reason;
use rustix::process::Signal;

use crate::support::{
    Archive, Installation, Outcome, Relay, Server, Treatment, binary, installed, lines, lookout,
};

const MORNING: &str = "2026-11-01T06:00:00Z";
const NOON: &str = "2026-11-01T12:00:00Z";

fn hello(version: &str) -> String {
    binary("hello", version, "amd64", "hello")
}

/// An archive that lookout has seen, and that has news for it.
fn with_news(relay: &Relay) -> (Archive, Installation) {
    let mut archive = Archive::new();
    archive.packages(&[hello("1.0"), binary("y", "1", "all", "y")]).publish(MORNING);
    let installation = installed(&archive, relay);
    assert_eq!(installation.run("once", &[]).code, Some(0));
    archive.packages(&[hello("2.0"), binary("y", "2", "all", "y")]).publish(NOON);
    (archive, installation)
}

fn packages_told(relay: &Relay) -> Vec<String> {
    let name = |event: &serde_json::Value| event["data"]["name"].as_str().map(str::to_owned);
    relay.events().iter().filter_map(name).collect()
}

#[test]
fn once_looks_sends_and_says_what_it_did() {
    let relay = Relay::new();
    let (_archive, installation) = with_news(&relay);
    let Outcome { code, stdout, .. } = installation.run("once", &[]);
    assert_eq!(code, Some(0));
    assert_eq!(stdout, "test/x: 0 new, 2 upgraded, 0 downgraded, 0 rebuilt, 0 removed: 3 events\n");
    assert_eq!(lines(&relay.events())[2], format!("published x of test at {NOON}: 0 2 0 0 0"));

    let Outcome { code, stdout, .. } = installation.run("once", &[]);
    assert_eq!((code, &*stdout), (Some(0), "test/x: nothing changed\n"));
    assert_eq!(relay.events().len(), 3);
}

#[test]
fn once_prints_json_and_emits_the_first_look_when_asked_to() {
    let relay = Relay::new();
    let mut archive = Archive::new();
    archive.packages(&[hello("1.0")]).publish(NOON);
    let installation = installed(&archive, &relay);
    let outcome = installation.run("once", &["--emit-initial", "--json"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let report: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!((&report["first"], &report["new"]), (&true.into(), &1.into()));
    assert_eq!(
        lines(&relay.events()),
        [
            r#"main/hello 1.0 new from - in x: ["hello"]"#,
            "published x of test at 2026-11-01T12:00:00Z: 1 0 0 0 0",
        ]
    );
}

#[test]
fn once_fails_with_4_while_the_relay_is_away_and_sends_the_next_time() {
    let relay = Relay::new();
    let (_archive, installation) = with_news(&relay);
    relay.treat(|_| Treatment::Ignore);
    let Outcome { code, stderr, .. } = installation.run("once", &[]);
    assert_eq!(code, Some(4), "{stderr}");
    assert!(
        stderr.contains("error: the relay does not take events: no reply from tcp://"),
        "{stderr}"
    );
    assert!(stderr.contains("hint: the events are kept and sent the next time"), "{stderr}");

    relay.treat(|_| Treatment::Take);
    assert_eq!(installation.run("once", &[]).code, Some(0));
    assert_eq!(packages_told(&relay), ["hello", "y"]);
}

#[test]
fn an_event_that_the_relay_will_never_take_is_set_aside_and_the_others_are_sent() {
    let relay = Relay::new();
    let (_archive, installation) = with_news(&relay);
    relay.treat(|number| match number {
        0 => Treatment::Reject(Reason::Conflict),
        _ => Treatment::Take,
    });
    let Outcome { code, stderr, .. } = installation.run("once", &[]);
    assert_eq!(code, Some(3), "{stderr}");
    assert!(
        stderr.contains("ERROR the relay will not take an event; it was set aside"),
        "{stderr}"
    );
    assert!(stderr.contains("error: the relay rejected 1 events"), "{stderr}");
    assert_eq!(packages_told(&relay), ["y"]);
    assert_eq!(installation.run("once", &[]).code, Some(0), "it is out of the way");
}

#[test]
fn events_wait_for_a_relay_that_does_not_trust_the_key_yet() {
    for reason in
        [Reason::UnknownSigner, Reason::UnknownKeyId, Reason::BadSignature, Reason::NotAuthorised]
    {
        let relay = Relay::new();
        let (_archive, installation) = with_news(&relay);
        relay.treat(move |_| Treatment::Reject(reason));
        let Outcome { code, stderr, .. } = installation.run("once", &[]);
        assert_eq!(code, Some(3), "{stderr}");
        assert!(
            stderr.contains("hint: trust the key at the relay with `lk key trust`"),
            "{stderr}"
        );

        relay.treat(|_| Treatment::Take);
        assert_eq!(installation.run("once", &[]).code, Some(0));
        assert_eq!(packages_told(&relay), ["hello", "y"]);
    }
}

#[test]
fn an_event_that_the_relay_cannot_take_now_is_sent_again_in_its_order() {
    for reason in [Reason::RateLimited, Reason::Unavailable] {
        let relay = Relay::new();
        let (_archive, installation) = with_news(&relay);
        relay.treat(move |number| match number {
            0 => Treatment::Reject(reason),
            _ => Treatment::Take,
        });
        let outcome = installation.run("once", &[]);
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        assert_eq!(packages_told(&relay), ["hello", "y"]);
    }
}

#[test]
fn once_fails_with_1_if_a_suite_cannot_be_read_and_sends_what_it_has() {
    let relay = Relay::new();
    let (archive, installation) = with_news(&relay);
    relay.treat(|_| Treatment::Ignore);
    assert_eq!(installation.run("once", &[]).code, Some(4));
    relay.treat(|_| Treatment::Take);
    fs::remove_dir_all(archive.suite()).unwrap();
    let outcome = installation.run("once", &[]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("error: not every suite could be read"), "{outcome:?}");
    assert_eq!(packages_told(&relay), ["hello", "y"]);
}

#[test]
fn check_finds_what_is_wrong_before_anything_is_started() {
    let relay = Relay::new();
    let mut archive = Archive::new();
    archive.packages(&[]).publish(NOON);
    let installation = installed(&archive, &relay);
    let good = installation.run("check", &[]);
    assert_eq!(good.code, Some(0), "{good:?}");
    assert!(good.stdout.ends_with("1 suites of 1 archives, signed by lookout-test\n"), "{good:?}");

    let fails = |message: &str| {
        for command in ["check", "run", "once"] {
            let outcome = installation.run(command, &[]);
            assert_eq!(outcome.code, Some(2), "{command}: {outcome:?}");
            assert!(outcome.stderr.contains(message), "{command}: {outcome:?}");
        }
    };
    fs::set_permissions(installation.key(), fs::Permissions::from_mode(0o644)).unwrap();
    fails("error: the secret key file");
    fs::set_permissions(installation.key(), fs::Permissions::from_mode(0o600)).unwrap();
    let keyring = archive.gpg.keyring();
    let configure = |more: &str| {
        installation.configure(&keyring, &archive.url(), &relay.endpoint, more);
    };
    configure("baseline = \"y\"\n");
    fails("archive \"test\": baseline: test/y is not watched");
    configure("colour = 1\n");
    fails("unknown field `colour`");
    fs::remove_file(installation.config()).unwrap();
    fails("error: could not read the configuration");
}

#[test]
fn check_reads_the_keyrings() {
    let relay = Relay::new();
    let archive = Archive::new();
    let installation = installed(&archive, &relay);
    let nowhere = installation.directory.path().join("nowhere.gpg");
    installation.configure(&nowhere, &archive.url(), &relay.endpoint, "");
    let outcome = installation.run("check", &[]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.contains("nowhere.gpg: No such file"), "{outcome:?}");
}

#[test]
fn sqv_verifies_where_there_is_no_gpgv_and_nothing_is_believed_where_there_is_neither() {
    let relay = Relay::new();
    let (archive, installation) = with_news(&relay);
    let programs = tempfile::tempdir().unwrap();
    let once = || installation.run_with("PATH", programs.path(), "once");

    let outcome = once();
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("neither gpgv nor sqv is installed"), "{outcome:?}");

    let sqv = std::env::split_paths(&std::env::var_os("PATH").unwrap())
        .map(|directory| directory.join("sqv"))
        .find(|sqv| sqv.exists())
        .expect("this test needs sqv: apt-get install sqv");
    symlink(sqv, programs.path().join("sqv")).unwrap();
    let good = archive.read("InRelease");
    let text = String::from_utf8(good.clone()).unwrap().replace("Codename: x", "Codename:  x");
    archive.write("InRelease", text.as_bytes());
    let outcome = once();
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("no good signature by a key of the keyring"), "{outcome:?}");

    archive.write("InRelease", &good);
    let outcome = once();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(packages_told(&relay), ["hello", "y"]);
}

#[test]
fn apts_own_proxy_is_used() {
    let relay = Relay::new();
    let mut archive = Archive::new();
    archive.packages(&[hello("1.0")]).publish(NOON);
    let proxy = Server::new(archive.root());
    let installation = Installation::new(&archive, "http://archive.invalid", &relay.endpoint);
    let config = fs::read_to_string(installation.config()).unwrap();
    fs::write(installation.config(), config.replace("proxy = \"none\"", "proxy = \"apt\""))
        .unwrap();

    let apt_conf = installation.directory.path().join("apt.conf");
    fs::write(&apt_conf, format!("Acquire::http::Proxy \"{}\";\n", proxy.url())).unwrap();
    let outcome = installation.run_with("APT_CONFIG", &apt_conf, "once");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(proxy.requests()[0], "http://archive.invalid/dists/x/InRelease 200");
}

#[test]
fn run_tells_changes_as_they_come_until_it_is_told_to_stop() {
    let relay = Relay::new();
    let (mut archive, installation) = with_news(&relay);
    let running = installation.start(&["run"]);
    relay.wait_for_submissions(3);
    archive.packages(&[hello("3.0")]).publish("2026-11-01T13:00:00Z");
    relay.wait_for_submissions(6);
    running.signal(Signal::TERM);
    let (status, log) = running.ended();
    assert_eq!(status.code(), Some(0), "{log}");
    let told = lines(&relay.events());
    assert_eq!(told.len(), 6);
    assert_eq!(told[3], r#"main/hello 3.0 upgraded from 2.0 in x: ["hello"]"#);
    assert_eq!(told[4], "main/y 2 removed from x");
}

#[test]
fn run_goes_on_when_an_archive_is_broken_and_says_so_once() {
    let relay = Relay::new();
    let (mut archive, installation) = with_news(&relay);
    let good = archive.read("InRelease");
    archive.write("InRelease", b"nonsense");
    let running = installation.start(&["run", "--verbose"]);
    running.wait_for_log("WARN could not look at test/x: the InRelease file makes no sense");
    running.wait_for_log("failures=2");
    archive.write("InRelease", &good);
    relay.wait_for_submissions(3);
    archive.packages(&[hello("4.0")]).publish("2026-11-01T14:00:00Z");
    relay.wait_for_submissions(6);
    running.signal(Signal::INT);
    let (status, log) = running.ended();
    assert_eq!(status.code(), Some(0), "{log}");
    assert_eq!(log.matches("WARN could not look at").count(), 1, "{log}");
    assert!(log.contains("INFO the suite can be read again"), "{log}");
}

#[test]
fn a_signature_that_is_bad_twice_is_an_error() {
    let relay = Relay::new();
    let (archive, installation) = with_news(&relay);
    let text = String::from_utf8(archive.read("InRelease")).unwrap();
    archive.write("InRelease", text.replace("Codename: x", "Codename: y").as_bytes());
    let running = installation.start(&["run", "--verbose"]);
    running.wait_for_log("failures=3");
    running.signal(Signal::TERM);
    let (_, log) = running.ended();
    let count =
        |level| log.matches(&format!("{level} could not look at test/x: the Release")).count();
    assert_eq!((count("WARN"), count("ERROR"), count("DEBUG")), (1, 1, 1), "{log}");
    assert_eq!(relay.events().len(), 0);
}

#[test]
fn a_hangup_reloads_the_configuration_and_a_bad_one_changes_nothing() {
    let relay = Relay::new();
    let (_archive, installation) = with_news(&relay);
    let running = installation.start(&["run"]);
    relay.wait_for_submissions(3);

    fs::write(installation.config(), "nonsense").unwrap();
    running.signal(Signal::HUP);
    running.wait_for_log("ERROR going on with the old configuration");
    let mut other = Archive::new();
    other.packages(&[hello("9.0")]).publish("2026-11-01T15:00:00Z");
    installation.configure(&other.gpg.keyring(), &other.url(), &relay.endpoint, "");
    running.signal(Signal::HUP);
    relay.wait_for_submissions(6);
    running.signal(Signal::TERM);
    let (status, log) = running.ended();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(lines(&relay.events())[3].starts_with("main/hello 9.0 upgraded from 2.0"), "{log}");
}

#[test]
fn a_second_lookout_in_the_same_directory_is_refused() {
    let relay = Relay::new();
    let (_archive, installation) = with_news(&relay);
    let _running = installation.start(&["run"]);
    relay.wait_for_submissions(3);
    let outcome = installation.run("once", &[]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.contains("error: another lookout is using"), "{outcome:?}");
}

#[test]
fn discover_writes_a_configuration_for_the_distributions_own_archive() {
    let release = fs::read_to_string("/etc/os-release").unwrap();
    let value = |name: &str| {
        let line = release.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
        line.expect("this machine's distribution has a name").trim_matches('"').to_owned()
    };
    let (id, codename) = (value("ID"), value("VERSION_CODENAME"));
    let archive = Archive::new();
    let apt = tempfile::tempdir().unwrap();
    let sources = format!(
        "deb [signed-by={}] http://archive.invalid/{id} {codename} main\n",
        archive.gpg.keyring().display()
    );
    fs::write(apt.path().join("sources.list"), sources).unwrap();
    let settings = format!("Dir::Etc \"{0}\";\nDir::State::lists \"{0}\";\n", apt.path().display());
    fs::write(apt.path().join("apt.conf"), settings).unwrap();

    let output = lookout()
        .env("APT_CONFIG", apt.path().join("apt.conf"))
        .args(["discover", "--endpoint", "tcp://127.0.0.1:1", "--interval", "1m"])
        .output()
        .unwrap();
    let outcome = Outcome::of(&output);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let config: lookout::config::Config = toml::from_str(&outcome.stdout).unwrap();
    config.validate().unwrap();
    let found = &config.archives[0];
    assert_eq!((&*found.name, &found.suites), (&*id, &vec![codename]));
    assert_eq!(found.url, format!("http://archive.invalid/{id}"));
    assert_eq!(found.signed_by, [archive.gpg.keyring()]);
    assert_eq!(found.lists_dir.as_deref(), Some(apt.path()));
}
