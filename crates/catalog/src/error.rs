//! What can be wrong with a catalogue file.

/// Why a catalogue could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// The file is not TOML, or not of the catalogue's form.
    #[error("could not parse catalogue file {file}")]
    Parse {
        /// The file's name.
        file: String,
        /// Where and why.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// The same event id is described twice.
    #[error("event type {id} is described twice")]
    Twice {
        /// The event id.
        id: String,
    },
    /// Something names a field that the event type does not have.
    #[error("event type {id}: {place} names {field}, which is no field of it")]
    UnknownField {
        /// The event id.
        id: String,
        /// Where the name stands.
        place: String,
        /// The name.
        field: String,
    },
    /// The file defines or sorts into a facet a field that none of its event types has.
    #[error("catalogue file {file}: no event type has the field {field}")]
    UnusedField {
        /// The file's name.
        file: String,
        /// The field.
        field: String,
    },
    /// The template of the summary or plural has a syntax error, has markup but `<b>`, `<em>` and
    /// `<code>`, or fails on the example.
    #[error("event type {id}: the template of {place} does not work")]
    Template {
        /// The event id.
        id: String,
        /// Which template.
        place: String,
        /// What the template engine says.
        #[source]
        source: Box<minijinja::Error>,
    },
    /// A link's path is not made of plain segments and `{field}`.
    #[error("event type {id}: {path} is no path for a link")]
    LinkPath {
        /// The event id.
        id: String,
        /// The path.
        path: String,
    },
    /// The lifecycle has an unusable name or key.
    #[error("event type {id}: in its lifecycle, {problem}")]
    Lifecycle {
        /// The event id.
        id: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The example lacks a field, or has one that is not declared so.
    #[error("event type {id}: in its example, {problem}")]
    Example {
        /// The event id.
        id: String,
        /// What is wrong with it.
        problem: String,
    },
}
