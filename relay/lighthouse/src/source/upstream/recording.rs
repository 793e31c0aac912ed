//! Hands batches to the recorder, for as long as it takes.

use std::{sync::Arc, time::Duration};

use crossbeam_channel::Sender;
use laniakea_daemon::Stopping;

use super::{batch::Batch, cursor::OwnPosition, ticket::Outcome};
use crate::check::CheckedEvent;

/// Before a journal that could take nothing is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// The way to the recorder.
pub(super) struct Recording {
    pub(super) to_record: Sender<Vec<CheckedEvent>>,
    pub(super) own: Arc<OwnPosition>,
    pub(super) stopping: Stopping,
}

/// Why a batch may not be on disk.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Interrupted {
    /// The relay stops, and the journal could not take it so far.
    Stopped,
    /// Nobody records any more: the process is about to end.
    Unrecorded,
}

impl Recording {
    /// Returns once every event of the batch is on disk, or never will be for its own fault.
    /// Does something `meanwhile` whenever the journal can take nothing.
    pub(super) async fn record(
        &mut self,
        batch: &Batch,
        meanwhile: impl Fn(),
    ) -> Result<(), Interrupted> {
        while !batch.is_empty() {
            let (events, mut outcomes) = batch.to_record();
            self.to_record.send(events).map_err(|_| Interrupted::Unrecorded)?;
            let (mut told, mut is_later) = (0, false);
            while let Some(outcome) = outcomes.recv().await {
                told += 1;
                match outcome {
                    Outcome::Taken(seq) => self.own.reach(seq),
                    Outcome::Refused => {}
                    Outcome::Later => is_later = true,
                }
            }
            if told < batch.len() {
                return Err(Interrupted::Unrecorded);
            }
            if !is_later {
                return Ok(());
            }
            meanwhile();
            tokio::select! {
                () = self.stopping.wait() => return Err(Interrupted::Stopped),
                () = tokio::time::sleep(RETRY) => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::{Receiver, bounded};
    use jiff::Timestamp;
    use laniakea_daemon::Lifecycle;
    use laniakea_event::{
        Digest, Draft, EventId, KeyId, Keyring, Limits, Object, Seq, SignerId, SigningKey,
        SubmittedEvent,
    };
    use laniakea_wire::subscription::Position;
    use uuid::Uuid;

    use super::*;

    fn batch(count: i64) -> Batch {
        let signer = SignerId::parse("archive-01").unwrap();
        let key = SigningKey::from_seed(signer.clone(), KeyId::parse("0").unwrap(), &[1; 32]);
        let mut keyring = Keyring::default();
        keyring.insert(signer.clone(), key.key_id().clone(), key.verifying_key()).unwrap();
        let event = |second| {
            let time = Timestamp::from_second(second).unwrap();
            let draft = Draft::new(EventId::parse("_lk.archive.x").unwrap(), time, Object::new());
            let bytes = draft.sign(&key).unwrap().into_bytes();
            let event = SubmittedEvent::parse(&bytes, &Limits::SUBMISSION).unwrap();
            (event.verify(&keyring, time).unwrap(), vec![signer.clone()])
        };
        Batch::of((0..count).map(event).collect())
    }

    fn recording() -> (Recording, Receiver<Vec<CheckedEvent>>, Lifecycle) {
        let (to_record, recorded) = bounded(1);
        let lifecycle = Lifecycle::new().unwrap();
        let own = Arc::new(OwnPosition::new(Uuid::nil(), Seq::START));
        (Recording { to_record, own, stopping: lifecycle.stopping() }, recorded, lifecycle)
    }

    /// A recorder that does this with each group, and says which events it was handed.
    fn recorder(
        groups: Receiver<Vec<CheckedEvent>>,
        outcomes: &'static [Outcome],
    ) -> std::thread::JoinHandle<Vec<Vec<Digest>>> {
        std::thread::spawn(move || {
            let mut seen = Vec::new();
            for outcome in outcomes {
                let group = groups.recv().unwrap();
                seen.push(group.iter().map(|checked| checked.event.digest()).collect());
                for ticket in group.into_iter().filter_map(|checked| checked.ticket) {
                    ticket.tell(*outcome);
                }
            }
            seen
        })
    }

    #[tokio::test]
    async fn what_the_journal_cannot_take_is_handed_over_until_it_can() {
        let (mut recording, groups, _lifecycle) = recording();
        let outcomes = &[Outcome::Later, Outcome::Later, Outcome::Taken(Seq(7))];
        let recorder = recorder(groups, outcomes);
        let told = std::cell::Cell::new(0);
        recording.record(&batch(3), || told.set(told.get() + 1)).await.unwrap();
        let seen = recorder.join().unwrap();
        assert_eq!((seen.len(), seen[0].len(), told.get()), (3, 3, 2));
        assert!(seen.iter().all(|group| *group == seen[0]), "{seen:?}");
        let reached = Position { journal: Uuid::nil(), seq: Seq(7) };
        assert!(recording.own.has(reached));
        assert!(!recording.own.has(Position { seq: Seq(8), ..reached }));
    }

    #[tokio::test]
    async fn an_event_that_never_will_be_taken_holds_nobody_up() {
        let (mut recording, groups, _lifecycle) = recording();
        let recorder = recorder(groups, &[Outcome::Refused]);
        assert_eq!(recording.record(&batch(1), || {}).await, Ok(()));
        recorder.join().unwrap();
        // Nothing to record takes nobody's time.
        assert_eq!(recording.record(&batch(0), || {}).await, Ok(()));
    }

    #[tokio::test]
    async fn a_recorder_that_ends_with_events_in_its_hands_has_not_recorded_them() {
        let (mut recording, groups, _lifecycle) = recording();
        let recorder = std::thread::spawn(move || drop(groups.recv().unwrap()));
        assert_eq!(recording.record(&batch(2), || {}).await, Err(Interrupted::Unrecorded));
        recorder.join().unwrap();
        assert_eq!(recording.record(&batch(2), || {}).await, Err(Interrupted::Unrecorded));
    }

    #[tokio::test]
    async fn a_relay_that_stops_does_not_wait_for_room_on_the_disk() {
        let (mut recording, groups, lifecycle) = recording();
        let recorder = recorder(groups, &[Outcome::Later]);
        drop(lifecycle);
        assert_eq!(recording.record(&batch(2), || {}).await, Err(Interrupted::Stopped));
        recorder.join().unwrap();
    }
}
