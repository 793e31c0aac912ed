//! What is kept for rules that wait for other events, and what was missed.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{Ledger, LedgerError, millis, outbox::Voice, start::parsed, time};
use crate::{
    note::{About, Note, What},
    schedule::RunId,
    watch::{Change, Kept, Step},
};

/// A rule as the ledger is to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownRule {
    /// Its name.
    pub name: String,
    /// What it waits for, in words that are others when it waits for something else; none if it runs
    /// on each event.
    pub pattern: Option<String>,
    /// Its time counts from now on, before any event has come.
    pub begins_at_once: bool,
    /// What is missed if nothing comes, for people.
    pub missing: Option<String>,
}

/// What the ledger has of rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopted {
    /// What is kept for those that wait.
    pub kept: Vec<Kept>,
    /// When each was seen first.
    pub seen: Vec<(String, Timestamp)>,
}

/// Something that did not come in its time: what `_lk.keeper.run-absent` tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absence {
    /// Its number.
    pub id: i64,
    /// The rule that waited for it.
    pub rule: String,
    /// The key.
    pub key: String,
    /// Since when it waited.
    pub since: Timestamp,
    /// When it was noticed.
    pub noticed: Timestamp,
    /// The run that was made of it, once it has begun.
    pub run: Option<RunId>,
}

impl Ledger {
    /// Makes the rules known, and forgets what was kept for those that are gone or wait for something
    /// else now: what came meanwhile is not known.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn adopt(&mut self, rules: &[KnownRule], now: Timestamp) -> Result<Adopted, LedgerError> {
        let transaction = self.connection.transaction()?;
        let names: Vec<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
        let names = serde_json::to_string(&names).unwrap_or_default();
        for (table, column) in [("rule", "name"), ("watched", "rule")] {
            let gone = format!(
                "DELETE FROM {table} WHERE {column} NOT IN (SELECT value FROM json_each(?))"
            );
            transaction.execute(&gone, [&names])?;
        }
        for rule in rules {
            adopt_one(&transaction, rule, now)?;
        }
        let kept = kept(&transaction)?;
        let seen = seen(&transaction)?;
        transaction.commit()?;
        Ok(Adopted { kept, seen })
    }

    /// Carries out what time has brought about. Says which rules and keys have got something to run.
    ///
    /// # Errors
    ///
    /// The database fails; then nothing was changed.
    pub fn judge(
        &mut self,
        steps: &[Step],
        now: Timestamp,
    ) -> Result<Vec<(String, String)>, LedgerError> {
        let transaction = self.connection.transaction()?;
        let mut added = Vec::new();
        carry_out(&transaction, &self.voice, steps, None, now, &mut added)?;
        transaction.commit()?;
        self.voice.wake();
        Ok(added)
    }

    /// What was missed, if that is what a run is about.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn absence_of(&self, run: RunId) -> Result<Option<Absence>, LedgerError> {
        let mut select = self.connection.prepare_cached(
            "SELECT id, rule, key, since, noticed, run FROM absence WHERE run = ? ORDER BY id",
        )?;
        Ok(select.query_row([run], absence).optional()?)
    }
}

fn absence(row: &Row<'_>) -> rusqlite::Result<Absence> {
    Ok(Absence {
        id: row.get(0)?,
        rule: row.get(1)?,
        key: row.get(2)?,
        since: time(row.get(3)?),
        noticed: time(row.get(4)?),
        run: row.get(5)?,
    })
}

fn adopt_one(connection: &Connection, rule: &KnownRule, now: Timestamp) -> rusqlite::Result<()> {
    let KnownRule { name, pattern, begins_at_once, missing } = rule;
    let known: Option<Option<String>> = connection
        .prepare_cached("SELECT pattern FROM rule WHERE name = ?")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    if known.as_ref() == Some(pattern) {
        return Ok(());
    }
    connection
        .prepare_cached(
            "INSERT INTO rule (name, pattern, missing, since) VALUES (?, ?, ?, ?)
             ON CONFLICT (name) DO UPDATE
             SET pattern = excluded.pattern, missing = excluded.missing",
        )?
        .execute(params![name, pattern, missing, millis(now)])?;
    connection.prepare_cached("DELETE FROM watched WHERE rule = ?")?.execute([name])?;
    if *begins_at_once {
        connection
            .prepare_cached("INSERT INTO watched VALUES (?, '', 1, 1, NULL, ?)")?
            .execute(params![name, millis(now)])?;
    }
    Ok(())
}

fn kept(connection: &Connection) -> rusqlite::Result<Vec<Kept>> {
    let mut select = connection.prepare(
        "SELECT rule, key, chain, min(since), count(event) FROM watched GROUP BY rule, key, chain",
    )?;
    let kept = select.query_map([], |row| {
        Ok(Kept {
            rule: row.get(0)?,
            key: row.get(1)?,
            chain: row.get(2)?,
            since: time(row.get(3)?),
            events: row.get::<_, u32>(4)? as usize,
        })
    })?;
    kept.collect()
}

