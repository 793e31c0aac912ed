//! A source that is trusted, and what a relay makes of its events.

use std::sync::LazyLock;

use laniakea_event::{
    Draft, EventId, KeyId, Keyring, Limits, Object, RelayNote, Seq, SignerId, SigningKey,
    SubmittedEvent, VerifiedEvent,
};
use uuid::Uuid;

/// For what we wrote ourselves: a relay adds to events.
pub(crate) const ROOMY: Limits =
    Limits { max_bytes: 64 << 20, max_depth: 110, max_members: 20_000, max_signatures: 32 };

pub(crate) static KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::from_seed(signer("source"), key_id(), &[7; 32]));

/// Keys are judged at this time, always the same.
pub(crate) const NOW: jiff::Timestamp = jiff::Timestamp::UNIX_EPOCH;

/// Believes [`KEY`] and nobody else.
pub(crate) static KEYRING: LazyLock<Keyring> = LazyLock::new(|| {
    let mut keyring = Keyring::default();
    keyring
        .insert(KEY.signer().clone(), KEY.key_id().clone(), KEY.verifying_key())
        .expect("the ring is empty");
    keyring
});

/// Event number `number` with this id, signed by [`KEY`].
pub(crate) fn event(id: &str, number: usize) -> VerifiedEvent {
    let id = EventId::parse(id).expect("a good id");
    let time = jiff::Timestamp::from_second(1_700_000_000).expect("a good time");
    let data = Object::from([("number".to_owned(), number.into())]);
    let signed = Draft::new(id, time, data).sign(&KEY).expect("a good draft");
    let event = SubmittedEvent::parse(signed.bytes(), &Limits::SUBMISSION).expect("our own event");
    event.verify(&KEYRING, NOW).expect("our own signature")
}

/// A relay's note that has `prev` before the event everywhere.
pub(crate) fn note(id: &EventId, journal: Uuid, seq: Seq, prev: Seq) -> RelayNote {
    RelayNote {
        relay: signer("relay"),
        journal,
        seq,
        received: format!("2026-01-01T00:00:00.{:06}Z", seq.0 % 1_000_000),
        prev: id.prefixes().map(|prefix| (prefix.to_owned(), prev)).collect(),
    }
}

fn signer(name: &str) -> SignerId {
    SignerId::parse(name).expect("a good name")
}

fn key_id() -> KeyId {
    KeyId::parse("0").expect("a good name")
}
