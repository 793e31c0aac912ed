//! What else comes to a port: a guess by the first bytes.

use std::fmt;

/// What speaks to us instead of ZMTP, as far as one can tell from how it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dialect {
    /// Something that is known.
    Known(&'static str),
    /// Something that begins with these bytes.
    Unknown(Vec<u8>),
}

/// How others begin, and what they are.
const BEGINNINGS: &[(&[u8], &str)] = &[
    (b"GET ", HTTP),
    (b"HEAD ", HTTP),
    (b"POST ", HTTP),
    (b"PUT ", HTTP),
    (b"OPTIONS ", HTTP),
    (b"CONNECT ", HTTP),
    (b"PRI * HTTP/2", HTTP),
    (b"HTTP/", "an HTTP server"),
    (b"SSH-", "SSH"),
    (b"220 ", "a mail or FTP server"),
    (b"\x16\x03", "TLS"),
    (b"\x15\x03", "a TLS server that complains"),
    (b"\x01\x00", "ZMTP 1.0 of before 2012, or nothing that is known here"),
    (b"PROXY ", PROXY),
    (b"\r\n\r\n\0\r\nQUIT\n", PROXY),
];

const HTTP: &str = "an HTTP request";
const PROXY: &str = "a proxy that announces itself";

impl Dialect {
    /// What begins with these bytes; `None` while they can still become several things. Says
    /// the same however the bytes come.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        let fits = |beginning: &[u8]| beginning.starts_with(bytes) || bytes.starts_with(beginning);
        match BEGINNINGS.iter().find(|(beginning, _)| fits(beginning)) {
            Some((beginning, name)) => {
                (bytes.len() >= beginning.len()).then_some(Self::Known(name))
            }
            None => Some(Self::Unknown(bytes.to_vec())),
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(name) => formatter.write_str(name),
            Self::Unknown(bytes) => {
                write!(formatter, "it begins with \"{}\"", bytes.escape_ascii())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_named_once_it_is_certain() {
        for (beginning, name) in BEGINNINGS {
            for end in 1..beginning.len() {
                assert_eq!(Dialect::of(&beginning[..end]), None, "{}", beginning.escape_ascii());
            }
            assert_eq!(Dialect::of(beginning), Some(Dialect::Known(name)));
        }
    }

    #[test]
    fn what_is_not_known_is_shown_escaped_as_far_as_it_was_needed() {
        let unknown = Dialect::of(b"GE\x1b").unwrap();
        assert_eq!(unknown.to_string(), "it begins with \"GE\\x1b\"");
        assert_eq!(Dialect::of(b"\0").unwrap().to_string(), "it begins with \"\\x00\"");
    }

    /// Otherwise what is said would depend on the order of the table.
    #[test]
    fn no_beginning_is_that_of_another() {
        for (number, (one, _)) in BEGINNINGS.iter().enumerate() {
            for (other, _) in &BEGINNINGS[number + 1..] {
                assert!(!one.starts_with(other) && !other.starts_with(one));
            }
        }
    }
}