fn seen(connection: &Connection) -> rusqlite::Result<Vec<(String, Timestamp)>> {
    let mut select = connection.prepare("SELECT name, since FROM rule")?;
    let seen = select.query_map([], |row| Ok((row.get(0)?, time(row.get(1)?))))?;
    seen.collect()
}

/// Carries steps out that came of this event, or of time alone.
pub(super) fn carry_out(
    connection: &Connection,
    voice: &Voice,
    steps: &[Step],
    event: Option<i64>,
    now: Timestamp,
    added: &mut Vec<(String, String)>,
) -> rusqlite::Result<()> {
    for Step { rule, key, change } in steps {
        let drop_chain = |chain: &u32| {
            let sql = "DELETE FROM watched WHERE rule = ? AND key = ? AND chain = ?";
            connection.prepare_cached(sql)?.execute(params![rule, key, chain])
        };
        match change {
            Change::Begin { chain, since } => {
                drop_chain(chain)?;
                connection
                    .prepare_cached("INSERT INTO watched VALUES (?, ?, ?, 1, ?, ?)")?
                    .execute(params![rule, key, chain, event, millis(*since)])?;
            }
            Change::Append { chain } => {
                connection
                    .prepare_cached(
                        "INSERT INTO watched SELECT ?1, ?2, ?3, max(place) + 1, ?4, min(since)
                         FROM watched WHERE rule = ?1 AND key = ?2 AND chain = ?3
                         HAVING count(*) > 0",
                    )?
                    .execute(params![rule, key, chain, event])?;
            }
            Change::Advance { chain, since } => {
                drop_chain(chain)?;
                let (before, since) = (chain.saturating_sub(1), millis(*since));
                connection
                    .prepare_cached(
                        "INSERT INTO watched SELECT rule, key, ?, place, event, since
                         FROM watched WHERE rule = ? AND key = ? AND chain = ?",
                    )?
                    .execute(params![chain, rule, key, before])?;
                connection
                    .prepare_cached("INSERT INTO watched VALUES (?1, ?2, ?3, ?3, ?4, ?5)")?
                    .execute(params![rule, key, chain, event, since])?;
            }
            Change::Drop { chain } => drop(drop_chain(chain)?),
            Change::Forget => forget(connection, rule, key)?,
            Change::Fire { chain, missed, .. } => {
                fire(connection, voice, (rule, key, *chain), *missed, now)?;
                forget(connection, rule, key)?;
                added.push((rule.clone(), key.clone()));
            }
        }
    }
    Ok(())
}

fn forget(connection: &Connection, rule: &str, key: &str) -> rusqlite::Result<()> {
    let sql = "DELETE FROM watched WHERE rule = ? AND key = ?";
    connection.prepare_cached(sql)?.execute([rule, key])?;
    Ok(())
}

fn fire(
    connection: &Connection,
    voice: &Voice,
    (rule, key, chain): (&str, &str, u32),
    missed: Option<Timestamp>,
    now: Timestamp,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO pending SELECT rule, key, event, ? FROM watched
             WHERE rule = ? AND key = ? AND chain = ? AND event IS NOT NULL",
        )?
        .execute(params![millis(now), rule, key, chain])?;
    if let Some(since) = missed {
        connection
            .prepare_cached("INSERT INTO absence (rule, key, since, noticed) VALUES (?, ?, ?, ?)")?
            .execute(params![rule, key, millis(since), millis(now)])?;
        if voice.is_heard() {
            tell(connection, voice, (rule, key, chain), since, now)?;
        }
    }
    Ok(())
}

/// Tells that something did not come, whatever becomes of the run.
fn tell(
    connection: &Connection,
    voice: &Voice,
    (rule, key, chain): (&str, &str, u32),
    since: Timestamp,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let mut select = connection.prepare_cached(
        "SELECT frame FROM watched JOIN event ON event.id = event
         WHERE rule = ? AND key = ? AND chain = ? ORDER BY place",
    )?;
    let frames = select.query_map(params![rule, key, chain], |row| row.get(0))?;
    let about = About::of(&parsed(frames.collect::<Result<_, _>>()?));
    let missing: Option<Option<String>> = connection
        .prepare_cached("SELECT missing FROM rule WHERE name = ?")?
        .query_row([rule], |row| row.get(0))
        .optional()?;
    let missing = missing.flatten().unwrap_or_else(|| "event".to_owned());
    let waited = now.duration_since(since).try_into().unwrap_or_default();
    let what = What::Absent { missing, since, waited };
    voice.note(connection, &Note { rule: rule.to_owned(), key: key.to_owned(), about, what }, now)
}

#[cfg(test)]
mod tests;
