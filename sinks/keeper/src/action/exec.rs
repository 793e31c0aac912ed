//! `exec`: a program, as keeper's user. No shell is involved.

mod attend;
mod record_lock;

use std::{collections::BTreeMap, io, path::PathBuf};

use serde::Deserialize;
use serde_json::Value as Json;

use self::{
    attend::attend,
    record_lock::{Busy, RecordLock},
};
use super::{Ended, Order, Outcome, leftover};
use crate::{
    rules::{InvalidTemplate, Template},
    supervise::{Commission, Pipes, Supervised},
};

/// `exec = { … }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecConfig {
    command: Vec<String>,
    #[serde(default)]
    directory: Option<PathBuf>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    #[serde(default)]
    lock: Option<PathBuf>,
    #[serde(default)]
    wait_for: Vec<PathBuf>,
}

/// A program and its arguments, each of which is a template.
#[derive(Debug, Clone)]
pub struct Exec {
    program: String,
    arguments: Vec<Template>,
    directory: PathBuf,
    environment: BTreeMap<String, String>,
    /// Held while the program runs.
    lock: Option<PathBuf>,
    /// Locks that the program takes itself: looked at, and not taken.
    wait_for: Vec<PathBuf>,
}

/// `exec` cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidExec {
    /// There is no program.
    #[error("exec.command is empty: name a program")]
    Empty,
    /// It would be looked for in places that depend on the environment.
    #[error("the program {0:?} is not named by an absolute path")]
    Relative(String),
    /// A variable cannot have this name.
    #[error("{0:?} cannot be the name of a variable: LK_ is ours, and `=` and NUL end names")]
    Variable(String),
    /// A lock would be looked for in a place that depends on where keeper was started.
    #[error("the lock {} is not named by an absolute path", .0.display())]
    Lock(PathBuf),
    /// An argument is no template.
    #[error(transparent)]
    Template(#[from] InvalidTemplate),
}

impl Exec {
    pub(super) fn new(config: &ExecConfig) -> Result<Self, InvalidExec> {
        let (program, arguments) = config.command.split_first().ok_or(InvalidExec::Empty)?;
        if !program.starts_with('/') {
            return Err(InvalidExec::Relative(program.clone()));
        }
        for (name, value) in &config.environment {
            let is_ours = name.is_empty() || name.starts_with("LK_");
            if is_ours || name.contains(['=', '\0']) || value.contains('\0') {
                return Err(InvalidExec::Variable(name.clone()));
            }
        }
        let mut locks = config.lock.iter().chain(&config.wait_for);
        if let Some(lock) = locks.find(|lock| !lock.is_absolute()) {
            return Err(InvalidExec::Lock(lock.clone()));
        }
        let arguments = arguments.iter().map(|argument| Template::parse(argument));
        Ok(Self {
            program: program.clone(),
            arguments: arguments.collect::<Result<_, _>>()?,
            directory: config.directory.clone().unwrap_or_else(|| PathBuf::from("/")),
            environment: config.environment.clone(),
            lock: config.lock.clone(),
            wait_for: config.wait_for.clone(),
        })
    }

    /// The program and its arguments for these values.
    ///
    /// A value is one argument whatever stands in it, and it never becomes an option: where the
    /// template does not begin with `-`, what it makes may not either.
    ///
    /// # Errors
    ///
    /// Why the program must not be given these values.
    pub fn command(&self, values: &Json) -> Result<Vec<String>, String> {
        let mut command = vec![self.program.clone()];
        for template in &self.arguments {
            let argument = template.fill(values).map_err(|error| error.to_string())?;
            if argument.starts_with('-') && !template.source().starts_with('-') {
                let (source, argument) = (template.source(), shown(&argument));
                return Err(format!("{source:?} would become an option, {argument}"));
            }
            command.push(argument);
        }
        Ok(command)
    }

    pub(super) async fn run(&self, order: Order) -> Ended {
        let command = match self.command(&order.values) {
            Ok(command) => command,
            Err(reason) => return ended(Outcome::Refused(reason), Vec::new()),
        };
        let _held = match self.take_lock() {
            Ok(held) => held,
            Err(Busy::Held(reason)) => return ended(Outcome::Held(reason), Vec::new()),
            Err(Busy::Unusable(reason)) => return ended(Outcome::Failed(reason), Vec::new()),
        };
        match self.start(command, &order).await {
            Ok((supervised, pipes)) => attend(supervised, pipes, &order).await,
            Err(error) => {
                let reason = format!("could not run {}: {error}", self.program);
                ended(Outcome::Failed(reason), Vec::new())
            }
        }
    }

    /// Nobody waits here: a run that cannot begin makes room for others.
    fn take_lock(&self) -> Result<Option<RecordLock>, Busy> {
        for path in &self.wait_for {
            record_lock::look(path)?;
        }
        self.lock.as_deref().map(RecordLock::take).transpose()
    }

    async fn start(&self, command: Vec<String>, order: &Order) -> io::Result<(Supervised, Pipes)> {
        let ours = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let mut environment = BTreeMap::from([ours("PATH", path), ours("LANG", "C.UTF-8")]);
        for name in ["HOME", "USER"] {
            environment.extend(std::env::var(name).map(|value| ours(name, &value)));
        }
        environment.extend(self.environment.clone());
        for (variable, member) in [
            ("LK_RULE", "rule"),
            (leftover::RUN, "run"),
            ("LK_ATTEMPT", "attempt"),
            ("LK_COUNT", "count"),
        ] {
            let value = order.values.get(member).map(plain).unwrap_or_default();
            environment.insert(variable.to_owned(), value);
        }
        let ledger = order.data_dir.to_string_lossy();
        environment.insert(leftover::LEDGER.to_owned(), ledger.into_owned());
        let marks = [leftover::LEDGER, leftover::RUN];
        let commission = Commission { command, environment };
        Supervised::start(&order.keeper, &commission, &self.directory, marks).await
    }
}

/// Enough of an argument to know it by; the rest would fill the ledger.
fn shown(argument: &str) -> String {
    const LONGEST: usize = 200;
    let start: String = argument.chars().take(LONGEST).collect();
    if start.len() < argument.len() { format!("{start:?}…") } else { format!("{start:?}") }
}

/// Numbers and checked names alone go to the environment; what events say comes by stdin.
fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn ended(outcome: Outcome, output: Vec<u8>) -> Ended {
    Ended { outcome, output }
}

#[cfg(test)]
mod tests;
