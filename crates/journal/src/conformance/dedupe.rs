//! Each digest once, each (signer, uuid) once.

use laniakea_event::Seq;

use super::{
    Factory, append, append_one, bounds,
    fixture::{self, Event, Source, at, event, signer},
};
use crate::{Appended, Entry, Journal};

const PING: &str = "_lk.core.ping";

fn assert_journaled(appended: &Appended, seq: u64) {
    match appended {
        Appended::Journaled(event) => assert_eq!(event.seq(), Seq(seq)),
        other => panic!("not journaled: {other:?}"),
    }
}

fn assert_duplicate(appended: &Appended, of: u64) {
    match appended {
        Appended::Duplicate { seq } => assert_eq!(*seq, Seq(of)),
        other => panic!("no duplicate: {other:?}"),
    }
}

fn assert_conflict(appended: &Appended, of: Source) {
    match appended {
        Appended::Conflict { signer: named } => assert_eq!(*named, signer(of)),
        other => panic!("no conflict: {other:?}"),
    }
}

fn append_event(journal: &dyn Journal, event: &Event) -> Appended {
    append_one(journal, &event.entry())
}

/// The duplicate has the seq of the first.
pub fn a_digest_is_taken_once(factory: &impl Factory) {
    let journal = factory.create();
    assert_journaled(&append_event(&*journal, &event(PING, 1)), 1);
    assert_journaled(&append_event(&*journal, &event(PING, 2)), 2);
    for _ in 0..3 {
        assert_duplicate(&append_event(&*journal, &event(PING, 1)), 1);
        assert_duplicate(&append_event(&*journal, &event(PING, 2).received(at(60))), 2);
    }
    assert_journaled(&append_event(&*journal, &event(PING, 3)), 3);
    assert_eq!(bounds(&*journal), (1, 3));
}

/// Outcomes stand in the group's order.
pub fn a_digest_is_taken_once_in_one_group(factory: &impl Factory) {
    let journal = factory.create();
    let group = [1, 1, 2, 1, 3].map(|number| event(PING, number).entry());
    let outcomes = append(&*journal, &group);
    assert_eq!(outcomes.len(), 5);
    assert_journaled(&outcomes[0], 1);
    assert_duplicate(&outcomes[1], 1);
    assert_journaled(&outcomes[2], 2);
    assert_duplicate(&outcomes[3], 1);
    assert_journaled(&outcomes[4], 3);
}

/// Signatures and `unsigned` are no part of the digest.
pub fn other_signatures_on_the_same_bytes_are_a_duplicate(factory: &impl Factory) {
    let journal = factory.create();
    assert_journaled(&append_event(&*journal, &event(PING, 1)), 1);
    let both = event(PING, 1).by(&[Source::Builder, Source::Archive]);
    assert_duplicate(&append_event(&*journal, &both), 1);
    assert_duplicate(&append_event(&*journal, &event(PING, 1).by(&[Source::Builder])), 1);
}

/// Other data, another id: the digest is another, the `uuid` the same.
pub fn a_uuid_on_other_bytes_is_a_conflict(factory: &impl Factory) {
    let journal = factory.create();
    assert_journaled(&append_event(&*journal, &event(PING, 1).uuid(7)), 1);
    assert_conflict(&append_event(&*journal, &event(PING, 2).uuid(7)), Source::Archive);
    let other_id = event("_lk.archive.package-synced", 1).uuid(7);
    assert_conflict(&append_event(&*journal, &other_id), Source::Archive);
    assert_journaled(&append_event(&*journal, &event(PING, 2).uuid(8)), 2);
}

/// The first of them is taken, the rest of the group too.
pub fn a_uuid_on_other_bytes_in_one_group_is_a_conflict(factory: &impl Factory) {
    let journal = factory.create();
    let group = [(1, 7), (2, 7), (3, 8), (2, 7)];
    let outcomes =
        append(&*journal, &group.map(|(number, uuid)| event(PING, number).uuid(uuid).entry()));
    assert_journaled(&outcomes[0], 1);
    assert_conflict(&outcomes[1], Source::Archive);
    assert_journaled(&outcomes[2], 2);
    assert_conflict(&outcomes[3], Source::Archive);
}

