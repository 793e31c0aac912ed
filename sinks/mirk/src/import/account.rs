//! Whose account it is, and where.

use matrix_sdk::ruma::UserId;

use super::{ImportError, old::Old, shown};

/// The account as we name it.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) homeserver: String,
    pub(super) user: String,
}

impl Account {
    pub(super) fn new(old: &Old, notes: &mut Vec<String>) -> Result<Self, ImportError> {
        let (homeserver, host) = homeserver(&old.host, notes)?;
        let user = user(&old.username, &host, notes)?;
        Ok(Self { homeserver, user })
    }
}

/// The homeserver's address, and the host in it.
fn homeserver(text: &str, notes: &mut Vec<String>) -> Result<(String, String), ImportError> {
    let stripped = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let rest = stripped.unwrap_or(text);
    let host = rest.split('/').next().unwrap_or_default();
    let is_plain = rest.bytes().all(|byte| byte.is_ascii_graphic());
    if host.is_empty() || !is_plain || rest.contains("://") {
        let problem = "it is no address: write https:// and the homeserver's name";
        return Err(ImportError::new("Host", problem));
    }
    let host = host.to_owned();
    if stripped.is_some() {
        return Ok((text.to_owned(), host));
    }
    notes.push(format!("Host had no scheme; matrix.homeserver is https://{}", shown(text)));
    Ok((format!("https://{text}"), host))
}

/// The MXID, made of name and host where the old file had the name alone.
fn user(text: &str, host: &str, notes: &mut Vec<String>) -> Result<String, ImportError> {
    if text.starts_with('@') && UserId::parse(text).is_ok() {
        return Ok(text.to_owned());
    }
    let name = text.strip_prefix('@').unwrap_or(text);
    let made = format!("@{name}:{host}");
    // Servers have accepted more than this, which nobody would give a bot.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._=-/+".contains(&byte);
    if !name.bytes().all(is_plain) || name.is_empty() || UserId::parse(made.as_str()).is_err() {
        let problem =
            format!("\"{}\" is no account: write its MXID, such as @mirk:example.org", shown(text));
        return Err(ImportError::new("Username", problem));
    }
    notes.push(format!(
        "Username was no MXID; matrix.user is {} now, which has to be corrected if the homeserver's \
         accounts end in another name",
        shown(&made)
    ));
    Ok(made)
}
