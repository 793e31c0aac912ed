//! Debian versions, in Debian's order.

use std::{cmp::Ordering, fmt, sync::Arc};

/// Longer ones exist nowhere; comparing long runs of digits takes quadratic time.
const MAX_BYTES: usize = 256;

/// A version as the archive writes it.
///
/// The order is Debian's. Different spellings that Debian holds equal (`1.0` and `1.0-0`) are
/// different versions here, told apart by their text, so that a map of versions never merges them.
#[derive(Clone, PartialEq, Eq)]
pub struct Version(Arc<str>);

impl Version {
    /// Reads a version; `None` if Debian's tools would refuse to compare it.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() <= MAX_BYTES && parsed(text).is_some()).then(|| Self(text.into()))
    }

    /// The version as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Archives hold versions with underscores, which the strict grammar forbids.
fn parsed(text: &str) -> Option<debversion::Version> {
    debversion::Version::parse_lenient(text).ok()
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.0 == other.0 {
            return Ordering::Equal;
        }
        parsed(&self.0).cmp(&parsed(&other.0)).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    #[test]
    fn the_order_is_debians() {
        let ascending =
            ["1.0~rc1-1", "1.0-1", "1.0-1+b1", "1.0-1.1", "1.0-10", "1.0+dfsg-1", "1:0.5-1"];
        for pair in ascending.windows(2) {
            assert!(version(pair[0]) < version(pair[1]), "{} < {}", pair[0], pair[1]);
        }
    }

    #[test]
    fn spellings_that_debian_holds_equal_stay_two_versions() {
        assert_ne!(version("1.0"), version("1.0-0"));
        assert_ne!(version("1.0").cmp(&version("1.0-0")), Ordering::Equal);
    }

    #[test]
    fn versions_that_cannot_be_compared_are_refused() {
        let long = "1".repeat(MAX_BYTES + 1);
        for text in ["", "1 2", "1.0\n", "1.0;rm", "99999999999:1", "1.0-é", long.as_str()] {
            assert!(Version::parse(text).is_none(), "{text:?}");
        }
    }
}
