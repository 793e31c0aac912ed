//! The text of a key file: sections, and under them `name = "value"` indented by four spaces.

use std::collections::BTreeMap;

use super::{KeyFile, MalformedKeyFile};

/// The entries of a key file as `section/name`.
pub(super) struct Entries<'a>(BTreeMap<String, &'a str>);

impl<'a> Entries<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, MalformedKeyFile> {
        let mut entries = BTreeMap::new();
        let mut section = "";
        for (number, line) in (1..).zip(text.lines()) {
            let content = line.trim();
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            if !line.starts_with([' ', '\t']) {
                section = content;
                continue;
            }
            let (name, value) = content.split_once('=').ok_or(MalformedKeyFile::Line(number))?;
            let value = value
                .trim()
                .strip_prefix('"')
                .and_then(|value| value.strip_suffix('"'))
                .ok_or(MalformedKeyFile::Line(number))?;
            if entries.insert(format!("{section}/{}", name.trim()), value).is_some() {
                return Err(MalformedKeyFile::Repeated(number));
            }
        }
        Ok(Self(entries))
    }

    pub(super) fn required(&self, name: &'static str) -> Result<&'a str, MalformedKeyFile> {
        self.optional(name).ok_or(MalformedKeyFile::Missing(name))
    }

    pub(super) fn optional(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).copied()
    }

    pub(super) fn text(&self, name: &str) -> String {
        self.optional(name).unwrap_or_default().to_owned()
    }
}

/// Which half of a key a text holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    Public,
    Secret,
}

pub(super) fn write(file: &KeyFile, half: Half) -> String {
    let mut text = String::from(match half {
        Half::Public => {
            "# Public key of an event stream module.\n# Check its fingerprint over another channel before you trust it.\n\n"
        }
        Half::Secret => {
            "# SECRET key of an event stream module. Keep it on its machine, with mode 0600.\n\n"
        }
    });
    let metadata = &file.metadata;
    text.push_str("metadata\n");
    push(&mut text, "id", file.signer.as_str());
    push(&mut text, "name", &metadata.name);
    push(&mut text, "email", &metadata.email);
    push(&mut text, "organization", &metadata.organization);
    push(&mut text, "date-created", &metadata.date_created);
    text.push_str("curve\n");
    let curve = file.curve.as_ref();
    push(&mut text, "public-key", curve.map_or("", |curve| &curve.public));
    if half == Half::Secret {
        push(
            &mut text,
            "secret-key",
            curve.and_then(|curve| curve.secret.as_deref()).unwrap_or(""),
        );
    }
    text.push_str("ed\n");
    push(&mut text, "verify-key", &file.verify_key.to_base64());
    if let (Half::Secret, Some(key)) = (half, &file.signing_key) {
        push(&mut text, "signing-key", &key.seed_to_base64());
    }
    if file.key_id.as_str() != "0" {
        push(&mut text, "key-id", file.key_id.as_str());
    }
    text
}

/// Appends one entry; what would break the line or its quotes is left out.
fn push(text: &mut String, name: &str, value: &str) {
    let value: String =
        value.chars().filter(|character| !character.is_control() && *character != '"').collect();
    text.extend(["    ", name, " = \"", &value, "\"\n"]);
}
