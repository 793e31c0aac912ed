//! Addresses into which values are put so that they stay where they are put.

use laniakea_catalog::has_at_most;
use minijinja::{
    Environment, ErrorKind, UndefinedBehavior,
    value::{Serde, Value},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use serde_json::Value as Json;
use std::{
    io::Write as _,
    sync::{Arc, LazyLock},
};
use url::Url;

use crate::bounded::Bounded;

/// All but the unreserved characters of RFC 3986.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Longer addresses are refused by servers.
const MAX_BYTES: usize = 8 << 10;
/// As little as a key has: nothing in an address is long, and none of it is nested deep.
const FUEL: u64 = 5_000;

/// An `http:` or `https:` address whose server is fixed and whose path and query may hold values.
/// Each value is percent-encoded: it can neither leave its segment of the path nor its place in the
/// query.
#[derive(Debug, Clone)]
pub(super) struct UrlTemplate {
    source: Arc<str>,
    /// The fixed beginning, with the server.
    server: Url,
    /// There is nothing but the fixed beginning.
    is_fixed: bool,
}

/// The address cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the address {url:?} {problem}")]
pub struct InvalidUrl {
    url: String,
    problem: String,
}

impl UrlTemplate {
    pub(super) fn parse(source: &str) -> Result<Self, InvalidUrl> {
        let wrong = |problem: &str| InvalidUrl { url: source.to_owned(), problem: problem.into() };
        ENVIRONMENT
            .template_from_str(source)
            .map_err(|error| wrong(&format!("is no template: {error}")))?;
        let fixed = source.split(['{', '}']).next().unwrap_or_default();
        let after_scheme = fixed.split_once("://").map_or("", |(_, rest)| rest);
        let is_fixed = fixed.len() == source.len();
        if !is_fixed && !after_scheme.contains('/') {
            return Err(wrong("must name its server, up to the first slash, without a template"));
        }
        let server = Url::parse(fixed).map_err(|error| wrong(&format!("is wrong: {error}")))?;
        if !["http", "https"].contains(&server.scheme()) {
            return Err(wrong("is neither http: nor https:"));
        }
        if !server.username().is_empty() || server.password().is_some() {
            return Err(wrong("holds a name or password: rules are read by many"));
        }
        if source.contains('#') {
            return Err(wrong("has a #, behind which nothing is sent"));
        }
        Ok(Self { source: source.into(), server, is_fixed })
    }

    pub(super) fn fill(&self, values: &Json) -> Result<Url, InvalidUrl> {
        let wrong = |problem: String| InvalidUrl { url: self.source.to_string(), problem };
        let text = ENVIRONMENT
            .template_from_str(&self.source)
            .and_then(|template| template.render(Value::from(Serde(values))))
            .map_err(|error| wrong(format!("cannot be filled in: {error}")))?;
        if text.len() > MAX_BYTES {
            return Err(wrong(format!("becomes longer than {MAX_BYTES} bytes")));
        }
        let url = Url::parse(&text).map_err(|error| wrong(format!("becomes wrong: {error}")))?;
        if url.origin() != self.server.origin() {
            return Err(wrong("would lead to another server".to_owned()));
        }
        let path = self.source.split('?').next().unwrap_or_default();
        if !self.is_fixed
            && let Some(segment) = astray(&text, path.ends_with('/'))
        {
            return Err(wrong(format!("would have {segment:?} in its path")));
        }
        Ok(url)
    }
}

/// A segment of the path that does not stand for itself: it is empty, or everybody reads it as a
/// step up or as nothing, percent-encoded or not.
fn astray(url: &str, may_end_empty: bool) -> Option<&str> {
    let path = url.split_once("://")?.1.split_once('/')?.1.split('?').next()?;
    let count = path.split('/').count();
    let mut segments = path.split('/').enumerate();
    let stray = segments.find(|(number, segment)| match segment.to_lowercase().as_str() {
        "" => number + 1 != count || (count > 1 && !may_end_empty),
        text => [".", ".."].contains(&text.replace("%2e", ".").as_str()),
    });
    stray.map(|(_, segment)| segment)
}

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_formatter(|out, _, value| {
        if !has_at_most(value, MAX_BYTES) {
            return Err(minijinja::Error::new(ErrorKind::WriteFailure, "a list is too long"));
        }
        let mut text = Bounded::new(MAX_BYTES);
        write!(text, "{value}")
            .map_err(|_| minijinja::Error::new(ErrorKind::WriteFailure, "a value is too long"))?;
        for part in percent_encode(text.bytes(), ENCODED) {
            out.write_str(part)?;
        }
        Ok(())
    });
    environment
});

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fill(template: &str, x: &str) -> Result<String, InvalidUrl> {
        UrlTemplate::parse(template)?.fill(&json!({"x": x})).map(String::from)
    }

    #[test]
    fn a_value_stays_in_its_segment() {
        let template = "https://example.org/hooks/{{ x }}/now?who={{ x }}&b=1";
        for value in [
            "a/b",
            "../../etc/passwd",
            "a?b=c&d#e",
            "a b",
            "$(reboot)",
            "%2e%2e",
            "..%2f",
            "é\u{202e}",
            "\r\nHost: evil",
            "a\u{0}b",
            "@evil.example:80",
            "\\..\\",
            "...",
            "a;b=c",
            "{{ 7*7 }}",
        ] {
            let url = Url::parse(&fill(template, value).unwrap()).unwrap();
            assert_eq!(url.host_str(), Some("example.org"));
            let segments: Vec<_> = url.path_segments().unwrap().collect();
            assert_eq!(
                (segments.len(), segments[0], segments[2]),
                (3, "hooks", "now"),
                "{value:?}"
            );
            let decoded = percent_encoding::percent_decode_str(segments[1]);
            assert_eq!(decoded.decode_utf8().unwrap(), value);
            let query: Vec<_> = url.query_pairs().collect();
            assert_eq!(query.len(), 2, "{value:?}");
            assert_eq!((query[0].1.as_ref(), query[1].1.as_ref()), (value, "1"));
        }
    }

    #[test]
    fn a_value_that_is_a_step_up_or_nothing_is_refused() {
        for template in [
            "https://example.org/hooks/{{ x }}/now",
            "https://example.org/hooks/{{ x }}",
            "https://example.org/hooks/{{ x | safe }}/now",
            "https://example.org/hooks/{% autoescape false %}{{ x }}{% endautoescape %}/now",
        ] {
            for value in ["..", ".", ""] {
                let error = fill(template, value).unwrap_err().to_string();
                assert!(error.contains("in its path"), "{template} {value:?}: {error}");
            }
        }
        // Put together of several values, or half encoded.
        assert!(fill("https://example.org/.{{ x }}/a", ".").is_err());
        assert!(fill("https://example.org/%2e{{ x }}/a", ".").is_err());
        assert!(
            fill("https://example.org/{{ y }}", "x").unwrap_err().to_string().contains("undefined")
        );
        assert_eq!(
            fill("https://example.org/a/?x={{ x }}", "").unwrap(),
            "https://example.org/a/?x="
        );
        assert!(fill("https://example.org/{{ x }}", &"y".repeat(9_000)).is_err());
    }

    #[test]
    fn the_server_is_fixed() {
        for template in [
            "{{ x }}",
            "https://{{ x }}/",
            "https://a.{{ x }}",
            "https://example.org{{ x }}",
            "{{ x }}://a/",
            "ftp://example.org/",
            "https://me:secret@example.org/",
            "https://me@example.org/",
            "example.org",
            "https://example.org/#{{ x }}",
            "https://example.org/{{ x",
            "https://{% if x %}a/{% endif %}",
        ] {
            assert!(UrlTemplate::parse(template).is_err(), "{template}");
        }
        for template in
            ["http://127.0.0.1:8080", "https://example.org/a/", "https://example.org/?a=b"]
        {
            fill(template, "x").unwrap();
        }
    }
}