/// Nobody can take a `uuid` away from somebody else.
pub fn a_uuid_of_another_source_is_no_conflict(factory: &impl Factory) {
    let journal = factory.create();
    assert_journaled(&append_event(&*journal, &event(PING, 1).uuid(7)), 1);
    let other = event(PING, 2).uuid(7).by(&[Source::Builder]);
    assert_journaled(&append_event(&*journal, &other), 2);
    // A signature by a source that may not emit this event gives no claim either.
    let mut unauthorised = event(PING, 3).uuid(7).entry();
    unauthorised.sources.clear();
    assert_journaled(&append_one(&*journal, &unauthorised), 3);
}

/// There a member called `uuid` is just carried.
pub fn a_uuid_outside_the_laniakea_dialect_is_no_conflict(factory: &impl Factory) {
    let journal = factory.create();
    for seq in [1, 2] {
        assert_journaled(&append_one(&*journal, &with_a_member_called_uuid(seq)), seq);
    }
}

fn with_a_member_called_uuid(number: u64) -> Entry {
    let mut members = event(PING, number).members();
    members.insert("uuid".to_owned(), "00000000-0000-0000-0000-000000000007".into());
    fixture::entry_of(members, &[Source::Archive], at(0))
}

/// In the order of the entry's sources.
pub fn a_conflict_names_the_first_source_that_has_one(factory: &impl Factory) {
    let journal = factory.create();
    append_event(&*journal, &event(PING, 1).uuid(7).by(&[Source::Builder]));
    let both = [Source::Archive, Source::Builder];
    assert_conflict(&append_event(&*journal, &event(PING, 2).uuid(7).by(&both)), Source::Builder);
    append_event(&*journal, &event(PING, 3).uuid(7).by(&[Source::Archive]));
    assert_conflict(&append_event(&*journal, &event(PING, 4).uuid(7).by(&both)), Source::Archive);
    let both = [Source::Builder, Source::Archive];
    assert_conflict(&append_event(&*journal, &event(PING, 5).uuid(7).by(&both)), Source::Builder);
}

/// The same bytes again are never held against their source.
pub fn a_duplicate_is_no_conflict(factory: &impl Factory) {
    let journal = factory.create();
    assert_journaled(&append_event(&*journal, &event(PING, 1).uuid(7)), 1);
    assert_duplicate(&append_event(&*journal, &event(PING, 1).uuid(7)), 1);
}

/// Neither its digest nor its other sources' claim to the `uuid` is kept.
pub fn a_conflict_leaves_no_trace(factory: &impl Factory) {
    let journal = factory.create();
    append_event(&*journal, &event(PING, 1).uuid(7));
    let both = event(PING, 2).uuid(7).by(&[Source::Builder, Source::Archive]);
    assert_conflict(&append_event(&*journal, &both), Source::Archive);
    assert_eq!(bounds(&*journal), (1, 1));
    assert_eq!(journal.find(&both.entry().event.digest()).expect("it can be read"), None);
    assert_conflict(&append_event(&*journal, &both), Source::Archive);
    let builder = event(PING, 2).uuid(7).by(&[Source::Builder]);
    assert_journaled(&append_event(&*journal, &builder), 2);
}

/// Its further sources have no claim to the `uuid`.
pub fn a_duplicate_leaves_no_trace(factory: &impl Factory) {
    let journal = factory.create();
    append_event(&*journal, &event(PING, 1).uuid(7));
    let by_another = event(PING, 1).uuid(7).by(&[Source::Builder]);
    assert_duplicate(&append_event(&*journal, &by_another), 1);
    assert_eq!(bounds(&*journal), (1, 1));
    assert_journaled(&append_event(&*journal, &event(PING, 2).uuid(7).by(&[Source::Builder])), 2);
}

/// Digests and (signer, uuid) pairs are as durable as the events.
pub fn nothing_is_forgotten_over_a_restart(factory: &impl Factory) {
    let journal = factory.create();
    append_event(&*journal, &event(PING, 1).uuid(7));
    append_event(&*journal, &event(PING, 2).by(&[Source::Builder]));
    let journal = factory.reopen(journal);
    assert_duplicate(&append_event(&*journal, &event(PING, 1).uuid(7)), 1);
    assert_duplicate(&append_event(&*journal, &event(PING, 2).by(&[Source::Builder])), 2);
    assert_conflict(&append_event(&*journal, &event(PING, 3).uuid(7)), Source::Archive);
    assert_journaled(&append_event(&*journal, &event(PING, 3)), 3);
}
