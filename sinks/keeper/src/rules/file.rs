//! A file of rules, as it is written.

use std::{ops::Range, time::Duration};

use laniakea_daemon::Age;
use laniakea_event::SignerId;
use serde::Deserialize;
use toml::{Spanned, Table, Value};

use super::{Rule, Template};
use crate::{
    action::{Action, EmitConfig, ExecConfig, MailConfig, Means, WebhookConfig},
    schedule::Timing,
};

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RulesFile {
    #[serde(default, rename = "rule")]
    pub(super) rules: Vec<RuleConfig>,
}

/// One `[[rule]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleConfig {
    pub(super) name: Spanned<String>,
    on: Spanned<Value>,
    #[serde(default)]
    facets: Option<Table>,
    #[serde(default)]
    data: Option<Table>,
    #[serde(default)]
    severity: Option<Value>,
    #[serde(default, rename = "where")]
    expression: Option<Spanned<Value>>,
    #[serde(default)]
    signed_by: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    key: Option<Spanned<String>>,
    #[serde(default)]
    debounce: Option<Age>,
    #[serde(default)]
    max_wait: Option<Age>,
    #[serde(default)]
    once_within: Option<Age>,
    #[serde(default = "one")]
    concurrency: Spanned<usize>,
    #[serde(default = "one")]
    concurrency_per_key: Spanned<usize>,
    #[serde(default)]
    timeout: Option<Age>,
    #[serde(default)]
    retries: u32,
    #[serde(default)]
    pause: Option<Age>,
    #[serde(default)]
    on_unknown_outcome: UnknownOutcome,
    #[serde(default)]
    catch_up: CatchUp,
    #[serde(default)]
    fallback_every: Option<Age>,
    #[serde(default)]
    exec: Option<ExecConfig>,
    #[serde(default)]
    mail: Option<Spanned<MailConfig>>,
    #[serde(default)]
    webhook: Option<Spanned<WebhookConfig>>,
    #[serde(default)]
    emit: Option<Spanned<EmitConfig>>,
}

fn one() -> Spanned<usize> {
    Spanned::new(0..0, 1)
}

/// What a run whose end nobody knows means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnknownOutcome {
    /// Run it again.
    Retry,
    /// Note it and go on.
    Skip,
    /// Note it as failed, so that somebody looks.
    #[default]
    Alert,
}

/// What happens to the events of a time in which keeper was down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CatchUp {
    /// All of them count.
    #[default]
    All,
    /// The latest one of each key counts.
    Latest,
    /// None does.
    None,
}

/// Something wrong, at these bytes of the file.
pub(super) type Wrong = (Range<usize>, String);

const LONGEST_NAME: usize = 64;

impl RuleConfig {
    /// Checks what the file's format cannot express.
    pub(super) fn check(self, means: &Means) -> Result<Rule, Wrong> {
        let here = self.name.span();
        let wrong = |what: String| (here.clone(), what);
        let name = check_name(&self.name)?;
        let filter = self.filter()?;
        let limit = |age: Option<Age>, default: Duration| age.map_or(Some(default), Age::limit);
        let debounce = limit(self.debounce, Duration::ZERO)
            .ok_or_else(|| wrong("debounce cannot be unlimited".to_owned()))?;
        let max_wait = self.max_wait.and_then(Age::limit);
        if max_wait.is_some_and(|max_wait| max_wait < debounce) {
            return Err(wrong("max_wait is shorter than debounce".to_owned()));
        }
        let once_within = limit(self.once_within, Duration::ZERO)
            .ok_or_else(|| wrong("once_within cannot be unlimited".to_owned()))?;
        for concurrency in [&self.concurrency, &self.concurrency_per_key] {
            if *concurrency.get_ref() == 0 {
                return Err((concurrency.span(), "0 would mean never".to_owned()));
            }
        }
        let fallback_every = self.fallback_every.and_then(Age::limit);
        if fallback_every == Some(Duration::ZERO) {
            return Err(wrong("fallback_every = \"0s\" would mean always".to_owned()));
        }
        let timing = Timing {
            debounce,
            max_wait,
            once_within,
            per_key: *self.concurrency_per_key.get_ref(),
            concurrency: *self.concurrency.get_ref(),
            fallback_every,
        };
        let action = self.action(means)?;
        let signed_by = self.signed_by.map(|signers| signers.iter().map(signer).collect());
        let key = self.key.as_ref().map(|key| {
            Template::parse(key.get_ref()).map_err(|error| (key.span(), error.to_string()))
        });
        Ok(Rule {
            filter,
            signed_by: signed_by.transpose()?,
            key: key.transpose()?,
            timing,
            timeout: limit(self.timeout, Duration::from_hours(1)).unwrap_or(Duration::MAX),
            retries: self.retries,
            pause: limit(self.pause, Duration::from_secs(10)).unwrap_or(Duration::MAX),
            on_unknown_outcome: self.on_unknown_outcome,
            catch_up: self.catch_up,
            action,
            prefixes: prefixes(self.on.get_ref()),
            name,
        })
    }

