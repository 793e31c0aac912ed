//! A mail, made of a batch.

use lettre::{
    Address, Message,
    message::{
        Body, Mailbox, MultiPart, SinglePart,
        header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue},
    },
};
use serde_json::Value as Json;

use super::{Mail, header, thread};

/// One mail has no more recipients.
const MAX_RECIPIENTS: usize = 100;

/// A mail, ready to be sent.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) message: Message,
    to: Vec<Address>,
    subject: String,
    id: String,
}

impl Letter {
    /// To whom it goes and what it is about.
    pub(super) fn describe(&self) -> String {
        let to: Vec<&str> = self.to.iter().map(AsRef::as_ref).collect();
        format!("{:?} to {}, {}", self.subject, to.join(", "), self.id)
    }
}

/// The mail for these values.
///
/// # Errors
///
/// Why there must be none.
pub(super) fn compose(mail: &Mail, values: &Json) -> Result<Letter, String> {
    let mailer = &mail.mailer;
    let to = recipients(mail, values)?;
    let fill = |what: &str, template: &crate::rules::Template| {
        let filled = template.fill(values).map_err(|error| error.to_string())?;
        header::value(what, &filled)
    };
    let subject = fill("the subject", &mail.subject)?;
    let id = thread::message_id(values, mailer.domain());
    let mut message = Message::builder()
        .from(mailer.from().clone())
        .subject(subject.clone())
        .message_id(Some(id.clone()));
    for address in &to {
        message = message.to(Mailbox::new(None, address.clone()));
    }
    let rule = values.get("rule").and_then(Json::as_str).unwrap_or_default();
    let about = match &mail.thread {
        Some(template) => template.fill(values).map_err(|error| error.to_string())?,
        None => values.get("key").and_then(Json::as_str).unwrap_or_default().to_owned(),
    };
    if !about.is_empty() {
        let thread = thread::thread_id(rule, &about, mailer.domain());
        message = message.in_reply_to(thread.clone()).references(thread);
    }
    // No vacation notice is to answer this, RFC 3834.
    let precedence = if mail.list_id.is_some() { "list" } else { "bulk" };
    let mut headers = vec![
        ("Auto-Submitted".to_owned(), "auto-generated".to_owned()),
        ("Precedence".to_owned(), precedence.to_owned()),
        ("X-Keeper-Rule".to_owned(), rule.to_owned()),
    ];
    headers.extend(mail.list_id.iter().map(|id| ("List-Id".to_owned(), id.clone())));
    for (name, template) in &mail.headers {
        headers.push((name.clone(), fill(name, template)?));
    }
    for (name, value) in headers {
        let name = HeaderName::new_from_ascii(name).map_err(|error| error.to_string())?;
        message = message.raw_header(HeaderValue::new(name, value));
    }
    let text = part(ContentType::TEXT_PLAIN, mail.text.fill(values)?)?;
    let message = match &mail.html {
        None => message.singlepart(text),
        Some(html) => {
            let html = part(ContentType::TEXT_HTML, html.fill(values)?)?;
            message.multipart(MultiPart::alternative().singlepart(text).singlepart(html))
        }
    };
    let message = message.map_err(|error| format!("no mail can be made of it: {error}"))?;
    Ok(Letter { message, to, subject, id })
}

/// As it is where its letters and lines allow that, or else so that it can still be read without a
/// mail program.
fn part(kind: ContentType, text: String) -> Result<SinglePart, String> {
    let body = Body::new_with_encoding(text, ContentTransferEncoding::SevenBit).or_else(|text| {
        // What is given back is the text.
        let text = String::from_utf8_lossy(&text).into_owned();
        Body::new_with_encoding(text, ContentTransferEncoding::QuotedPrintable)
    });
    let body = body.map_err(|_| "the text cannot be encoded".to_owned())?;
    Ok(SinglePart::builder().header(kind).body(body))
}

fn recipients(mail: &Mail, values: &Json) -> Result<Vec<Address>, String> {
    let mut to: Vec<Address> = Vec::new();
    for recipient in &mail.to {
        match recipient.address(values, &mail.mailer)? {
            Some(address) if !to.contains(&address) => to.push(address),
            _ => {}
        }
    }
    if to.is_empty() {
        return Err("nobody is to get it: every template in mail.to made nothing".to_owned());
    }
    if to.len() > MAX_RECIPIENTS {
        return Err(format!("it would go to more than {MAX_RECIPIENTS} addresses"));
    }
    Ok(to)
}
