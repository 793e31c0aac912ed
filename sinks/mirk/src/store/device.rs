//! What is known of the device whose encryption store is beside the database.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::{Store, StoreError, millis, time};

/// The device, and where its keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The homeserver's name for it.
    pub name: String,
    /// The machine on which the keys were made.
    pub machine: String,
    /// The file that they are in.
    pub inode: i64,
    /// What the homeserver was told at the last start.
    pub seal: Option<String>,
    /// What it was to be told at a start that did not get so far.
    pub next_seal: Option<String>,
    /// When it was made: what was said before is not for it.
    pub created: Timestamp,
}

impl Store {
    /// The device, if somebody has logged in.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn device(&self) -> Result<Option<Device>, StoreError> {
        let sql = "SELECT name, machine, inode, seal, next_seal, created FROM device";
        let device = self.connection.query_row(sql, [], |row| {
            Ok(Device {
                name: row.get(0)?,
                machine: row.get(1)?,
                inode: row.get(2)?,
                seal: row.get(3)?,
                next_seal: row.get(4)?,
                created: time(row.get(5)?),
            })
        });
        Ok(device.optional()?)
    }

    /// Notes a new device.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn note_device(&self, device: &Device) -> Result<(), StoreError> {
        let Device { name, machine, inode, seal, next_seal, created } = device;
        self.connection.execute(
            "INSERT OR REPLACE INTO device VALUES (1, ?, ?, ?, ?, ?, ?)",
            params![name, machine, inode, seal, next_seal, millis(*created)],
        )?;
        Ok(())
    }

    /// Notes what the homeserver is about to be told.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn plan_seal(&self, seal: &str) -> Result<(), StoreError> {
        self.connection.execute("UPDATE device SET next_seal = ?", [seal])?;
        Ok(())
    }

    /// Notes what the homeserver was told.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn seal(&self, seal: &str) -> Result<(), StoreError> {
        self.connection.execute("UPDATE device SET seal = ?, next_seal = NULL", [seal])?;
        Ok(())
    }
}
