//! What a filter looks at. Whoever has an event, from a relay, a journal or a file, makes one of it.

use laniakea_event::{Object, Value};

use crate::expression::Variables;

/// An event, as far as filters look at it. Many rules are best held against the same one.
#[derive(Clone, Debug)]
pub struct Subject<'e> {
    pub(crate) id: &'e str,
    pub(crate) covered: &'e Object,
    pub(crate) frame: &'e [u8],
    pub(crate) signers: Vec<&'e str>,
    pub(crate) variables: Variables,
}

impl<'e> Subject<'e> {
    /// The event of type `id` with the members `covered`, which signatures cover; `frame` is the
    /// whole event in canonical form. `signers` are those whose signatures were verified; none
    /// where nothing was verified.
    pub fn new(
        id: &'e str,
        covered: &'e Object,
        frame: &'e [u8],
        signers: impl IntoIterator<Item = &'e str>,
    ) -> Self {
        let signers = signers.into_iter().collect();
        Self { id, covered, frame, signers, variables: Variables::default() }
    }

    /// The event's own content.
    pub fn data(&self) -> &'e Value {
        self.covered.get("data").unwrap_or(&Value::Null)
    }
}
