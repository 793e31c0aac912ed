//! `systemd`: a unit that an administrator has installed as a template, `lk-action-NAME@.service`.
//!
//! Other users, sandboxes and limits live in that unit, not here. Keeper asks systemd over D-Bus to
//! start its instance for the run, `lk-action-NAME@RUN.service`, and waits for how it ends; the
//! polkit rule in `packaging/polkit` lets it start and stop such units and no others.

mod bus;

use std::time::Duration;

use serde::Deserialize;
use tokio::time::{Instant, timeout, timeout_at};
use zbus::Connection;

use self::bus::Manager;
use super::{BatchFile, Ended, Order, Outcome};

/// How long the message bus, and systemd, may take until they can be spoken to.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a unit that is stopped may take over it.
const GRACE: Duration = Duration::from_secs(90);

/// `systemd = { unit = "NAME" }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SystemdConfig {
    unit: String,
}

/// Units of one template.
#[derive(Debug, Clone)]
pub struct Systemd {
    name: String,
}

/// `systemd` cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "systemd.unit = {0:?} is no name: for lk-action-NAME@.service write NAME, 1 to 64 of a-z, 0-9, \
     `-` and `_`, which begins with a letter or digit"
)]
pub struct InvalidSystemd(String);

impl Systemd {
    pub(super) fn new(config: &SystemdConfig) -> Result<Self, InvalidSystemd> {
        const LONGEST: usize = 64;
        let name = &config.unit;
        let is_plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
        let is_name = (1..=LONGEST).contains(&name.len()) && name.bytes().all(is_plain);
        if !is_name || name.starts_with(['-', '_']) {
            return Err(InvalidSystemd(name.clone()));
        }
        Ok(Self { name: name.clone() })
    }

    pub(super) fn describe(&self) -> String {
        format!("systemctl start {}", self.unit("RUN"))
    }

    fn unit(&self, run: impl std::fmt::Display) -> String {
        format!("lk-action-{}@{run}.service", self.name)
    }

    pub(super) async fn run(&self, order: Order) -> Ended {
        self.run_on(Connection::system(), order).await
    }

    /// Does it on the bus that this connects to.
    async fn run_on(
        &self,
        connecting: impl Future<Output = zbus::Result<Connection>>,
        order: Order,
    ) -> Ended {
        match timeout(order.timeout.min(PATIENCE), connecting).await {
            Ok(Ok(connection)) => self.run_over(&connection, order).await,
            Ok(Err(error)) => failed(format!("could not connect to D-Bus: {error}")),
            Err(_) => failed("D-Bus does not answer".to_owned()),
        }
    }

    /// Does it over a connection to the bus on which systemd is.
    pub(crate) async fn run_over(&self, connection: &Connection, order: Order) -> Ended {
        let deadline = Instant::now() + order.timeout.min(Duration::from_hours(24 * 365));
        let Some(run) = order.values.get("run").and_then(serde_json::Value::as_i64) else {
            return failed("the run has no number".to_owned());
        };
        let unit = self.unit(run);
        // It stays until the unit has ended.
        let _file = match BatchFile::put(&order.data_dir, run, &order.values) {
            Ok(file) => file,
            Err(error) => return failed(format!("could not write the run's events: {error}")),
        };
        let patience = order.timeout.min(PATIENCE);
        let manager = match timeout(patience, Manager::new(connection)).await {
            Ok(Ok(manager)) => manager,
            Ok(Err(error)) => return failed(format!("could not speak to systemd: {error}")),
            Err(_) => return failed("systemd does not answer".to_owned()),
        };
        let outcome = match timeout_at(deadline, manager.run(&unit)).await {
            Ok(Ok(())) => Outcome::Succeeded,
            Ok(Err(problem)) => Outcome::Failed(problem),
            Err(_) => {
                let seconds = order.timeout.as_secs_f32();
                let stopped = timeout(GRACE, manager.stop(&unit)).await;
                let how = match stopped {
                    Ok(Ok(())) => "it was stopped".to_owned(),
                    Ok(Err(problem)) => format!("it could not be stopped ({problem})"),
                    Err(_) => format!("it did not stop within {} s", GRACE.as_secs()),
                };
                Outcome::Failed(format!("{unit}: {how}: it took longer than {seconds} s"))
            }
        };
        Ended { outcome, output: format!("see journalctl --unit={unit}\n").into_bytes() }
    }
}

fn failed(problem: String) -> Ended {
    Ended { outcome: Outcome::Failed(problem), output: Vec::new() }
}

#[cfg(test)]
mod tests;
