//! `lk key trust --rotate`, `lk key rotate`.

use std::fs;

use laniakea_event::keys::{KeyFile, Validity};

use crate::{
    program::{Run, mode},
    site::{Site, public},
};

/// A site that trusts archive-01.
fn site() -> Site {
    let site = Site::new();
    assert_eq!(site.trust(&public("archive-01"), &["--id", "archive-01"]).code, Some(0));
    site
}

const ROTATE: [&str; 3] = ["--id", "archive-01", "--rotate"];

fn rotate(site: &Site, file: &str, more: &[&str]) -> Run {
    site.trust(file, &[&ROTATE, more].concat())
}

/// Days from now.
fn is_in_days(time: Option<jiff::Timestamp>, days: i64) -> bool {
    let now = laniakea_daemon::Clock::now(&laniakea_daemon::SystemClock);
    let left = time.unwrap().duration_since(now);
    left <= jiff::SignedDuration::from_hours(24 * days)
        && left > jiff::SignedDuration::from_hours(24 * days - 1)
}

#[test]
fn a_further_key_is_trusted_and_the_older_one_ends_a_week_later() {
    let site = site();
    let config = site.config();
    let run = rotate(&site, &site.new_key("archive-01", "1"), &[]);
    assert_eq!(run.code, Some(0), "{run}");
    assert!(run.stdout.contains("trusted      archive-01, key 1\n"), "{run}");
    assert!(run.stdout.contains("older key 0  valid until 2"), "{run}");
    assert_eq!(site.config(), config);
    assert_eq!(site.files().len(), 2);
    assert_eq!(site.trusted("archive-01-1.pub.key").validity, Validity::ALWAYS);
    let older = site.trusted("archive-01.pub.key").validity;
    assert!(older.from.is_none() && older.revoked.is_none() && is_in_days(older.until, 7));

    // The next one ends key 1, and key 0 keeps the end that it has.
    let run = rotate(&site, &site.new_key("archive-01", "2"), &["--overlap", "30d"]);
    assert_eq!(run.code, Some(0), "{run}");
    assert_eq!(site.trusted("archive-01.pub.key").validity, older);
    assert!(is_in_days(site.trusted("archive-01-1.pub.key").validity.until, 30));
}

#[test]
fn without_a_limit_the_older_key_stays_and_with_none_it_ends_at_once() {
    let site = site();
    let before = site.directory.read("trusted/archive-01.pub.key");
    let run = rotate(&site, &site.new_key("archive-01", "1"), &["--overlap", "unlimited"]);
    assert!(run.stdout.contains("older key 0  stays valid"), "{run}");
    assert_eq!(site.directory.read("trusted/archive-01.pub.key"), before);
    let run = rotate(&site, &site.new_key("archive-01", "2"), &["--overlap", "0s"]);
    assert_eq!(run.stdout.matches("older key").count(), 2, "{run}");
    assert!(site.trusted("archive-01.pub.key").validity.until.is_some());
    // Only those that are still valid are touched by the third.
    let run = rotate(&site, &site.new_key("archive-01", "3"), &[]);
    assert_eq!(run.stdout.matches("older key").count(), 1, "{run}");
}

#[test]
fn a_rotation_that_is_none_is_refused() {
    let site = site();
    let one = site.new_key("archive-01", "1");
    let refuses = |file: &str, more: &[&str], reason| {
        site.refuses(file, &[&ROTATE, more].concat(), reason);
    };
    site.refuses(&one, &["--id", "archive-01"], "a further key is added with --rotate");
    site.refuses(&one, &["--id", "archive-01", "--overlap", "1d"], "--rotate");
    site.refuses(&one, &["--id", "archive-01", "--replace"], "--rotate");
    refuses(&one, &["--emit", "_lk."], "cannot be used with");
    refuses(&one, &["--replace", "--overlap", "1d"], "cannot be used with");
    refuses(&one, &["--overlap", "soon"], "is no duration");
    refuses(&one, &["--replace"], "archive-01 has no key 1 to be replaced");
    refuses(
        &one,
        &["--valid-from", "2999-01-01T00:00:00Z"],
        "in between archive-01 could not sign",
    );
    refuses(&public("archive-01"), &[], "key 0 of archive-01 is trusted already");
    refuses(&public("archive-01"), &["--replace"], "key 0 of archive-01 is trusted already");
    let other = site.new_key("archive-01", "0");
    refuses(&other, &[], "archive-01 has another key with the id 0");
    refuses(&other, &[], "in a planned switch: stop the module, `lk key trust --rotate --replace`");
    let text = fs::read_to_string(public("archive-01")).unwrap();
    let again = site.directory.write("again", &format!("{text}    key-id = \"1\"\n"));
    refuses(&again, &[], "this key is trusted already, as that of archive-01, key 0");
    let slash = fs::read_to_string(&one).unwrap().replace("key-id = \"1\"", "key-id = \"a/b\"");
    refuses(&site.directory.write("slash", &slash), &[], "it has a `/`");
    let spears = site.new_key("spears-01", "1");
    site.refuses(
        &spears,
        &["--id", "spears-01", "--rotate"],
        "spears-01 is not known here, so this is no rotation",
    );
    let own = site.new_key("lighthouse-01", "1");
    site.refuses(&own, &["--id", "lighthouse-01", "--rotate"], "the daemon's own key");
    site.directory.write("trusted/damaged", "nonsense");
    refuses(&one, &[], "mend or remove it first");
}

