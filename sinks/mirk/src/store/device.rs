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
    /// When that file was made, in nanoseconds.
    pub birth: i64,
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
        let sql = "SELECT name, machine, inode, birth, created FROM device";
        let device = self.connection.query_row(sql, [], |row| {
            Ok(Device {
                name: row.get(0)?,
                machine: row.get(1)?,
                inode: row.get(2)?,
                birth: row.get(3)?,
                created: time(row.get(4)?),
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
        let Device { name, machine, inode, birth, created } = device;
        self.connection.execute(
            "INSERT OR REPLACE INTO device VALUES (1, ?, ?, ?, ?, ?)",
            params![name, machine, inode, birth, millis(*created)],
        )?;
        Ok(())
    }
}
