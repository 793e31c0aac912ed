//! To whom a mail goes.

use lettre::Address;
use serde_json::Value as Json;

use super::{InvalidMail, Mailer};
use crate::rules::Template;

/// The longest address that there can be, RFC 5321.
const LONGEST: usize = 254;

/// An address, or a template that makes one of a batch.
#[derive(Debug, Clone)]
pub(super) struct Recipient(Template);

impl Recipient {
    /// Addresses that stand in the rule are checked at once, those that events name when they come.
    pub(super) fn parse(text: &str, mailer: &Mailer) -> Result<Self, InvalidMail> {
        let template = Template::parse(text)?;
        if !text.contains("{{") && !text.contains("{%") {
            check(text, mailer).map_err(InvalidMail::Recipient)?;
        }
        Ok(Self(template))
    }

    /// The address; none where the template makes nothing.
    pub(super) fn address(
        &self,
        values: &Json,
        mailer: &Mailer,
    ) -> Result<Option<Address>, String> {
        let text = self.0.fill(values).map_err(|error| error.to_string())?;
        if text.is_empty() { Ok(None) } else { check(&text, mailer).map(Some) }
    }
}

/// Only plain addresses are let through: what servers take apart in ways of their own (quotes,
/// routes such as `a%b@c`) would slip past patterns.
fn check(text: &str, mailer: &Mailer) -> Result<Address, String> {
    let shown = || text.chars().take(80).collect::<String>();
    let wrong = |why: &str| format!("{:?} {why}", shown());
    if text.len() > LONGEST {
        return Err(wrong("is longer than 254 bytes, so it is no address"));
    }
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || b"@.!#$&'*+-/=?^_`{|}~".contains(&byte);
    if !text.bytes().all(is_plain) || text.contains('!') {
        return Err(wrong("is no plain address"));
    }
    let address: Address = text.parse().map_err(|_| wrong("is no address"))?;
    if !mailer.allows(&text.to_ascii_lowercase()) {
        return Err(wrong("is not among those that mail.allow lets mails go to"));
    }
    Ok(address)
}
