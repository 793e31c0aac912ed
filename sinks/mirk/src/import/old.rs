//! The old configuration, as Laniakea's Mirk reads it.

use toml::{Table, Value};

use super::{ImportError, shown};
use crate::config::RoomName;

/// What is in the file. The password is not.
#[derive(Debug)]
pub(super) struct Old {
    pub(super) host: String,
    pub(super) username: String,
    pub(super) shows_unsigned: bool,
    pub(super) dashboard: String,
    pub(super) packages: String,
    /// In HTML.
    pub(super) prefix: String,
    pub(super) rooms: Vec<OldRoom>,
    /// Keys that mean nothing to it.
    pub(super) unknown: Vec<String>,
}

/// A room; without rules it gets everything.
#[derive(Debug)]
pub(super) struct OldRoom {
    pub(super) name: RoomName,
    pub(super) rules: Vec<OldRule>,
}

/// A rule: each key with what it may be.
#[derive(Debug)]
pub(super) struct OldRule(pub(super) Vec<(String, Vec<Wanted>)>);

/// One of the values that a key may have.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Wanted {
    /// A pattern.
    Text(String),
    /// A number or a boolean, which Mirk never compares.
    Other(Value),
}

impl Old {
    pub(super) fn parse(text: &str) -> Result<Self, ImportError> {
        let mut table: Table = text.parse().map_err(|error| syntax(text, &error))?;
        let host = needed(&mut table, "Host", "name the homeserver, such as https://example.org")?;
        let username =
            needed(&mut table, "Username", "name the account, such as @mirk:example.org")?;
        table.remove("Password");
        let shows_unsigned = truth(&mut table, "AllowUnsigned")?;
        let dashboard = text_of(&mut table, "WebViewUrl")?;
        let packages = text_of(&mut table, "WebSWViewUrl")?;
        let prefix = text_of(&mut table, "MessagePrefix")?;
        let mut unknown = Vec::new();
        let rooms = rooms(table.remove("Rooms"), &mut unknown)?;
        unknown.extend(table.into_iter().map(|(key, _)| key));
        Ok(Self { host, username, shows_unsigned, dashboard, packages, prefix, rooms, unknown })
    }
}

fn syntax(text: &str, error: &toml::de::Error) -> ImportError {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    ImportError::Syntax { line: before.matches('\n').count() + 1, problem: shown(error.message()) }
}

fn needed(
    table: &mut Table,
    key: &'static str,
    remedy: &'static str,
) -> Result<String, ImportError> {
    let text = text_of(table, key)?;
    if text.is_empty() { Err(ImportError::Missing { key, remedy }) } else { Ok(text) }
}

/// A text; empty if there is none.
fn text_of(table: &mut Table, key: &str) -> Result<String, ImportError> {
    match table.remove(key) {
        None | Some(Value::Boolean(false)) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text),
        Some(other) => Err(ImportError::new(key, is_wrong(&other, "a text in quotes"))),
    }
}

fn truth(table: &mut Table, key: &str) -> Result<bool, ImportError> {
    match table.remove(key) {
        None => Ok(false),
        Some(Value::Boolean(truth)) => Ok(truth),
        Some(other) => Err(ImportError::new(key, is_wrong(&other, "true or false"))),
    }
}

fn is_wrong(found: &Value, wanted: &str) -> String {
    format!("it is a value of type {}; write {wanted}", found.type_str())
}

fn rooms(value: Option<Value>, unknown: &mut Vec<String>) -> Result<Vec<OldRoom>, ImportError> {
    let table = match value {
        Some(Value::Table(table)) if !table.is_empty() => table,
        None | Some(Value::Table(_)) => {
            return Err(ImportError::Missing {
                key: "Rooms",
                remedy: "give each room a table, such as [Rooms.\"!archive:example.org\"]",
            });
        }
        Some(other) => {
            let problem = is_wrong(&other, "a table for each room");
            return Err(ImportError::new("Rooms", problem));
        }
    };
    table.into_iter().map(|(name, value)| room(name, value, unknown)).collect()
}

fn room(name: String, value: Value, unknown: &mut Vec<String>) -> Result<OldRoom, ImportError> {
    let place = format!("Rooms.\"{}\"", shown(&name));
    let name = RoomName::try_from(name).map_err(|_| {
        let problem = "it is no room: write an id such as \"!archive:example.org\", or an alias, \
                       which begins with \"#\"";
        ImportError::new(place.as_str(), problem)
    })?;
    let mut table = match value {
        Value::Table(table) => table,
        other => return Err(ImportError::new(place, is_wrong(&other, "a table"))),
    };
    let filter = table.remove("Filter");
    unknown.extend(table.into_iter().map(|(key, _)| format!("{place}.{key}")));
    let place = format!("{place}.Filter");
    let rules = match filter {
        None => Vec::new(),
        Some(Value::Array(rules)) => rules,
        Some(Value::Table(table)) if table.is_empty() => Vec::new(),
        Some(other) => {
            let problem = is_wrong(&other, "a list of tables, in [[ ]]");
            return Err(ImportError::new(place, problem));
        }
    };
    let numbered = (1..).zip(rules);
    let rules = numbered.map(|(number, value)| rule(&format!("{place}, rule {number}"), value));
    Ok(OldRoom { name, rules: rules.collect::<Result<_, _>>()? })
}

fn rule(place: &str, value: Value) -> Result<OldRule, ImportError> {
    let table = match value {
        Value::Table(table) => table,
        other => return Err(ImportError::new(place, is_wrong(&other, "a table"))),
    };
    let keys = table.into_iter().map(|(key, value)| {
        let place = format!("{place}, key \"{}\"", shown(&key));
        let wanted = match value {
            Value::Array(items) => items.into_iter().map(|item| wanted(&place, item)).collect(),
            single => wanted(&place, single).map(|wanted| vec![wanted]),
        };
        Ok((key, wanted?))
    });
    keys.collect::<Result<_, _>>().map(OldRule)
}

fn wanted(place: &str, value: Value) -> Result<Wanted, ImportError> {
    match value {
        Value::String(text) => Ok(Wanted::Text(text)),
        Value::Boolean(_) | Value::Integer(_) => Ok(Wanted::Other(value)),
        Value::Float(number) if number.is_finite() => Ok(Wanted::Other(value)),
        other => Err(ImportError::new(place, is_wrong(&other, "a pattern, or a list of patterns"))),
    }
}
