//! Logs as a killed relay leaves them, whole and damaged.

use std::fs;

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;

/// A database whose log holds so many transactions, copied while it is open: what a SIGKILL leaves.
fn killed(transactions: usize) -> (TempDir, PathBuf) {
    let directory = TempDir::new().unwrap();
    let (live, path) = (directory.path().join("live"), directory.path().join("journal"));
    let connection = Connection::open(&live).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    connection.pragma_update(None, "synchronous", "FULL").unwrap();
    connection.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
    connection.execute_batch("CREATE TABLE t (a)").unwrap();
    connection.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(())).unwrap();
    for number in 0..transactions {
        connection.execute("INSERT INTO t VALUES (?1)", [vec![7; 200 * (number + 1)]]).unwrap();
    }
    for ending in ["", "-wal", "-shm"] {
        fs::copy(beside(&live, ending), beside(&path, ending)).unwrap();
    }
    (directory, path)
}

fn pages(path: &Path) -> usize {
    (fs::read(beside(path, "-wal")).unwrap().len() - LOG_HEADER) / (PAGE_HEADER + 4096)
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 4;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_log_that_is_whole_or_not_there_is_fine() {
    let (directory, path) = killed(20);
    assert!(damage(&path).unwrap().is_none());
    fs::remove_file(beside(&path, "-shm")).unwrap();
    assert!(damage(&path).unwrap().is_none());
    fs::remove_file(beside(&path, "-wal")).unwrap();
    assert!(damage(&path).unwrap().is_none());
    assert!(damage(&directory.path().join("absent")).unwrap().is_none());
    // A new log that nobody wrote to yet, and one whose header a crash cut off.
    for start in [&b""[..], &[0; 32], &[0; 5000], &[0x37, 0x7f]] {
        fs::write(beside(&path, "-wal"), start).unwrap();
        assert!(damage(&path).unwrap().is_none());
    }
}

#[test]
fn a_flipped_bit_anywhere_in_a_log_is_found() {
    let (_directory, path) = killed(6);
    let log = beside(&path, "-wal");
    let bytes = fs::read(&log).unwrap();
    let (mut harmless, mut found) = (Vec::new(), 0);
    for at in (0..64).chain((64..bytes.len()).step_by(97)) {
        flip(&log, at);
        match damage(&path).unwrap() {
            Some(Damage::Log { .. } | Damage::LogHeader) => found += 1,
            None => harmless.push(at),
            Some(other) => panic!("{other}"),
        }
        fs::write(&log, &bytes).unwrap();
    }
    assert!(found > 200 && harmless.is_empty(), "{found} found, not these: {harmless:?}");
}

#[test]
fn without_the_index_damage_is_found_in_all_but_the_last_transaction() {
    let (_directory, path) = killed(6);
    fs::remove_file(beside(&path, "-shm")).unwrap();
    let log = beside(&path, "-wal");
    let bytes = fs::read(&log).unwrap();
    // The last transaction splits the table's only page: these are its pages.
    let last = LOG_HEADER + (pages(&path) - 4) * (PAGE_HEADER + 4096);
    for at in (0..last).step_by(97) {
        flip(&log, at);
        assert!(damage(&path).unwrap().is_some(), "byte {at} of {}", bytes.len());
        fs::write(&log, &bytes).unwrap();
    }
}

#[test]
fn a_log_that_was_cut_off_is_found_by_its_index() {
    let (_directory, path) = killed(6);
    let log = beside(&path, "-wal");
    let bytes = fs::read(&log).unwrap();
    for length in (0..bytes.len()).step_by(501) {
        fs::write(&log, &bytes[..length]).unwrap();
        assert!(matches!(damage(&path).unwrap(), Some(Damage::Log { .. })), "{length} bytes");
    }
    // An index that contradicts itself says nothing.
    flip(&beside(&path, "-shm"), 16);
    fs::write(&log, &bytes[..bytes.len() / 2]).unwrap();
    assert!(damage(&path).unwrap().is_none());
}

#[test]
fn what_a_crash_leaves_of_its_last_transaction_is_no_damage() {
    let (_directory, path) = killed(6);
    let (log, index) = (beside(&path, "-wal"), beside(&path, "-shm"));
    // The index of a moment before the last transactions, as it is until they are synced.
    let (_earlier, early) = killed(1);
    let committed = pages(&early);
    fs::remove_file(&index).unwrap();
    let bytes = fs::read(&log).unwrap();
    for length in (LOG_HEADER + committed * (PAGE_HEADER + 4096)..bytes.len()).step_by(501) {
        fs::write(&log, &bytes[..length]).unwrap();
        assert!(damage(&path).unwrap().is_none(), "{length} bytes");
    }
}

#[test]
fn pages_of_an_earlier_log_are_no_damage() {
    let directory = TempDir::new().unwrap();
    let (live, path) = (directory.path().join("live"), directory.path().join("journal"));
    let connection = Connection::open(&live).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    connection.execute_batch("CREATE TABLE t (a)").unwrap();
    let insert = |count: usize| {
        for _ in 0..count {
            connection.execute("INSERT INTO t VALUES (?1)", [vec![7; 3000]]).unwrap();
        }
    };
    insert(30);
    connection.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(())).unwrap();
    for _ in 0..3 {
        for ending in ["", "-wal", "-shm"] {
            fs::copy(beside(&live, ending), beside(&path, ending)).unwrap();
        }
        assert!(damage(&path).unwrap().is_none());
        insert(2);
    }
}
