//! The event types as data: fields, summaries, severity, facets, links, JSON Schema.
//!
//! What is known about an event type is written in `catalog/*.toml`, one file a module, and never
//! in code. From it come the one line that a terminal or a chat room shows ([`Catalog::summary`]),
//! the links beside it ([`Catalog::links`]), what several events are called together
//! ([`Catalog::plural`]), which of them are about the same thing ([`Catalog::lifecycle`]), the
//! schema ([`Entry::schema`]) and the reference page ([`Catalog::to_markdown`]).
//!
//! Event data is hostile, so a summary is total: whatever the data holds, and whether or not the
//! type is known, it is one bounded line without control characters, and its HTML holds no markup
//! but the template's own. Data goes through three steps on its way there, each in a file of its
//! own: `conform` gives each declared field a value of its declared type or none, `clean` makes
//! text one bounded line, `templates` renders and escapes.
//!
//! ```
//! use laniakea_catalog::{Catalog, Facet};
//! use serde_json::json;
//!
//! let data = json!({"pkgname": "gnome-shell", "version": "47.1-1", "architecture": "amd64",
//!                   "repo": "master", "suite": "landing", "job_id": "0a1b2c3d"});
//! let summary = Catalog::builtin().summary("_lk.archive.package-build-success", &data);
//! assert_eq!(summary.text, "gnome-shell 47.1-1 built for amd64 in landing");
//! assert_eq!(summary.facets.first(Facet::Package), Some("gnome-shell"));
//! ```

mod catalog;
mod clean;
mod conform;
mod entry;
mod error;
mod extent;
mod facet;
mod field;
mod file;
mod generic;
mod lifecycle;
mod link;
mod load;
mod markdown;
mod plural;
mod schema;
mod severity;
mod summary;
mod templates;
mod visible;

pub use catalog::{Catalog, Module};
pub use clean::is_hidden;
pub use entry::Entry;
pub use error::CatalogError;
pub use extent::has_at_most;
pub use facet::{Facet, Facets};
pub use field::{Field, Kind};
pub use lifecycle::Stage;
pub use link::{InvalidBase, Link, LinkBases};
pub use plural::Phrase;
pub use severity::Severity;
pub use summary::{MAX_HTML_BYTES, MAX_TEXT_CHARS, Summary};
pub use visible::{bounded, visible, visible_lines};
