//! Private parsers, within reach of `tests/fuzz`.

use super::frames::{Form, read_form};

/// The event and, where a reply is wanted, the envelope; `None` for what is malformed.
pub fn read_submission<'a>(frames: &[&'a [u8]]) -> Option<(&'a [u8], Option<&'a [u8]>)> {
    match read_form(frames, frames.len()) {
        Form::OneWay(event) => Some((event, None)),
        Form::Request { event, envelope } => Some((event, Some(envelope))),
        Form::Malformed => None,
    }
}
