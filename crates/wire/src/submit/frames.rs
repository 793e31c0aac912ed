//! The three forms of a submission, told apart by their frames.

use super::Peer;

/// Where a reply goes, and in which envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyTo {
    pub(super) peer: Peer,
    /// The frame before the reply: the request id, or the empty frame of a REQ socket.
    pub(super) envelope: Vec<u8>,
}

/// What the frames of one message are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Form<'a> {
    /// `[event]`: no reply is wanted.
    OneWay(&'a [u8]),
    /// `[event, request-id]` or `["", event]`: a reply goes back behind this envelope.
    Request { event: &'a [u8], envelope: &'a [u8] },
    /// Three frames or more, or a request id that is too long.
    Malformed,
}

const MAX_REQUEST_ID_BYTES: usize = 64;

/// An empty first frame is always that of a REQ socket, so `["", ""]` is an empty event.
pub(super) fn read_form<'a>(frames: &[&'a [u8]], frame_count: usize) -> Form<'a> {
    match (frames, frame_count) {
        ([event], 1) => Form::OneWay(event),
        ([[], event], 2) => Form::Request { event, envelope: &[] },
        ([event, id], 2) if id.len() <= MAX_REQUEST_ID_BYTES => {
            Form::Request { event, envelope: id }
        }
        _ => Form::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_are_told_apart() {
        assert_eq!(read_form(&[b"e"], 1), Form::OneWay(b"e"));
        assert_eq!(read_form(&[b""], 1), Form::OneWay(b""));
        assert_eq!(read_form(&[b"e", b"id"], 2), Form::Request { event: b"e", envelope: b"id" });
        assert_eq!(read_form(&[b"e", b""], 2), Form::Request { event: b"e", envelope: b"" });
        assert_eq!(read_form(&[b"", b"e"], 2), Form::Request { event: b"e", envelope: b"" });
        assert_eq!(read_form(&[b"", b""], 2), Form::Request { event: b"", envelope: b"" });
    }

    #[test]
    fn other_forms_are_malformed() {
        assert_eq!(read_form(&[], 0), Form::Malformed);
        assert_eq!(read_form(&[b"a", b"b"], 3), Form::Malformed);
        assert_eq!(read_form(&[b"e", &[0; 65]], 2), Form::Malformed);
        assert_eq!(
            read_form(&[b"e", &[0; 64]], 2),
            Form::Request { event: b"e", envelope: &[0; 64] }
        );
    }
}