    /// The one thing to do.
    fn action(&self, means: &Means) -> Result<Action, Wrong> {
        const KINDS: &str = "exec, mail, webhook or emit";
        let here = self.name.span();
        let mut actions = Vec::new();
        if let Some(exec) = &self.exec {
            actions.push(Action::exec(exec).map_err(|error| (here.clone(), error.to_string())));
        }
        if let Some(mail) = &self.mail {
            let action = Action::mail(mail.get_ref(), means);
            actions.push(action.map_err(|error| (mail.span(), error.to_string())));
        }
        if let Some(webhook) = &self.webhook {
            let action = Action::webhook(webhook.get_ref());
            actions.push(action.map_err(|error| (webhook.span(), error.to_string())));
        }
        if let Some(emit) = &self.emit {
            let action = Action::emit(emit.get_ref());
            actions.push(action.map_err(|error| (emit.span(), error.to_string())));
        }
        let count = actions.len();
        match actions.pop().filter(|_| count == 1) {
            Some(action) => action,
            None if count == 0 => Err((here, format!("the rule does nothing: it needs {KINDS}"))),
            None => Err((here, format!("a rule does one thing, not {count}: {KINDS}"))),
        }
    }

    fn filter(&self) -> Result<laniakea_filter::Rule, Wrong> {
        let mut table = Table::new();
        table.insert("id".to_owned(), self.on.get_ref().clone());
        let parts = [
            ("facets", self.facets.clone().map(Value::Table)),
            ("data", self.data.clone().map(Value::Table)),
            ("severity", self.severity.clone()),
        ];
        for (name, value) in parts {
            table.extend(value.map(|value| (name.to_owned(), value)));
        }
        let parse = |table: Table, at: Range<usize>| {
            let parsed = laniakea_filter::Rule::deserialize(table);
            parsed.map_err(|error| (at, error.message().to_owned()))
        };
        let plain = parse(table.clone(), self.on.span())?;
        let Some(expression) = &self.expression else { return Ok(plain) };
        table.insert("where".to_owned(), expression.get_ref().clone());
        parse(table, expression.span())
    }
}

/// How the ids that the patterns mean begin; an id itself where there is no pattern in it.
fn prefixes(on: &Value) -> Vec<String> {
    let fixed = |pattern: &str| {
        pattern.split(['*', '?', '[', ']', '{', '}', '\\']).next().unwrap_or_default().to_owned()
    };
    match on {
        Value::String(pattern) => vec![fixed(pattern)],
        Value::Array(patterns) => patterns.iter().filter_map(Value::as_str).map(fixed).collect(),
        // No pattern means every id.
        _ => vec![String::new()],
    }
}

fn check_name(name: &Spanned<String>) -> Result<String, Wrong> {
    let text = name.get_ref();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let is_name = !text.is_empty() && text.len() <= LONGEST_NAME && text.bytes().all(is_plain);
    if !is_name || text.starts_with(['.', '-']) {
        let what = format!(
            "a rule's name is 1 to {LONGEST_NAME} letters, digits, `-`, `_` and `.`, and begins with \
             none of the last three"
        );
        return Err((name.span(), what));
    }
    Ok(text.clone())
}

fn signer(text: &Spanned<String>) -> Result<SignerId, Wrong> {
    SignerId::parse(text.get_ref()).map_err(|error| (text.span(), error.to_string()))
}
