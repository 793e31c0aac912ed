//! What a run does.

mod batch_file;
mod emit;
mod exec;
mod leftover;
mod mail;
mod output;
mod systemd;
mod webhook;

use std::{path::PathBuf, sync::Arc, time::Duration};

use serde_json::Value as Json;

pub use self::{
    batch_file::BatchFile,
    emit::{Emission, Emit, EmitConfig, InvalidEmit},
    exec::{Exec, ExecConfig, InvalidExec},
    leftover::end_leftovers,
    mail::{InvalidMail, InvalidMailer, Mail, MailConfig, Mailer},
    output::Output,
    systemd::{InvalidSystemd, Systemd, SystemdConfig},
    webhook::{
        InvalidAuthority, InvalidSecret, InvalidUrl, InvalidWebhook, Webhook, WebhookConfig,
    },
};

use crate::config::Config;

/// An action, checked.
#[derive(Debug, Clone)]
pub enum Action {
    /// A program.
    Exec(Exec),
    /// A mail.
    Mail(Box<Mail>),
    /// Somebody who is told by HTTP.
    Webhook(Webhook),
    /// Another event.
    Emit(Emit),
    /// A unit.
    Systemd(Systemd),
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
    /// Where keeper's files are.
    pub data_dir: PathBuf,
    /// Keeper's own program, which supervises others.
    pub keeper: PathBuf,
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
    /// As [`Self::Failed`], and there is no use in trying again before so much time has passed.
    Later {
        /// What was wrong.
        problem: String,
        /// How long to wait at least.
        pause: Duration,
    },
    /// Well, once this event is in the outbox.
    Emits(Box<Emission>),
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

    /// Somebody who is told by HTTP.
    ///
    /// # Errors
    ///
    /// See [`InvalidWebhook`].
    pub fn webhook(config: &WebhookConfig) -> Result<Self, InvalidWebhook> {
        Webhook::new(config).map(Self::Webhook)
    }

    /// Another event.
    ///
    /// # Errors
    ///
    /// See [`InvalidEmit`].
    pub fn emit(config: &EmitConfig) -> Result<Self, InvalidEmit> {
        Emit::new(config).map(Self::Emit)
    }

    /// A unit.
    ///
    /// # Errors
    ///
    /// See [`InvalidSystemd`].
    pub fn systemd(config: &SystemdConfig) -> Result<Self, InvalidSystemd> {
        Systemd::new(config).map(Self::Systemd)
    }

    /// Whether it needs a key of keeper's own.
    pub fn needs_identity(&self) -> bool {
        matches!(self, Self::Emit(_))
    }

    /// Whether a run that was at work when keeper ended has surely done nothing: what it does is
    /// part of the transaction that ends it.
    pub fn is_undone_by_a_crash(&self) -> bool {
        matches!(self, Self::Emit(_))
    }

    /// Does it.
    pub async fn run(&self, order: Order) -> Ended {
        match self {
            Self::Exec(exec) => exec.run(order).await,
            Self::Mail(mail) => mail.run(order).await,
            Self::Webhook(webhook) => webhook.run(order).await,
            Self::Emit(emit) => emit.run(&order.values),
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
            Self::Mail(mail) => mail.describe(values),
            Self::Webhook(webhook) => match webhook.url(values) {
                Ok(url) => format!("POST {url}"),
                Err(reason) => format!("refused: {reason}"),
            },
            Self::Emit(emit) => match emit.emission(values) {
                Ok(emission) => format!("emit {}", emit::describe(&emission)),
                Err(reason) => format!("refused: {reason}"),
            },
            Self::Systemd(systemd) => systemd.describe(),
        }
    }
}
