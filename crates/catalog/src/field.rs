//! The members of an event's `data`, as the catalogue declares them.

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One line of text.
    String,
    /// Text of many lines.
    Text,
    /// True or false.
    Bool,
    /// A whole number.
    Int,
    /// A list of strings.
    List,
    /// One of these strings.
    Choice(Vec<String>),
    /// An object with these members.
    Object(Vec<Field>),
}

/// One member of an event's `data`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) kind: Kind,
    pub(crate) nullable: bool,
    pub(crate) optional: bool,
    pub(crate) empty: Option<String>,
}

impl Field {
    /// Its name in `data`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it means, in a sentence.
    pub fn doc(&self) -> &str {
        &self.doc
    }

    /// What it holds.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Whether `null` may stand in its place.
    pub fn is_nullable(&self) -> bool {
        self.nullable
    }

    /// Whether it may be absent.
    pub fn is_optional(&self) -> bool {
        self.optional
    }

    /// The string by which a source says that there is no value, such as `-` for "no version".
    pub fn empty(&self) -> Option<&str> {
        self.empty.as_deref()
    }

    /// The member of this field that `name` names, if it is an object and has one.
    pub(crate) fn member(&self, name: &str) -> Option<&Self> {
        match &self.kind {
            Kind::Object(members) => find(members, name),
            _ => None,
        }
    }
}

/// The field called `name`.
pub(crate) fn find<'f>(fields: &'f [Field], name: &str) -> Option<&'f Field> {
    fields.iter().find(|field| field.name == name)
}
