//! What comes over the wire but for events: frames, replies, requests, headers.

use laniakea_wire::{
    curve::CurveKey,
    replay::{
        Failure, From, Header, Read, ReplayError, Request,
        fuzzing::{read_answer_header, read_request, write_request},
    },
    submit::{Reply, fuzzing::read_submission},
};

use crate::input::Input;

/// The frames of a message to the submit socket.
pub fn submission(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let count = input.below(5);
    let frames: Vec<&[u8]> = (0..count).map(|_| input.counted()).collect();
    let read = read_submission(&frames);
    match (&frames[..], read) {
        ([event], Some((read, None))) => assert_eq!(read, *event),
        ([event, id], Some((read, Some(envelope)))) => {
            let (expected, answer) = if event.is_empty() { (id, event) } else { (event, id) };
            assert_eq!((read, envelope), (*expected, *answer));
            assert!(envelope.len() <= 64);
        }
        ([event, id], None) => assert!(!event.is_empty() && id.len() > 64),
        (frames, read) => assert!(frames.len() != 1 && read.is_none(), "{frames:?} {read:?}"),
    }
}

/// What a relay answers to a submission.
pub fn reply(bytes: &[u8]) {
    let Ok(reply) = serde_json::from_slice::<Reply>(bytes) else {
        return;
    };
    let text = serde_json::to_vec(&reply).expect("a reply is JSON");
    assert_eq!(serde_json::from_slice::<Reply>(&text).expect("our own reply"), reply);
    // Only a relay that says so has the event on disk.
    let json: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
    let is_accepted = matches!(reply, Reply::Accepted { .. });
    assert!(!is_accepted || json["ok"] == serde_json::Value::Bool(true) || json.is_array());
}

/// What a consumer asks a relay for.
pub fn request(bytes: &[u8]) {
    let request = match read_request(bytes) {
        Ok(request) => request,
        Err(failure) => {
            let text = serde_json::to_vec(&failure).expect("a failure is JSON");
            assert!(text.len() < 4_096, "an answer of {} bytes to nonsense", text.len());
            let again: Failure = serde_json::from_slice(&text).expect("our own failure");
            assert!(!again.ok && again == failure);
            return;
        }
    };
    assert!(bytes.len() <= 64 << 10);
    if let Request::Read(Read { limit, prefixes, from }) = &request {
        assert!((1..=1_000).contains(limit) && prefixes.len() <= 1_000);
        assert!(!matches!(from, From::Since(time) if time.len() > bytes.len()));
    }
    assert_eq!(read_request(&write_request(&request)), Ok(request));
}

/// The first frame of an answer.
pub fn header(bytes: &[u8]) {
    match read_answer_header(bytes) {
        Ok(header) => {
            let text = serde_json::to_vec(&header).expect("a header is JSON");
            let again: Header = serde_json::from_slice(&text).expect("our own header");
            assert_eq!(again, header);
            assert_eq!(read_answer_header(&text).ok(), Some(header));
        }
        Err(ReplayError::Failed(failure)) => {
            assert!(!failure.ok);
            let text = serde_json::to_vec(&failure).expect("a failure is JSON");
            let again = read_answer_header(&text);
            assert!(matches!(again, Err(ReplayError::Failed(again)) if again == failure));
        }
        Err(ReplayError::NotARelay { .. }) => {}
        Err(error) => panic!("{error}"),
    }
}

/// The text that a key is written as.
pub fn curve_key(bytes: &[u8]) {
    if let Some(key) = std::str::from_utf8(bytes).ok().and_then(|text| CurveKey::parse(text).ok()) {
        assert_eq!(key.to_string().as_bytes(), bytes);
    }
}
