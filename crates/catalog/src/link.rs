//! Links to the pages where a person reads on.
//!
//! The catalogue knows paths, a site's configuration knows hosts: a link is a *base* that the
//! configuration names and a path whose `{field}` segments are filled from the event. Data can
//! fill a segment but never leave it, so a link points below its base or does not exist.

use std::collections::BTreeMap;

use minijinja::Value;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use crate::conform::exact_text;
use crate::entry::Entry;

/// What may stand in a path segment as it is: RFC 3986's unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The longest value that a link is made of, in bytes.
const MAX_VALUE_BYTES: usize = 255;

/// One link of one event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// What it leads to, in a word or two.
    pub label: String,
    /// Where it leads: printable ASCII without quotes or angle brackets.
    pub url: String,
}

/// The URLs below which links lead, by the names that the catalogue gives them.
///
/// In configuration a table such as `{ dashboard = "https://builds.example.org" }`. Links to a
/// base that is not in it are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>")]
pub struct LinkBases(BTreeMap<String, String>);

/// A base that is no URL to build links on.
#[derive(Debug, thiserror::Error)]
#[error("link base {name} is not a plain http or https URL: {url:?}")]
pub struct InvalidBase {
    name: String,
    url: String,
}

impl LinkBases {
    /// Takes the bases from configuration.
    ///
    /// # Errors
    ///
    /// A base that is not `http://` or `https://` with a host, or that holds a query, a fragment,
    /// quotes, angle brackets, white space or anything outside ASCII.
    pub fn new(bases: BTreeMap<String, String>) -> Result<Self, InvalidBase> {
        match bases.iter().find(|(_, url)| !is_plain_url(url)) {
            Some((name, url)) => Err(InvalidBase { name: name.clone(), url: url.clone() }),
            None => Ok(Self(bases)),
        }
    }
}

impl TryFrom<BTreeMap<String, String>> for LinkBases {
    type Error = InvalidBase;

    fn try_from(bases: BTreeMap<String, String>) -> Result<Self, InvalidBase> {
        Self::new(bases)
    }
}

fn is_plain_url(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !br#""'<>\^`{|}?#"#.contains(&byte);
    rest.is_some_and(|rest| {
        rest.bytes().all(is_plain) && rest.starts_with(|first: char| first != '/')
    })
}

/// A link as the catalogue describes it.
#[derive(Clone, Debug)]
pub(crate) struct LinkTemplate {
    label: String,
    base: String,
    path: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Field(String),
}

impl LinkTemplate {
    /// Reads a path such as `package/{name}`; nothing if it is not of that form.
    pub(crate) fn parse(label: String, base: String, path: &str) -> Option<Self> {
        let path = path.split('/').map(Segment::parse).collect::<Option<_>>()?;
        Some(Self { label, base, path })
    }

    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// The fields that the path is filled from.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &str> {
        self.path.iter().filter_map(|segment| match segment {
            Segment::Field(name) => Some(name.as_str()),
            Segment::Literal(_) => None,
        })
    }

    /// The link for this data, if there is a base and every field has a usable value.
    pub(crate) fn fill(&self, entry: &Entry, data: &Value, bases: &LinkBases) -> Option<Link> {
        let mut url = bases.0.get(&self.base)?.trim_end_matches('/').to_owned();
        for segment in &self.path {
            url.push('/');
            url.push_str(&segment.fill(entry, data)?);
        }
        let label = self.label.clone();
        Some(Link { label, url })
    }
}

impl Segment {
    fn parse(segment: &str) -> Option<Self> {
        let field = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let (text, parsed) = match field {
            Some(name) => (name, Self::Field(name.to_owned())),
            None => (segment, Self::Literal(segment.to_owned())),
        };
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        (!text.is_empty() && text.bytes().all(is_plain)).then_some(parsed)
    }

    fn fill(&self, entry: &Entry, data: &Value) -> Option<String> {
        match self {
            Self::Literal(text) => Some(text.clone()),
            Self::Field(name) => {
                let value = exact_text(entry.field(name)?, data)?;
                is_segment(&value).then(|| utf8_percent_encode(&value, ENCODED).to_string())
            }
        }
    }
}

/// Whether a value may be a path segment. Dots alone are not: browsers take `.` and `..` for
/// steps in the path even when they are percent-encoded.
fn is_segment(value: &str) -> bool {
    value.len() <= MAX_VALUE_BYTES
        && !value.bytes().all(|byte| byte == b'.')
        && !value.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(url: &str) -> Result<LinkBases, InvalidBase> {
        LinkBases::new(BTreeMap::from([("x".to_owned(), url.to_owned())]))
    }

    #[test]
    fn a_base_is_an_http_url_with_a_host() {
        for url in ["https://builds.example.org", "http://[::1]:8080/a/b/"] {
            assert!(base(url).is_ok(), "{url}");
        }
        for url in [
            "builds.example.org",
            "javascript:alert(1)",
            "https://",
            "https:///path",
            "https://a b",
            "https://a/?q=",
            "https://a/#f",
            "https://a/\"onclick=",
            "https://a/<b>",
            "https://ä.example.org",
            "https://a\n",
        ] {
            assert!(base(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_path_is_made_of_plain_segments_and_whole_fields() {
        let parse = |path| LinkTemplate::parse(String::new(), String::new(), path);
        assert!(parse("jobs/job/{job_id}").is_some());
        for path in ["", "/jobs", "a//b", "job-{id}", "{}", "a?b={id}", "../{id}", "{a b}"] {
            assert!(parse(path).is_none(), "{path}");
        }
    }

    #[test]
    fn dots_control_characters_and_long_values_make_no_segment() {
        assert!(is_segment("1:2.0~rc1+b1/x"));
        for value in ["", ".", "..", "a\nb", "a\0", &"x".repeat(256)] {
            assert!(!is_segment(value), "{value:?}");
        }
    }
}
