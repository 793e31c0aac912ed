//! What is no plain file holds nobody up.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::{fs::symlink, net::UnixListener},
    path::{Path, PathBuf},
};

use laniakea_files::{
    Refusal, open, open_with, read, read_at_most, read_given, read_given_text, read_text,
};
use rustix::fs::{CWD, FileType, Mode, mknodat};

fn fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

fn in_directory() -> (tempfile::TempDir, impl Fn(&str) -> PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_owned();
    (directory, move |name| path.join(name))
}

#[test]
fn what_is_no_regular_file_is_refused_by_name_and_waits_for_nobody() {
    let (_directory, path) = in_directory();
    fifo(&path("fifo"));
    let _socket = UnixListener::bind(path("socket")).unwrap();
    fs::create_dir(path("directory")).unwrap();
    for (name, to) in [("to-fifo", "fifo"), ("to-zero", "/dev/zero"), ("to-tty", "/dev/ptmx")] {
        symlink(to, path(name)).unwrap();
    }
    for (name, what) in [
        ("fifo", "a FIFO"),
        ("to-fifo", "a FIFO"),
        ("socket", "a socket"),
        ("directory", "a directory"),
        ("to-zero", "a device"),
        ("to-tty", "a device"),
    ] {
        let path = path(name);
        for error in [
            open(&path).unwrap_err(),
            read(&path, 10).unwrap_err(),
            read_text(&path, 10).unwrap_err(),
        ] {
            assert_eq!(Refusal::of(&error), Some(Refusal::Special(what)), "{name}: {error}");
            assert_eq!(error.to_string(), format!("it is {what} and no regular file"));
        }
        if what != "a directory" {
            let mut options = OpenOptions::new();
            let made = open_with(options.write(true).create(true).truncate(true), &path);
            assert_eq!(Refusal::of(&made.unwrap_err()), Some(Refusal::Special(what)), "{name}");
        }
    }
}

#[test]
fn no_more_is_read_than_the_bound() {
    let (_directory, path) = in_directory();
    fs::write(path("ten"), "0123456789").unwrap();
    symlink("ten", path("link")).unwrap();
    for name in ["ten", "link"] {
        assert_eq!(read(&path(name), 10).unwrap(), b"0123456789");
        assert_eq!(read_text(&path(name), u64::MAX).unwrap(), "0123456789");
        let error = read(&path(name), 9).unwrap_err();
        assert_eq!(Refusal::of(&error), Some(Refusal::Large(9)));
        assert_eq!(error.to_string(), "it is larger than 9 bytes");
    }
    assert_eq!(Refusal::of(&read_at_most(io::repeat(0), 9).unwrap_err()), Some(Refusal::Large(9)));
    // Its length says nothing.
    assert!(!read(Path::new("/proc/self/status"), 1 << 16).unwrap().is_empty());
}

#[test]
fn what_cannot_be_opened_is_no_refusal() {
    let (_directory, path) = in_directory();
    let error = open(&path("nothing")).unwrap_err();
    assert_eq!((error.kind(), Refusal::of(&error)), (io::ErrorKind::NotFound, None));
    symlink("nothing", path("dangling")).unwrap();
    assert_eq!(open(&path("dangling")).unwrap_err().kind(), io::ErrorKind::NotFound);
    symlink("loop", path("loop")).unwrap();
    assert!(open(&path("loop")).is_err());
    fs::write(path("latin"), [0xe4]).unwrap();
    assert_eq!(read_text(&path("latin"), 9).unwrap_err().kind(), io::ErrorKind::InvalidData);
}

#[test]
fn a_pipe_that_somebody_named_is_read_with_a_bound() {
    let (_directory, path) = in_directory();
    fifo(&path("fifo"));
    let writer = std::thread::spawn({
        let path = path("fifo");
        move || fs::write(path, "text")
    });
    assert_eq!(read_given_text(&path("fifo"), 9).unwrap(), "text");
    writer.join().unwrap().unwrap();
    let error = read_given(Path::new("/dev/zero"), 9).unwrap_err();
    assert_eq!(Refusal::of(&error), Some(Refusal::Large(9)));
    assert!(read_given(&path(""), 9).is_err());
}
