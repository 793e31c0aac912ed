//! What a run does.

mod batch_file;
mod exec;
mod leftover;
mod output;
mod systemd;

use std::{path::PathBuf, time::Duration};

use serde_json::Value as Json;

pub use self::{
    batch_file::BatchFile,
    exec::{Exec, ExecConfig, InvalidExec},
    leftover::end_leftovers,
    output::Output,
    systemd::{InvalidSystemd, Systemd, SystemdConfig},
};

/// An action, checked.
#[derive(Debug, Clone)]
pub enum Action {
    /// A program.
    Exec(Exec),
    /// A unit.
    Systemd(Systemd),
}

/// What an action is given.
#[derive(Debug)]
pub struct Order {
    /// The rule, the run, its key, its events: what templates see, and programs get on stdin.
    pub values: Json,
    /// How long it may take.
    pub timeout: Duration,
    /// Where keeper's files are.
    pub data_dir: PathBuf,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Whether that is a success.
    pub outcome: Outcome,
    /// What it said, as much as is kept.
    pub output: Vec<u8>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Well.
    Succeeded,
    /// Not so; perhaps another attempt does better.
    Failed(String),
    /// It could not even begin, and would not the next time.
    Refused(String),
}

impl Action {
    /// A program.
    ///
    /// # Errors
    ///
    /// See [`InvalidExec`].
    pub fn exec(config: &ExecConfig) -> Result<Self, InvalidExec> {
        Exec::new(config).map(Self::Exec)
    }

    /// A unit.
    ///
    /// # Errors
    ///
    /// See [`InvalidSystemd`].
    pub fn systemd(config: &SystemdConfig) -> Result<Self, InvalidSystemd> {
        Systemd::new(config).map(Self::Systemd)
    }

    /// Does it.
    pub async fn run(&self, order: Order) -> Ended {
        match self {
            Self::Exec(exec) => exec.run(order).await,
            Self::Systemd(systemd) => systemd.run(order).await,
        }
    }

    /// What it would do, in a line.
    pub fn describe(&self, values: &Json) -> String {
        match self {
            Self::Exec(exec) => match exec.command(values) {
                Ok(command) => format!("{command:?}"),
                Err(reason) => format!("refused: {reason}"),
            },
            Self::Systemd(systemd) => systemd.describe(),
        }
    }
}
