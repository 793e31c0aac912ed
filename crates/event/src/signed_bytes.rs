//! The bytes that signatures cover, and where the uncovered members stand among them.

use crate::{
    Digest, RelayNote, Signatures,
    json::{Object, write_key, write_value},
};

const SIGNATURES: &str = "signatures";
const UNSIGNED: &str = "unsigned";

/// An event in canonical form without `signatures` and `unsigned`.
///
/// It remembers where those two members belong in sorted order, so that a frame is spliced
/// together without serialising the event again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignedBytes {
    text: String,
    signatures_at: usize,
    unsigned_at: usize,
}

impl SignedBytes {
    /// Serialises the covered members.
    ///
    /// The caller has checked that `data`, `format` and `time` are there: a member stands before
    /// each of the two places, so that a splice always begins with a comma.
    pub(crate) fn of(covered: &Object) -> Self {
        let mut text = String::with_capacity(512);
        let (mut signatures_at, mut unsigned_at) = (None, None);
        text.push('{');
        for (name, value) in covered {
            if name.as_str() > SIGNATURES {
                signatures_at.get_or_insert(text.len());
            }
            if name.as_str() > UNSIGNED {
                unsigned_at.get_or_insert(text.len());
            }
            if text.len() > 1 {
                text.push(',');
            }
            write_key(&mut text, name);
            write_value(&mut text, value);
        }
        let end = text.len();
        text.push('}');
        Self {
            text,
            signatures_at: signatures_at.unwrap_or(end),
            unsigned_at: unsigned_at.unwrap_or(end),
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest::of(self.as_bytes())
    }

    /// The whole event in canonical form, with these signatures and this note.
    pub(crate) fn frame(&self, signatures: &Signatures, note: Option<&RelayNote>) -> Vec<u8> {
        let mut frame = String::with_capacity(self.text.len() + 128 * signatures.len() + 512);
        frame.push_str(&self.text[..self.signatures_at]);
        frame.push_str(",\"signatures\":");
        signatures.write(&mut frame);
        frame.push_str(&self.text[self.signatures_at..self.unsigned_at]);
        if let Some(note) = note {
            frame.push_str(",\"unsigned\":");
            note.write(&mut frame);
        }
        frame.push_str(&self.text[self.unsigned_at..]);
        frame.into_bytes()
    }
}
