//! The summary of one event.

use serde::Serialize;

use crate::facet::Facets;
use crate::severity::Severity;

/// The most characters that [`Summary::text`] has.
pub const MAX_TEXT_CHARS: usize = 500;

/// The most bytes that [`Summary::html`] has.
pub const MAX_HTML_BYTES: usize = 4096;

/// What a person is told about one event, and what filters look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// One line, at most [`MAX_TEXT_CHARS`] long. White space in the data has become single
    /// spaces; control, bidirectional and invisible characters are written out as `\u{1b}`; what
    /// is cut ends in `…`.
    pub text: String,
    /// The same for a chat room or a page, at most [`MAX_HTML_BYTES`] long: the data is escaped,
    /// and the only markup is the template's `<b>`, `<em>` and `<code>`, without attributes.
    pub html: String,
    /// How much it matters.
    pub severity: Severity,
    /// What it is about.
    pub facets: Facets,
}
