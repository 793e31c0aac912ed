//! The file: whose it is, and whether it can be used.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use super::*;

fn file() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mirk.sqlite");
    (directory, path)
}

/// Opens a file that is not ours; it must be as it was, byte for byte, and nothing beside it.
fn refused(path: &std::path::Path) -> StoreError {
    let before = fs::read(path).unwrap();
    let error = Store::open(path).unwrap_err();
    assert!(fs::read(path).unwrap() == before, "the file was touched");
    let directory = fs::read_dir(path.parent().unwrap()).unwrap();
    assert_eq!(directory.count(), 1, "there are files beside it");
    error
}

#[test]
fn what_is_kept_is_there_when_the_file_is_opened_again() {
    let (_directory, path) = file();
    Store::open(&path).unwrap().take(&arrivals([1]), Some(position(1, 1)), at(0)).unwrap();
    let store = Store::open(&path).unwrap();
    assert_eq!(store.position().unwrap(), Some(position(1, 1)));
    assert_eq!(store.room(ROOM).unwrap().waiting, 1);
}

#[test]
fn the_file_is_for_its_owner_alone() {
    let (_directory, path) = file();
    let store = Store::open(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    drop(store);
}

#[test]
fn an_empty_file_becomes_a_database() {
    let (_directory, path) = file();
    fs::write(&path, "").unwrap();
    assert_eq!(Store::open(&path).unwrap().position().unwrap(), None);
}

#[test]
fn a_file_that_is_no_database_is_refused_and_stays_as_it_is() {
    for content in ["x", "session = \"secret\"\n", &"not a database ".repeat(1_000)] {
        let (_directory, path) = file();
        fs::write(&path, content).unwrap();
        let error = refused(&path);
        assert!(matches!(error, StoreError::Foreign { .. }), "{error:?}");
        assert!(error.to_string().contains("mirk.sqlite is no database of mirk"), "{error}");
    }
}

#[test]
fn a_database_of_another_program_is_refused_and_stays_as_it_is() {
    for prepare in [
        "CREATE TABLE cursor (id INTEGER)",
        "PRAGMA journal_mode = WAL; CREATE TABLE t (x); INSERT INTO t VALUES (1)",
        "PRAGMA application_id = 7; CREATE TABLE t (x)",
        "PRAGMA user_version = 1; CREATE TABLE t (x)",
    ] {
        let (_directory, path) = file();
        Connection::open(&path).unwrap().execute_batch(prepare).unwrap();
        let error = refused(&path);
        assert!(matches!(error, StoreError::Foreign { .. }), "{prepare}: {error:?}");
        let error = Store::open_to_read(&path).unwrap_err();
        assert!(matches!(error, StoreError::Foreign { .. }), "{prepare}: {error:?}");
    }
}

#[test]
fn a_database_of_a_newer_mirk_is_refused_and_stays_as_it_is() {
    let (_directory, path) = file();
    let store = Store::open(&path).unwrap();
    store.connection.execute_batch("PRAGMA user_version = 2").unwrap();
    drop(store);
    let error = refused(&path);
    assert!(matches!(error, StoreError::Newer { found: 2, .. }), "{error:?}");
    assert!(error.to_string().contains("newer mirk (schema 2, this one knows 1)"), "{error}");
    assert!(matches!(Store::open_to_read(&path), Err(StoreError::Newer { .. })));
}

#[test]
fn a_damaged_database_is_refused() {
    let (_directory, path) = file();
    Store::open(&path).unwrap().take(&arrivals(1..=200), None, at(0)).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    // The second page on: the header still says whose it is.
    for byte in &mut bytes[8_192..] {
        *byte = 0xa5;
    }
    fs::write(&path, bytes).unwrap();
    let error = refused(&path);
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
    assert!(error.to_string().contains("mirk.sqlite is damaged"), "{error}");
}

#[test]
fn a_database_that_was_cut_off_is_refused() {
    let (_directory, path) = file();
    Store::open(&path).unwrap().take(&arrivals(1..=200), None, at(0)).unwrap();
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert!(matches!(refused(&path), StoreError::Damaged { .. }));
}

#[test]
fn a_place_where_no_file_can_be_is_named() {
    let (directory, _) = file();
    for path in [directory.path().to_owned(), directory.path().join("absent/mirk.sqlite")] {
        let error = Store::open(&path).unwrap_err();
        assert!(matches!(error, StoreError::Create { .. }), "{error:?}");
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }
}

#[test]
fn looking_makes_no_file() {
    let (_directory, path) = file();
    assert!(matches!(Store::open_to_read(&path), Err(StoreError::Absent { .. })));
    assert!(!path.exists());
    fs::write(&path, "").unwrap();
    assert!(matches!(Store::open_to_read(&path), Err(StoreError::Absent { .. })));
    assert_eq!(fs::read(&path).unwrap(), b"");
}

#[test]
fn who_looks_sees_what_is_kept_and_changes_nothing() {
    let (_directory, path) = file();
    let mut store = Store::open(&path).unwrap();
    let reader = Store::open_to_read(&path).unwrap();
    store.take(&arrivals([1]), None, at(0)).unwrap();
    assert_eq!(reader.room(ROOM).unwrap().waiting, 1);
    assert!(matches!(reader.mute(ROOM, None), Err(StoreError::Database(_))));
    store.take(&arrivals([2]), None, at(0)).unwrap();
    assert_eq!(reader.room(ROOM).unwrap().waiting, 2);
}

#[test]
fn two_stores_on_one_file_see_what_the_other_did() {
    let (_directory, path) = file();
    let (mut one, mut two) = (Store::open(&path).unwrap(), Store::open(&path).unwrap());
    assert_eq!(one.take(&arrivals([1]), Some(position(1, 1)), at(0)).unwrap(), 1);
    assert_eq!(two.take(&arrivals([1, 2]), Some(position(1, 2)), at(0)).unwrap(), 1);
    assert_eq!(one.position().unwrap(), Some(position(1, 2)));
    assert_eq!(one.room(ROOM).unwrap().waiting, 2);
}

#[test]
fn a_task_that_panics_leaves_the_store_usable() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let shared = SharedStore::new(store());
        let panicked = shared.with(|_| -> Result<(), StoreError> { panic!("on purpose") }).await;
        assert!(matches!(panicked, Err(StoreError::Panicked)));
        assert_eq!(shared.with(|store| store.position()).await.unwrap(), None);
    });
}
