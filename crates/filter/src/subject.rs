//! What a filter looks at. Whoever has an event, from a relay, a journal or a file, makes one of it.

use laniakea_event::{Object, Value};

/// An event, as far as filters look at it.
#[derive(Clone, Debug)]
pub struct Subject<'e> {
    /// Its type.
    pub id: &'e str,
    /// The members that signatures cover.
    pub covered: &'e Object,
    /// The whole event in canonical form.
    pub frame: &'e [u8],
    /// Who signed it, verified; none where nothing was verified.
    pub signers: Vec<&'e str>,
}

impl<'e> Subject<'e> {
    /// The event's own content.
    pub fn data(&self) -> &'e Value {
        self.covered.get("data").unwrap_or(&Value::Null)
    }
}
