//! What an append leaves behind: the frame, the stored event, durability.

use laniakea_event::{Limits, RelayNote, SignerId, SubmittedEvent};

use super::{
    Factory, append_one, bounds, fixture,
    fixture::{Event, Source, at, event},
    journal_all, query, read_to_the_end,
};
use crate::{Appended, Budget, Journal, JournaledEvent, StoredEvent};

fn journal_one(journal: &dyn Journal, event: &Event) -> JournaledEvent {
    journal_all(journal, &[event.entry()]).pop().expect("one entry has one outcome")
}

fn note(event: &JournaledEvent) -> RelayNote {
    let frame = SubmittedEvent::parse(event.frame(), &Limits::FROM_RELAY).expect("an event");
    RelayNote::parse(frame.unsigned().expect("a note")).expect("a whole note")
}

/// No outcome, no event, no error.
pub fn an_empty_group_does_nothing(factory: &impl Factory) {
    let journal = factory.create();
    let appended = journal.append(Vec::new()).expect("an empty group is no error");
    assert!(appended.is_empty());
    assert_eq!(bounds(&*journal), (1, 0));
}

/// A consumer can verify it and read where it stands.
pub fn the_frame_is_the_event_with_the_relays_note(factory: &impl Factory) {
    let journal = factory.create();
    journal_one(&*journal, &event("_lk.core.ping", 1));
    let signed = event("_lk.archive.package-synced", 2)
        .uuid(7)
        .by(&[Source::Archive, Source::Builder])
        .received(at(5));
    let journaled = journal_one(&*journal, &signed);

    let frame = SubmittedEvent::parse(journaled.frame(), &Limits::FROM_RELAY).expect("an event");
    let frame = frame.verify(fixture::trust().keyring(), at(5)).expect("signatures that hold");
    let signers: Vec<&str> = frame.signatures().signers().map(SignerId::as_str).collect();
    assert_eq!(signers, ["archive", "builder", "lighthouse"]);
    assert_eq!(frame.digest(), journaled.digest());
    assert_eq!(frame.id(), journaled.id());
    assert_eq!(frame.covered(), signed.entry().event.covered());

    let note = note(&journaled);
    assert_eq!(note.relay, fixture::relay());
    assert_eq!(note.journal, journal.id());
    assert_eq!(note.seq, journaled.seq());
    assert_eq!(note.received, "2026-11-23T16:00:05.000000Z");
    assert_eq!(&**journaled.frame(), signed.entry().event.frame(&note));
}

/// Byte for byte, also after a restart.
pub fn the_stored_event_is_the_published_one(factory: &impl Factory) {
    let journal = factory.create();
    let group = [
        event("_lk.core.ping", 1).entry(),
        event("org.example.builder.job-done", 2).uuid(9).received(at(3)).entry(),
        event("_lk.core.ping", 3).padding(100_000).entry(),
    ];
    let published = journal_all(&*journal, &group);
    let published: Vec<StoredEvent> = published.iter().map(StoredEvent::from).collect();
    assert_eq!(read_to_the_end(&*journal, query(0, &[])), published);
    let journal = factory.reopen(journal);
    assert_eq!(read_to_the_end(&*journal, query(0, &[])), published);
}

/// The note, the live event and the stored one say the same time.
pub fn received_is_kept_in_microseconds(factory: &impl Factory) {
    let journal = factory.create();
    let times = ["2026-11-23T16:00:00.123456789Z", "1969-12-31T23:59:59.999999999Z"];
    for (number, text) in times.into_iter().enumerate() {
        let number = number as u64;
        let received = text.parse().expect("a time");
        let journaled = journal_one(&*journal, &event("_lk.core.ping", number).received(received));
        let kept = format!("{}Z", &text[..26]);
        assert_eq!(note(&journaled).received, kept);
        assert_eq!(journaled.received(), kept.parse().expect("a time"));
        let stored =
            journal.find(&journaled.digest()).expect("it can be read").expect("it is there");
        assert_eq!(stored.received, journaled.received());
    }
}

/// No clock, however wrong, stops the journal.
pub fn times_at_the_ends_of_what_a_timestamp_holds_are_taken(factory: &impl Factory) {
    let journal = factory.create();
    for (number, received) in [jiff::Timestamp::MAX, jiff::Timestamp::MIN].into_iter().enumerate() {
        let journaled =
            journal_one(&*journal, &event("_lk.core.ping", number as u64).received(received));
        let stored =
            journal.find(&journaled.digest()).expect("it can be read").expect("it is there");
        assert_eq!(stored, StoredEvent::from(&journaled));
    }
    for time in [jiff::Timestamp::MIN, jiff::Timestamp::MAX] {
        journal.position_at(time, Budget::UNLIMITED).expect("a position");
        journal.prune(time).expect("pruning");
    }
}

/// Everything is there again: events, bounds and the next seq.
pub fn acknowledged_events_survive_a_restart(factory: &impl Factory) {
    let mut journal = factory.create();
    let mut published: Vec<StoredEvent> = Vec::new();
    for round in 0..5 {
        let group: Vec<_> =
            (0..20).map(|n| event("_lk.core.ping", round * 100 + n).entry()).collect();
        published.extend(journal_all(&*journal, &group).iter().map(StoredEvent::from));
        journal = factory.reopen(journal);
        assert_eq!(bounds(&*journal), (1, published.len() as u64));
        assert_eq!(read_to_the_end(&*journal, query(0, &[])), published);
    }
    let again = append_one(&*journal, &event("_lk.core.ping", 0).entry());
    assert!(matches!(again, Appended::Duplicate { seq } if seq == published[0].seq));
}
