//! `mail`: one mail for the whole batch, handed to a server over SMTP.
//!
//! ```text
//! mail.rs -> mail/compose.rs (mail/recipient.rs, mail/header.rs, mail/text.rs, mail/thread.rs)
//!         -> mail/mailer.rs -> mail/conversation.rs (mail/bounded.rs, mail/encrypted.rs)
//! ```
//!
//! What events say goes into texts, which are encoded, and into headers, where anything that could
//! end one is refused. It chooses recipients only among those that `[mail]` allows.

mod bounded;
mod compose;
mod conversation;
mod encrypted;
mod header;
mod mailer;
mod recipient;
mod text;
mod thread;

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;
use serde_json::Value as Json;

pub use self::mailer::{InvalidMailer, Mailer};
use self::{compose::Letter, recipient::Recipient, text::Text};
use super::{Ended, Order, Outcome};
use crate::rules::{InvalidTemplate, Template};

/// `mail = { … }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailConfig {
    to: Vec<String>,
    subject: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    text_file: Option<String>,
    #[serde(default)]
    html: Option<String>,
    #[serde(default)]
    html_file: Option<String>,
    #[serde(default)]
    list_id: Option<String>,
    #[serde(default)]
    thread: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

/// Mails that a rule sends.
#[derive(Debug, Clone)]
pub struct Mail {
    mailer: Arc<Mailer>,
    to: Vec<Recipient>,
    subject: Template,
    text: Text,
    html: Option<Text>,
    list_id: Option<String>,
    /// What mails are grouped by for their reader; the run's key where the rule does not say.
    thread: Option<Template>,
    /// `X-…: …`
    headers: Vec<(String, Template)>,
}

/// `mail` cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidMail {
    /// Nobody said how mails are sent.
    #[error("mail needs [mail] in the configuration: the server, and to whom mails may go")]
    NoServer,
    /// Nobody would get it.
    #[error("mail.to is empty")]
    NoRecipient,
    /// It may not go there.
    #[error("mail.to: {0}")]
    Recipient(String),
    /// There are two of them.
    #[error("mail.{0} and mail.{0}_file are both there: which one?")]
    TwoTexts(&'static str),
    /// A file of a template.
    #[error("mail.{key}: {problem}")]
    File {
        /// Which one.
        key: &'static str,
        /// Why it cannot be used.
        problem: String,
    },
    /// A header.
    #[error("mail.{key}: {problem}")]
    Header {
        /// Which one.
        key: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A template.
    #[error(transparent)]
    Template(#[from] InvalidTemplate),
}

/// What a mail says where its rule does not: a line an event.
const DEFAULT_TEXT: &str =
    "{% for event in events %}{{ event.time }}  {{ event.summary }}\n{% endfor %}";

impl Mail {
    pub(super) fn new(
        config: &MailConfig,
        mailer: Option<&Arc<Mailer>>,
    ) -> Result<Self, InvalidMail> {
        let mailer = mailer.ok_or(InvalidMail::NoServer)?;
        if config.to.is_empty() {
            return Err(InvalidMail::NoRecipient);
        }
        let directory = mailer.templates_dir();
        let text =
            text::choose("text", config.text.as_ref(), config.text_file.as_ref(), directory)?;
        let html =
            text::choose("html", config.html.as_ref(), config.html_file.as_ref(), directory)?;
        let to = config.to.iter().map(|to| Recipient::parse(to, mailer));
        let headers = config.headers.iter().map(|(name, value)| {
            header::check_name(name)?;
            Ok((name.clone(), Template::parse(value)?))
        });
        Ok(Self {
            to: to.collect::<Result<_, _>>()?,
            subject: Template::parse(&config.subject)?,
            text: text.unwrap_or(Text::plain(DEFAULT_TEXT)?),
            html,
            list_id: config.list_id.as_deref().map(header::list_id).transpose()?,
            thread: config.thread.as_deref().map(Template::parse).transpose()?,
            headers: headers.collect::<Result<_, InvalidMail>>()?,
            mailer: mailer.clone(),
        })
    }

    /// The mail for these values, or why there must be none.
    fn letter(&self, values: &Json) -> Result<Letter, String> {
        compose::compose(self, values)
    }

    pub(super) async fn run(&self, order: Order) -> Ended {
        let letter = match self.letter(&order.values) {
            Ok(letter) => letter,
            Err(reason) => return Ended { outcome: Outcome::Refused(reason), output: Vec::new() },
        };
        let sending = self.mailer.send(&letter.message);
        let (outcome, said) =
            tokio::time::timeout(order.timeout, sending).await.unwrap_or_else(|_| {
                let seconds = order.timeout.as_secs_f32();
                (Outcome::Failed(format!("it took longer than {seconds} s")), String::new())
            });
        let mut output = letter.describe();
        if !said.is_empty() {
            output = format!("{output}\n{said}");
        }
        Ended { outcome, output: output.into_bytes() }
    }

    pub(super) fn describe(&self, values: &Json) -> String {
        match self.letter(values) {
            Ok(letter) => format!("mail: {}", letter.describe()),
            Err(reason) => format!("refused: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests;
