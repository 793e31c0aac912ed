//! Short texts that many entries share.

use std::{collections::BTreeSet, sync::Arc};

/// A shared text.
pub type Text = Arc<str>;

/// Keeps one copy of each text: names, maintainers and architectures repeat by the thousand.
#[derive(Debug, Default)]
pub struct Texts(BTreeSet<Text>);

impl Texts {
    /// The kept copy of `text`.
    pub fn keep(&mut self, text: &str) -> Text {
        if let Some(kept) = self.0.get(text) {
            return Arc::clone(kept);
        }
        let kept = Text::from(text);
        self.0.insert(Arc::clone(&kept));
        kept
    }
}
