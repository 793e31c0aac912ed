//! What crashes, other processes and other people do to the directory.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use laniakea_event::Digest;
use tempfile::TempDir;

use super::*;

const ROOMY: Bounds = Bounds { events: 100, bytes: 1 << 20 };

fn directory() -> (TempDir, Directory) {
    let place = tempfile::tempdir().unwrap();
    let directory = Directory::create(place.path().join("a/b")).unwrap();
    (place, directory)
}

fn put(directory: &Directory, content: &str) -> Name {
    let digest = Digest::of(content.as_bytes());
    directory.lock().unwrap().put(digest, content.as_bytes(), ROOMY).unwrap()
}

fn numbers(directory: &Directory) -> Vec<u64> {
    let entries = directory.list(Place::Main).unwrap().entries;
    entries.iter().map(|entry| entry.name.number).collect()
}

#[test]
fn files_are_numbered_and_readable_by_their_owner_alone() {
    let (_place, directory) = directory();
    let names: Vec<Name> = ["a", "b", "a"].map(|content| put(&directory, content)).into();
    assert_eq!(numbers(&directory), [1, 2, 3]);
    assert_eq!(directory.read(Place::Main, names[1], 9).unwrap().unwrap(), b"b");
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
    assert_eq!(mode(directory.path()), 0o700);
    assert_eq!(mode(&directory.file(Place::Main, names[0])), 0o600);
    assert_eq!(mode(&directory.path().join(LOCK)), 0o600);
}

#[test]
fn no_number_is_given_twice_although_all_files_are_gone() {
    let (_place, directory) = directory();
    let name = put(&directory, "a");
    let other = Directory::open(directory.path()).unwrap();
    assert!(other.lock().unwrap().remove(Place::Main, name).unwrap());
    assert!(!other.lock().unwrap().remove(Place::Main, name).unwrap());
    assert_eq!(put(&directory, "b").number, 2);
    assert_eq!(put(&other, "c").number, 3);
    // Whatever becomes of the file of the lock, a new event comes last.
    for state in ["", "x", "7", "99999999999999999999999 1", "\u{0}\u{0}"] {
        fs::write(directory.path().join(LOCK), state).unwrap();
        let before = numbers(&directory);
        let number = put(&directory, state).number;
        assert!(before.iter().all(|earlier| *earlier < number), "{state:?}");
    }
}

#[test]
fn what_a_crashed_process_left_is_no_event_and_goes() {
    let (_place, directory) = directory();
    put(&directory, "a");
    let name = Name { number: 2, digest: Digest::of(b"b") };
    let left = directory.path().join(format!("{UNFINISHED}{name}"));
    fs::write(&left, "b").unwrap();
    assert_eq!(numbers(&directory), [1]);
    let next = Directory::open(directory.path()).unwrap();
    assert_eq!(put(&next, "c").number, 2);
    assert!(!left.exists());
}

#[test]
fn the_bounds_hold_whoever_filled_it() {
    let (_place, directory) = directory();
    let other = Directory::open(directory.path()).unwrap();
    let bounds = Bounds { events: 3, bytes: 10 };
    let put = |directory: &Directory, content: &str| {
        directory.lock().unwrap().put(Digest::of(b""), content.as_bytes(), bounds)
    };
    put(&directory, "1234").unwrap();
    put(&other, "1234").unwrap();
    let full = put(&directory, "123").unwrap_err();
    assert!(
        matches!(full, SpoolError::Full { events: 2, bytes: 8, max_events: 3, max_bytes: 10, .. }),
        "{full}"
    );
    let last = put(&directory, "12").unwrap();
    assert!(matches!(put(&other, ""), Err(SpoolError::Full { events: 3, .. })));
    // Removed by hand, behind everybody's back.
    fs::remove_file(directory.file(Place::Main, last)).unwrap();
    put(&other, "12").unwrap();
    // What was set aside counts.
    let mut locked = directory.lock().unwrap();
    locked.remove(Place::Main, last).unwrap();
    let first = Name { number: 1, digest: Digest::of(b"") };
    locked.write(Place::Rejected, first, b"x").unwrap();
    locked.remove(Place::Main, first).unwrap();
    drop(locked);
    assert!(matches!(put(&directory, ""), Err(SpoolError::Full { events: 3, bytes: 7, .. })));
}

