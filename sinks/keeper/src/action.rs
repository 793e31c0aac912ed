//! What a run does.

mod exec;
mod mail;
mod output;

use std::{sync::Arc, time::Duration};

use serde_json::Value as Json;

pub use self::{
    exec::{Exec, ExecConfig, InvalidExec},
    mail::{InvalidMail, InvalidMailer, Mail, MailConfig, Mailer},
    output::Output,
};

use crate::config::Config;

/// An action, checked.
#[derive(Debug, Clone)]
pub enum Action {
    /// A program.
    Exec(Exec),
    /// A mail.
    Mail(Box<Mail>),
}

/// What actions need beyond their rules: what the configuration says once for all of them.
#[derive(Debug, Clone, Default)]
pub struct Means {
    /// Sends mails, where there is a `[mail]`.
    pub mailer: Option<Arc<Mailer>>,
}

impl Means {
    /// Checks what the configuration says, without reading secrets.
    ///
    /// # Errors
    ///
    /// The first thing that cannot be used.
    pub fn new(config: &Config) -> Result<Self, InvalidMailer> {
        let mailer = config.mail.as_ref().map(Mailer::new).transpose()?;
        Ok(Self { mailer: mailer.map(Arc::new) })
    }

    /// Reads the secrets, as it must be possible before anything is run.
    ///
    /// # Errors
    ///
    /// The first one that cannot be used.
    pub fn check(&self) -> Result<(), InvalidMailer> {
        self.mailer.as_ref().map_or(Ok(()), |mailer| mailer.check())
    }
}

/// What an action is given.
#[derive(Debug)]
pub struct Order {
    /// The rule, the run, its key, its events: what templates see, and programs get on stdin.
    pub values: Json,
    /// How long it may take.
    pub timeout: Duration,
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
    /// It did not begin, since somebody else is at it. It will, and no attempt was made.
    Held(String),
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

    /// A mail.
    ///
    /// # Errors
    ///
    /// See [`InvalidMail`].
    pub fn mail(config: &MailConfig, means: &Means) -> Result<Self, InvalidMail> {
        Mail::new(config, means.mailer.as_ref()).map(Box::new).map(Self::Mail)
    }

    /// Does it.
    pub async fn run(&self, order: Order) -> Ended {
        match self {
            Self::Exec(exec) => exec.run(order).await,
            Self::Mail(mail) => mail.run(order).await,
        }
    }

    /// What it would do, in a line.
    pub fn describe(&self, values: &Json) -> String {
        match self {
            Self::Exec(exec) => match exec.command(values) {
                Ok(command) => format!("{command:?}"),
                Err(reason) => format!("refused: {reason}"),
            },
            Self::Mail(mail) => mail.describe(values),
        }
    }
}