#[test]
fn a_planned_switch_puts_the_new_key_in_place_of_the_old_one() {
    let site = site();
    let new = site.new_key("archive-01", "0");
    let run = rotate(&site, &new, &["--replace", "--valid-until", "2999-01-01T00:00:00Z"]);
    assert_eq!(run.code, Some(0), "{run}");
    assert!(run.stdout.contains("replaced     archive-01, key 0\n"), "{run}");
    assert_eq!(site.files().len(), 1);
    let trusted = site.trusted("archive-01.pub.key");
    assert_eq!(trusted.verify_key, KeyFile::load(new.as_ref()).unwrap().verify_key);
    assert_eq!(trusted.validity.until, "2999-01-01T00:00:00Z".parse().ok());
}

#[test]
fn the_next_key_is_made_and_trusted_in_one_go() {
    let site = site();
    let made = site.directory.text("new");
    fs::create_dir(&made).unwrap();
    let run = site.key("rotate", &["archive-01", &made, "--python", "no"]);
    assert_eq!(run.code, Some(0), "{run}");
    assert!(run.stdout.contains("new key      archive-01, key 1\n"), "{run}");
    assert!(run.stdout.contains("lk key install [DIR]/new/archive-01-1.key_secret"), "{run}");
    assert_eq!(mode(&site.directory.path("new/archive-01-1.key_secret")), 0o600);
    let public = KeyFile::load(&site.directory.path("new/archive-01-1.key")).unwrap();
    let trusted = site.trusted("archive-01-1.pub.key");
    assert_eq!(trusted.verify_key, public.verify_key);
    assert_eq!(trusted.metadata.name, "Test archive-01");
    assert!(trusted.curve.is_some() && trusted.signing_key.is_none());
    assert!(is_in_days(site.trusted("archive-01.pub.key").validity.until, 7));
    let run =
        site.key("rotate", &["archive-01", &made, "--python", "no", "--overlap", "unlimited"]);
    assert!(run.stdout.contains("new key      archive-01, key 2\n"), "{run}");
}

#[test]
fn for_modules_in_python_a_switch_is_planned_and_nothing_is_trusted_yet() {
    let site = site();
    let before = site.files();
    let made = site.directory.text("new");
    fs::create_dir(&made).unwrap();
    let run = site.key("rotate", &["archive-01", &made, "--python", "yes"]);
    assert_eq!(run.code, Some(0), "{run}");
    assert_eq!(site.files(), before);
    for words in [
        "new key      archive-01, key 0\n",
        "trusted in   nothing yet\n",
        "step 1       stop the module; ",
        "lk key trust [DIR]/new/archive-01-0.key --id archive-01 --rotate --replace --config",
        "lk key install [DIR]/new/archive-01-0.key_secret",
    ] {
        assert!(run.stdout.contains(words), "{words}: {run}");
    }
    assert!(run.stderr.contains("no longer verify by its own signature"), "{run}");
    // What it says can be done.
    let new = site.directory.text("new/archive-01-0.key");
    assert_eq!(rotate(&site, &new, &["--replace"]).code, Some(0));
}

#[test]
fn what_cannot_be_rotated_is_refused_and_leaves_nothing() {
    let site = site();
    let made = site.directory.text("new");
    fs::create_dir(&made).unwrap();
    let rotate = |id: &str, more: &[&str]| site.key("rotate", &[&[id, &made], more].concat());
    let no = &["--python", "no"][..];
    site.refuses_to(|| rotate("archive-01", &[]), "Say --python yes or --python no");
    site.refuses_to(|| rotate("spears-01", no), "spears-01 is not known here");
    site.refuses_to(|| rotate("lighthouse-01", no), "lighthouse-01 is not known here");
    site.refuses_to(|| rotate("archive-01", &["--python", "perhaps"]), "invalid value");
    let text = fs::read_to_string(public("spears-01")).unwrap();
    let named = format!("{text}    key-id = \"first\"\n");
    site.directory.write("trusted/spears-01.pub.key", &named);
    site.refuses_to(|| rotate("spears-01", no), "the key ids of spears-01 are not numbers");
    site.refuses_to(|| rotate("spears-01", &["--python", "yes"]), "spears-01 has no key 0");
    assert_eq!(fs::read_dir(&made).unwrap().count(), 0);

    // A file that is in the way: the new key is not left behind.
    site.directory.write("trusted/.keep", "");
    site.directory.write("new/archive-01-1.key", "mine");
    let run = rotate("archive-01", no);
    assert_eq!(run.code, Some(1), "{run}");
    assert_eq!(fs::read_dir(&made).unwrap().count(), 1);
    assert_eq!(site.trusted("archive-01.pub.key").validity, Validity::ALWAYS);
    fs::remove_file(site.directory.path("new/archive-01-1.key")).unwrap();
    fs::create_dir(site.directory.path("trusted/archive-01-1.pub.key")).unwrap();
    let run = rotate("archive-01", no);
    assert_eq!(run.code, Some(1), "{run}");
    assert!(run.stderr.contains("archive-01-1.pub.key exists already"), "{run}");
    assert_eq!(fs::read_dir(&made).unwrap().count(), 0);
    assert_eq!(site.trusted("archive-01.pub.key").validity, Validity::ALWAYS);
}
