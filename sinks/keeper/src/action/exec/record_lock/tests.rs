use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use super::*;

/// Laniakea's way to a lock, in the words of Python.
const LOCK: &str = "
import fcntl, os, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
try:
    fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    print('busy', flush=True)
else:
    print('locked', flush=True)
    sys.stdin.readline()
";

/// A Python process that tries to get the lock, and what it says about that.
fn python(path: &Path) -> (Child, String) {
    let mut child = Command::new("python3")
        .args(["-c", LOCK])
        .arg(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
    (child, said.trim().to_owned())
}

fn end(mut python: Child) {
    python.stdin.take().unwrap().write_all(b"\n").unwrap();
    python.wait().unwrap();
}

fn lock_file() -> (TempDir, PathBuf) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("laniakea_scheduler_publish-repos.lock");
    (directory, path)
}

#[test]
fn what_python_holds_is_seen_and_not_taken() {
    let (_directory, path) = lock_file();
    look(&path).unwrap();
    assert!(!path.exists(), "looking makes nothing");
    let (child, said) = python(&path);
    assert_eq!(said, "locked");
    let expected = format!("process {} holds {}", child.id(), path.display());
    for busy in [look(&path).unwrap_err(), RecordLock::take(&path).unwrap_err()] {
        assert!(matches!(&busy, Busy::Held(reason) if *reason == expected), "{busy:?}");
    }
    end(child);
    look(&path).unwrap();
    drop(RecordLock::take(&path).unwrap());
}

#[test]
fn what_we_hold_python_does_not_get_and_neither_does_another_run() {
    let (directory, path) = lock_file();
    let alias = directory.path().join("alias");
    let lock = RecordLock::take(&path).unwrap();
    std::os::unix::fs::symlink(&path, &alias).unwrap();
    for name in [&path, &alias] {
        let reason = |busy| matches!(busy, Busy::Held(reason) if reason.contains("another run"));
        assert!(reason(look(name).unwrap_err()) && reason(RecordLock::take(name).unwrap_err()));
    }
    // Those looks have not given it away, as closing another descriptor of the file would.
    let (child, said) = python(&path);
    assert_eq!(said, "busy");
    end_quietly(child);
    drop(lock);
    let (child, said) = python(&path);
    assert_eq!(said, "locked");
    end(child);
}

fn end_quietly(mut python: Child) {
    python.wait().unwrap();
}

#[test]
fn a_place_where_there_can_be_no_lock_is_an_error_and_not_a_lock() {
    let (directory, _) = lock_file();
    let busy = RecordLock::take(&directory.path().join("absent/x.lock")).unwrap_err();
    assert!(matches!(&busy, Busy::Unusable(reason) if reason.contains("absent")), "{busy:?}");
}
