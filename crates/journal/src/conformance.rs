//! The contract of [`Journal`] as tests: an implementation passes all of them.
//!
//! ```ignore
//! laniakea_journal::conformance_tests!(MyFactory::new());
//! ```
//!
//! Each function asserts what its name says and panics where that does not hold.

#![expect(clippy::missing_panics_doc, reason = "to panic is how a case says that it failed")]

use laniakea_event::{Prefix, Seq};

use crate::{Appended, Budget, Entry, Journal, JournaledEvent, Page, Query, StoredEvent};

pub mod append;
pub mod concurrency;
pub mod dedupe;
pub mod fixture;
pub mod order;
pub mod prev;
pub mod read;
pub mod retention;
pub mod time;

/// Makes the journals under test; their relay is [`fixture::relay`].
pub trait Factory {
    /// A new journal with nothing in it.
    fn create(&self) -> Box<dyn Journal>;

    /// Closes the journal and opens what it left on disk; a journal that
    /// leaves nothing is handed back as it is.
    fn reopen(&self, journal: Box<dyn Journal>) -> Box<dyn Journal>;
}

/// Makes a `#[test]` of each case, for journals from one factory.
#[macro_export]
macro_rules! conformance_tests {
    ($factory:expr) => {
        $crate::conformance_tests! { @ $factory,
            append: [
                an_empty_group_does_nothing,
                the_frame_is_the_event_with_the_relays_note,
                the_stored_event_is_the_published_one,
                received_is_kept_in_microseconds,
                times_at_the_ends_of_what_a_timestamp_holds_are_taken,
                acknowledged_events_survive_a_restart,
            ],
            order: [
                a_new_journal_is_empty,
                seqs_follow_the_calls_and_the_groups,
                a_seq_is_never_given_twice,
                the_id_stays_the_same,
            ],
            dedupe: [
                a_digest_is_taken_once,
                a_digest_is_taken_once_in_one_group,
                other_signatures_on_the_same_bytes_are_a_duplicate,
                a_uuid_on_other_bytes_is_a_conflict,
                a_uuid_on_other_bytes_in_one_group_is_a_conflict,
                a_uuid_of_another_source_is_no_conflict,
                a_uuid_outside_the_laniakea_dialect_is_no_conflict,
                a_conflict_names_the_first_source_that_has_one,
                a_duplicate_is_no_conflict,
                a_conflict_leaves_no_trace,
                a_duplicate_leaves_no_trace,
                nothing_is_forgotten_over_a_restart,
            ],
            prev: [
                prev_names_the_event_before_under_each_prefix,
                a_whole_id_is_not_the_prefix_of_a_longer_one,
                prev_counts_on_over_a_restart,
                prev_names_events_that_retention_removed,
            ],
            read: [
                pages_follow_each_other_without_gap_or_repetition,
                a_dotted_prefix_selects_what_is_below_it,
                a_whole_id_selects_itself_alone,
                several_prefixes_select_each_event_once,
                a_prefix_that_matches_nothing_reaches_the_end,
                a_budget_ends_a_page_and_loses_nothing,
                a_budget_ends_a_long_search,
                rare_events_are_found_among_many,
                the_empty_prefix_selects_everything,
                a_page_holds_no_more_than_its_limit,
                a_page_holds_no_more_than_its_bytes_but_one_event,
                a_position_of_another_history_reads_nothing,
                a_digest_finds_its_event,
            ],
            time: [
                reading_starts_with_the_first_event_received_in_time,
                clocks_that_jump_back_hide_no_event,
                a_budget_makes_the_position_an_earlier_one,
                a_time_between_microseconds_is_rounded_up,
            ],
            retention: [
                events_received_before_are_removed_from_the_front,
                an_event_behind_a_later_one_stays_until_that_goes,
                the_last_event_is_remembered_when_all_are_gone,
                digests_and_uuids_outlive_their_events,
                reading_goes_on_with_the_first_event_that_is_left,
                times_are_found_among_what_is_left,
                many_events_are_removed_in_one_call,
            ],
            concurrency: [
                groups_from_many_threads_take_turns,
                a_reader_sees_groups_as_a_whole,
                a_read_sees_what_was_appended_before_it,
                events_are_appended_and_read_while_others_are_removed,
            ],
        }
    };
    (@ $factory:expr, $($module:ident: [$($case:ident,)*],)*) => {
        $($(
            #[test]
            fn $case() {
                $crate::conformance::$module::$case(&$factory);
            }
        )*)*
    };
}

/// Appends one group.
fn append(journal: &dyn Journal, group: &[Entry]) -> Vec<Appended> {
    journal.append(group.to_vec()).expect("the journal takes the group")
}

/// Appends one group in which every entry is new.
fn journal_all(journal: &dyn Journal, group: &[Entry]) -> Vec<JournaledEvent> {
    append(journal, group)
        .into_iter()
        .map(|appended| match appended {
            Appended::Journaled(event) => event,
            other => panic!("a new event was not journaled: {other:?}"),
        })
        .collect()
}

/// Appends one entry.
fn append_one(journal: &dyn Journal, entry: &Entry) -> Appended {
    append(journal, std::slice::from_ref(entry)).pop().expect("one entry has one outcome")
}

/// A query of everything behind `after` that matches.
fn query(after: u64, prefixes: &[&str]) -> Query {
    let prefixes = prefixes.iter().map(|text| Prefix::parse(text).expect("a prefix"));
    Query {
        after: Seq(after),
        prefixes: prefixes.collect(),
        limit: 500,
        max_bytes: 4 << 20,
        budget: Budget::UNLIMITED,
    }
}

fn read(journal: &dyn Journal, query: &Query) -> Page {
    journal.read(query).expect("the journal can be read")
}

/// Reads page after page until nothing is left, and checks on the way what every page promises.
fn read_to_the_end(journal: &dyn Journal, mut query: Query) -> Vec<StoredEvent> {
    let mut events: Vec<StoredEvent> = Vec::new();
    loop {
        let page = read(journal, &query);
        for event in page.events {
            let before = events.last().map_or(query.after, |last| last.seq.max(query.after));
            assert!(event.seq > before, "{} comes after {before}", event.seq);
            assert!(event.seq <= page.next, "{} is beyond `next` {}", event.seq, page.next);
            events.push(event);
        }
        if page.next == page.last {
            return events;
        }
        assert!(page.next > query.after, "a page after {} does not advance", query.after);
        query.after = page.next;
    }
}

fn seqs(events: &[StoredEvent]) -> Vec<u64> {
    events.iter().map(|event| event.seq.0).collect()
}

fn bounds(journal: &dyn Journal) -> (u64, u64) {
    let bounds = journal.bounds().expect("the journal has bounds");
    (bounds.first.0, bounds.last.0)
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_case_is_in_the_list() {
        let sources = [
            include_str!("conformance/append.rs"),
            include_str!("conformance/concurrency.rs"),
            include_str!("conformance/dedupe.rs"),
            include_str!("conformance/order.rs"),
            include_str!("conformance/prev.rs"),
            include_str!("conformance/read.rs"),
            include_str!("conformance/retention.rs"),
            include_str!("conformance/time.rs"),
        ];
        let cases = sources.iter().flat_map(|source| source.lines()).filter_map(|line| {
            line.strip_prefix("pub fn ")?.strip_suffix("(factory: &impl Factory) {")
        });
        let cases: Vec<&str> = cases.collect();
        assert_eq!(cases.len(), 54);
        for case in cases {
            let listed = format!(" {case},\n");
            assert!(include_str!("conformance.rs").contains(&listed), "{case} is not in the list");
        }
    }
}
