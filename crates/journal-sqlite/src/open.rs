//! From a path to a sound journal, or to a sentence that says why not.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use laniakea_event::SignerId;
use rusqlite::{Connection, OpenFlags};
use uuid::Uuid;

use crate::{
    Damage, OpenError, check,
    group::{Owner, State},
    lock::FileLock,
    log,
    readers::{BUSY_TIMEOUT, Readers},
    schema::{self, setup_error},
    writer::Writer,
};

/// What every SQLite file begins with, how long its header is, and where in it the number stands
/// that says whose file it is.
const MAGIC: &[u8] = b"SQLite format 3\0";
const HEADER_LEN: u64 = 100;
const APPLICATION_ID_AT: usize = 68;

/// An open journal.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) path: PathBuf,
    pub(crate) id: Uuid,
    pub(crate) writer: Writer,
    pub(crate) readers: Readers,
    pub(crate) lock: FileLock,
}

/// Opens the journal, having made it with `new_id` if there is none.
///
/// Until the file is known to be a journal, nothing in it or beside it but the lock is touched.
pub(crate) fn open(path: &Path, relay: SignerId, new_id: Uuid) -> Result<Opened, OpenError> {
    let path = resolve(path)
        .map_err(|source| OpenError::Inaccessible { path: path.to_owned(), source })?;
    check_kind(&path)?;
    let lock = FileLock::take(&path)?;
    if read_header(&path)? == Some(schema::BACKUP_ID) {
        return Err(OpenError::Backup { path });
    }
    let damage = log::damage(&path)
        .map_err(|source| OpenError::Inaccessible { path: path.clone(), source })?;
    if let Some(source) = damage {
        return Err(OpenError::Damaged { path, source });
    }
    let connection = connect(&path).map_err(|error| setup_error(&path, error))?;
    schema::migrate(&connection, &path, schema::STEPS, new_id)?;
    start_log(&connection, &path)?;
    let (id, state) = load(&connection, &path).map_err(|damage| match damage {
        Damage::Sqlite(error) => setup_error(&path, error),
        source => OpenError::Damaged { path: path.clone(), source },
    })?;
    sync_directory(&path)
        .map_err(|source| OpenError::Inaccessible { path: path.clone(), source })?;
    let owner = Owner { relay, journal: id };
    let writer = Writer::new(connection, path.display().to_string(), owner, state);
    let readers = Readers::new(path.clone());
    Ok(Opened { path, id, writer, readers, lock })
}

/// One name for one file, so that one lock guards it.
pub(crate) fn resolve(path: &Path) -> io::Result<PathBuf> {
    if path.try_exists()? {
        return fs::canonicalize(path);
    }
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    Ok(fs::canonicalize(directory.unwrap_or(Path::new(".")))?.join(name))
}

/// Refuses directories, pipes and devices.
pub(crate) fn check_kind(path: &Path) -> Result<(), OpenError> {
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => Err(OpenError::NotAFile { path: path.to_owned() }),
        // A file that cannot be used is told apart from one that is not there when it is opened.
        _ => Ok(()),
    }
}

/// Refuses what is neither a journal nor a copy of one, and says which it is. A file that is empty
/// or not there is nothing yet.
pub(crate) fn read_header(path: &Path) -> Result<Option<i32>, OpenError> {
    let inaccessible = |source| OpenError::Inaccessible { path: path.to_owned(), source };
    let file = match laniakea_files::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(inaccessible)?,
    };
    let mut header = Vec::new();
    file.take(HEADER_LEN).read_to_end(&mut header).map_err(inaccessible)?;
    if header.is_empty() {
        return Ok(None);
    }
    let application_id = header[..].get(APPLICATION_ID_AT..).and_then(<[u8]>::first_chunk);
    match application_id {
        Some(bytes) if header.starts_with(MAGIC) => match i32::from_be_bytes(*bytes) {
            known @ (schema::APPLICATION_ID | schema::BACKUP_ID) => Ok(Some(known)),
            application_id => Err(OpenError::Foreign { path: path.to_owned(), application_id }),
        },
        _ => Err(OpenError::NotSqlite { path: path.to_owned() }),
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(32);
    for (name, value) in [
        // A commit is on disk when it returns.
        ("synchronous", "FULL"),
        // The writer does it, see `Writer::checkpoint_after`.
        ("wal_autocheckpoint", "0"),
        // After a time without checkpoints, the log gives the space back.
        ("journal_size_limit", "67108864"),
        ("cache_size", "-16384"),
        // Damage is to be an error and never undefined.
        ("cell_size_check", "ON"),
        ("trusted_schema", "OFF"),
    ] {
        connection.pragma_update(None, name, value)?;
    }
    Ok(connection)
}

/// Turns to the write-ahead log; only now, so that a new file has its header before it has a log.
fn start_log(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(|error| setup_error(path, error))?;
    if mode != "wal" {
        return Err(OpenError::NoLog { path: path.to_owned() });
    }
    Ok(())
}

fn load(connection: &Connection, path: &Path) -> Result<(Uuid, State), Damage> {
    check::check(connection, path)?;
    Ok((check::journal_id(connection)?, State::load(connection)?))
}

/// Makes the names of the new files durable; SQLite does so too, but passes over a failure.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    laniakea_files::sync_directory(path.parent().unwrap_or(Path::new("/")))
}
