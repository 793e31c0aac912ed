//! How the entries of an index are written to rows and read back.

use jiff::Timestamp;
use rusqlite::{Connection, Row, params, types::Type};

use crate::apt::{
    index::{About, BinaryEntry, Entries, IndexKind, SourceEntry},
    text::{Text, Texts},
    version::Version,
};

/// Writes the entries of the index whose row is `index`, which has none.
pub(super) fn write(
    connection: &Connection,
    index: i64,
    entries: &Entries,
) -> rusqlite::Result<()> {
    match entries {
        Entries::Sources(sources) => write_sources(connection, index, sources),
        Entries::Packages(packages) => write_packages(connection, index, packages),
    }
}

fn write_sources(
    connection: &Connection,
    index: i64,
    entries: &[SourceEntry],
) -> rusqlite::Result<()> {
    let mut insert =
        connection.prepare_cached("INSERT INTO source_entry VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    for (position, entry) in (0_i64..).zip(entries) {
        let About { maintainer, section } = &entry.about;
        let version = entry.version.as_str();
        insert.execute(params![index, position, entry.name, version, maintainer, section])?;
    }
    Ok(())
}

fn write_packages(
    connection: &Connection,
    index: i64,
    entries: &[BinaryEntry],
) -> rusqlite::Result<()> {
    let mut insert = connection
        .prepare_cached("INSERT INTO binary_entry VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?;
    for (position, entry) in (0_i64..).zip(entries) {
        let About { maintainer, section } = &entry.about;
        insert.execute(params![
            index,
            position,
            entry.name,
            entry.version.as_str(),
            entry.architecture,
            entry.source,
            entry.source_version.as_str(),
            maintainer,
            section
        ])?;
    }
    Ok(())
}

/// Reads the entries of the index whose row is `index`.
pub(super) fn read(
    connection: &Connection,
    index: i64,
    kind: &IndexKind,
) -> rusqlite::Result<Entries> {
    let mut texts = Texts::default();
    match kind {
        IndexKind::Sources => {
            let mut query = connection.prepare_cached(
                "SELECT name, version, maintainer, section
                 FROM source_entry WHERE suite_index = ?1 ORDER BY position",
            )?;
            let rows = query.query_map([index], |row| {
                Ok(SourceEntry {
                    name: text(&mut texts, row, 0)?,
                    version: version(row, 1)?,
                    about: about(&mut texts, row, 2)?,
                })
            })?;
            rows.collect::<Result<_, _>>().map(Entries::Sources)
        }
        IndexKind::Packages(_) => {
            let mut query = connection.prepare_cached(
                "SELECT name, version, architecture, source, source_version, maintainer, section
                 FROM binary_entry WHERE suite_index = ?1 ORDER BY position",
            )?;
            let rows = query.query_map([index], |row| {
                Ok(BinaryEntry {
                    name: text(&mut texts, row, 0)?,
                    version: version(row, 1)?,
                    architecture: text(&mut texts, row, 2)?,
                    source: text(&mut texts, row, 3)?,
                    source_version: version(row, 4)?,
                    about: about(&mut texts, row, 5)?,
                })
            })?;
            rows.collect::<Result<_, _>>().map(Entries::Packages)
        }
    }
}

fn text(texts: &mut Texts, row: &Row<'_>, column: usize) -> rusqlite::Result<Text> {
    Ok(texts.keep(row.get_ref(column)?.as_str()?))
}

fn about(texts: &mut Texts, row: &Row<'_>, column: usize) -> rusqlite::Result<About> {
    let mut text = |column| {
        let text = row.get_ref(column)?.as_str_or_null()?;
        Ok::<_, rusqlite::Error>(text.map(|text| texts.keep(text)))
    };
    Ok(About { maintainer: text(column)?, section: text(column + 1)? })
}

fn version(row: &Row<'_>, column: usize) -> rusqlite::Result<Version> {
    let text = row.get_ref(column)?.as_str()?;
    Version::parse(text).ok_or_else(|| unreadable(column, Type::Text, "a Debian version"))
}

/// Reads a hash.
pub(super) fn sha256(row: &Row<'_>, column: usize) -> rusqlite::Result<[u8; 32]> {
    let bytes = row.get_ref(column)?.as_blob()?;
    bytes.try_into().map_err(|_| unreadable(column, Type::Blob, "a SHA-256"))
}

/// Reads a time.
pub(super) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    let seconds = row.get(column)?;
    Timestamp::from_second(seconds).map_err(|_| unreadable(column, Type::Integer, "a time"))
}

fn unreadable(column: usize, kind: Type, what: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, kind, format!("not {what}").into())
}