#[test]
fn foreign_files_are_told_and_left_alone() {
    let (_place, directory) = directory();
    put(&directory, "a");
    let name = Name { number: 9, digest: Digest::of(b"") };
    fs::write(directory.path().join("README"), "").unwrap();
    fs::create_dir(directory.file(Place::Main, name)).unwrap();
    let link = Name { number: 8, ..name };
    std::os::unix::fs::symlink("/dev/zero", directory.file(Place::Main, link)).unwrap();
    let listing = directory.list(Place::Main).unwrap();
    assert_eq!((listing.entries.len(), listing.foreign.len()), (1, 3));
    assert_eq!(put(&directory, "b").number, 2);
}

#[test]
fn a_number_that_cannot_be_followed_is_an_error() {
    let (_place, directory) = directory();
    let name = Name { number: u64::MAX, digest: Digest::of(b"") };
    fs::write(directory.file(Place::Main, name), "").unwrap();
    let outcome = directory.lock().unwrap().put(Digest::of(b""), b"", ROOMY);
    assert!(matches!(outcome, Err(SpoolError::NoNumber { .. })));
}

#[test]
fn what_cannot_be_used_is_named() {
    let place = tempfile::tempdir().unwrap();
    let absent = Directory::open(place.path().join("absent")).unwrap_err().to_string();
    assert!(absent.starts_with("could not read the directory ") && absent.ends_with("/absent"));
    fs::write(place.path().join("file"), "").unwrap();
    assert!(Directory::create(place.path().join("file/x")).is_err());
    let closed = place.path().join("closed");
    fs::create_dir(&closed).unwrap();
    let directory = Directory::open(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o500)).unwrap();
    // Nothing is closed to root.
    if fs::write(closed.join("x"), "").is_err() {
        assert!(directory.lock().is_err());
        assert!(directory.list(Place::Main).unwrap().entries.is_empty());
    }
}

#[test]
fn many_threads_and_handles_give_every_event_a_number_of_its_own() {
    let (_place, directory) = directory();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let directory = Directory::open(directory.path()).unwrap();
            scope.spawn(move || {
                for round in 0..10 {
                    put(&directory, &format!("{thread} {round}"));
                }
            });
        }
    });
    assert_eq!(numbers(&directory), (1..=40).collect::<Vec<u64>>());
}

#[test]
fn one_sends_at_a_time() {
    let (_place, directory) = directory();
    let other = Directory::open(directory.path()).unwrap();
    let first = directory.try_sending().unwrap();
    assert!(first.is_some() && other.try_sending().unwrap().is_none());
    drop(first);
    assert!(other.try_sending().unwrap().is_some());
}

#[test]
fn what_is_no_file_in_the_place_of_one_is_told_and_holds_nobody_up() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let (_place, directory) = directory();
    let name = put(&directory, "a");
    for path in [directory.file(Place::Main, name), directory.path().join(LOCK)] {
        fs::remove_file(&path).unwrap();
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    }
    let why = |error: SpoolError| std::error::Error::source(&error).unwrap().to_string();
    let refused = "it is a FIFO and no regular file";
    assert_eq!(why(directory.read(Place::Main, name, 9).unwrap_err()), refused);
    assert_eq!(why(directory.lock().map(drop).unwrap_err()), refused);
    // It is none of ours.
    let listing = directory.list(Place::Main).unwrap();
    assert_eq!((listing.entries.len(), listing.foreign.len()), (0, 1));
}
