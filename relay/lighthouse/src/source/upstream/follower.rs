//! The thread that follows one upstream: takes what the subscription has, hands it to the recorder
//! in batches, and moves the position behind each.
//!
//! Nothing that the upstream does ends the relay. A recorder that is slow slows this thread, which
//! leaves the events in the upstream's journal.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use anyhow::Context as _;
use laniakea_daemon::Stopping;
use laniakea_event::{Seq, SigningKey};
use laniakea_wire::{
    curve::Security,
    subscription::{
        Believe, CursorError, CursorStore, OtherJournal, Start, Subscription, SubscriptionConfig,
        SubscriptionError, Update,
    },
};

use super::{
    batch::Batch,
    cursor::UpstreamCursor,
    judge::UpstreamJudge,
    recording::{Interrupted, Recording},
};
use crate::{
    config::UpstreamSettings,
    counters::{Counters, UpstreamState},
};

/// Events that wait between the subscription and this thread.
const QUEUED_UPDATES: usize = 128;
/// How often to ask the upstream whether something went by, and to tell it where this relay is.
const STATUS_INTERVAL: Duration = Duration::from_secs(10);
/// How long the end may wait for the position to be stored. Without it some events are read twice.
const CLOSING: Duration = Duration::from_secs(2);
/// Before an upstream that could not be understood is tried again; twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// What the protocol allows for a sink's name.
const MAX_SINK_NAME_BYTES: usize = 64;

pub(super) struct Follower {
    pub(super) settings: UpstreamSettings,
    pub(super) security: Security,
    pub(super) judge: Arc<UpstreamJudge>,
    /// The relay's own.
    pub(super) key: SigningKey,
    pub(super) counters: Arc<Counters>,
    pub(super) recording: Recording,
    pub(super) max_frame_bytes: usize,
    pub(super) stopping: Stopping,
    pub(super) cursor: Option<UpstreamCursor>,
    pub(super) state: Arc<UpstreamState>,
}

/// Why following ends.
enum Ended {
    /// The relay stops.
    Stopped,
    /// Nobody records any more: the process is about to end.
    Unrecorded,
    /// The subscription could not go on.
    Failed(anyhow::Error),
}

impl Follower {
    /// Follows until the relay stops.
    pub(super) fn run(mut self) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.context("could not start a runtime")?;
        runtime.block_on(async {
            let mut pause = FIRST_PAUSE;
            loop {
                let before = self.state.seq.load(Ordering::Relaxed);
                let ended = match self.follow().await {
                    Ok(ended) => ended,
                    Err(error) => Ended::Failed(error.into()),
                };
                self.state.is_connected.store(false, Ordering::Relaxed);
                let error = match ended {
                    Ended::Stopped => return Ok(()),
                    Ended::Unrecorded => {
                        // Not this thread's failure, so it is not the first to end.
                        self.stopping.wait().await;
                        return Ok(());
                    }
                    Ended::Failed(error) => error,
                };
                tracing::error!(
                    upstream = %self.settings.upstream.signer,
                    error = format!("{error:#}"),
                    "an upstream cannot be followed; trying again"
                );
                let has_moved = before != self.state.seq.load(Ordering::Relaxed);
                pause = if has_moved { FIRST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
                tokio::select! {
                    () = self.stopping.wait() => return Ok(()),
                    () = tokio::time::sleep(pause) => {}
                }
            }
        })
    }

    async fn follow(&mut self) -> Result<Ended, SubscriptionError> {
        let mut subscription = Subscription::open(self.subscription())?;
        let ended = loop {
            let update = tokio::select! {
                biased;
                () = self.stopping.wait() => break Ended::Stopped,
                update = subscription.next() => update,
            };
            let Some(update) = update else {
                break Ended::Failed(anyhow::anyhow!("the subscription ended"));
            };
            let (batch, failure) = self.gather(update, &mut subscription);
            let state = &self.state;
            let meanwhile = || note_last(state, &subscription);
            match self.recording.record(&batch, meanwhile).await {
                Ok(()) => {}
                Err(Interrupted::Stopped) => break Ended::Stopped,
                Err(Interrupted::Unrecorded) => break Ended::Unrecorded,
            }
            self.move_on(&batch, &subscription);
            if let Some(error) = failure {
                break Ended::Failed(error.into());
            }
        };
        if let Err(error) = subscription.close(CLOSING).await {
            self.warn_of_cursor(error);
        }
        Ok(ended)
    }

    /// This update and what waits behind it.
    fn gather(
        &self,
        update: Result<Update, SubscriptionError>,
        subscription: &mut Subscription,
    ) -> (Batch, Option<SubscriptionError>) {
        let mut batch = Batch::default();
        let mut next = Some(update);
        while let Some(update) = next {
            match update {
                Ok(update) => self.take(update, &mut batch),
                Err(error) => return (batch, Some(error)),
            }
            next = if batch.has_room() { subscription.try_next() } else { None };
        }
        (batch, None)
    }

    fn subscription(&self) -> SubscriptionConfig {
        let UpstreamSettings { publish, replay, prefixes, .. } = &self.settings;
        let name = self.key.signer().to_string();
        let cursor = self.cursor.clone();
        SubscriptionConfig {
            security: self.security.clone(),
            prefixes: prefixes.clone(),
            // What was taken from elsewhere already ends at the digest.
            start: Start::After(Seq::START),
            believe: Believe::Judged(self.judge.clone()),
            other_journal: OtherJournal::ReadOn,
            name: Some(name).filter(|name| name.len() <= MAX_SINK_NAME_BYTES),
            cursor: cursor.map(|cursor| -> Box<dyn CursorStore> { Box::new(cursor) }),
            status_interval: STATUS_INTERVAL,
            queued_updates: QUEUED_UPDATES,
            max_frame_bytes: self.max_frame_bytes,
            ..SubscriptionConfig::new(publish.clone(), replay.clone())
        }
    }

    fn take(&self, update: Update, batch: &mut Batch) {
        let upstream = &self.settings.upstream.signer;
        match update {
            Update::Event(delivery) => batch.add(*delivery, &self.key),
            Update::CaughtUp(position) => batch.position = Some(position),
            Update::Complete { .. } => {}
            Update::Progress { last, .. } => self.state.last.store(last.0, Ordering::Relaxed),
            Update::Lost { after, before } => {
                let events = before.0.saturating_sub(after.0).saturating_sub(1);
                self.state.lost.add(usize::try_from(events).unwrap_or(usize::MAX));
                tracing::error!(%upstream, %after, %before, "events are lost: the upstream does not have them any more");
            }
            Update::JournalChanged { from, to } => {
                tracing::warn!(%upstream, %from, %to, "the upstream has another journal: it was rebuilt, or is another relay. Reading on in it");
            }
            Update::Refused { seq, reason } => {
                self.counters.upstream.refused.add(1);
                let seq = seq.map(|seq| seq.to_string()).unwrap_or_default();
                tracing::warn!(%upstream, seq, detail = reason, "an event of an upstream was refused");
            }
            Update::Connected => self.connected(),
            Update::Disconnected => {
                self.state.is_connected.store(false, Ordering::Relaxed);
                tracing::warn!(%upstream, "disconnected from an upstream: trying again");
            }
            Update::HandshakeFailed(failure) => {
                self.state.is_connected.store(false, Ordering::Relaxed);
                tracing::error!(%upstream, %failure, "an upstream does not let this relay connect: trying again");
            }
            Update::Contradiction { endpoint, said } => {
                tracing::error!(%upstream, endpoint, %said, "an upstream contradicts itself: asking it again");
            }
            Update::ReplaySilent => {
                tracing::warn!(%upstream, "an upstream's replay endpoint does not answer: trying again");
            }
        }
    }

    fn connected(&self) {
        let upstream = &self.settings.upstream.signer;
        self.state.is_connected.store(true, Ordering::Relaxed);
        if self.settings.replay.is_some() {
            tracing::info!(%upstream, "connected to an upstream");
            return;
        }
        self.state.unseen.add(1);
        tracing::warn!(
            %upstream,
            "connected to an upstream without replay: what it published before is not seen here"
        );
    }

    /// A crash before this reads the batch once more.
    fn move_on(&self, batch: &Batch, subscription: &Subscription) {
        if let Some(position) = batch.position {
            self.state.seq.store(position.seq.0, Ordering::Relaxed);
            if let Err(error) = subscription.handled(position) {
                self.warn_of_cursor(error);
            }
        }
        note_last(&self.state, subscription);
    }

    /// The position stays where it was, and is stored with the next one that can be.
    fn warn_of_cursor(&self, error: CursorError) {
        tracing::warn!(
            upstream = %self.settings.upstream.signer,
            error = format!("{:#}", anyhow::Error::from(error)),
            "the position in an upstream's journal could not be stored"
        );
    }
}

/// How far the upstream's journal goes, as it said last.
fn note_last(state: &UpstreamState, subscription: &Subscription) {
    if let Some(last) = subscription.last() {
        state.last.store(last.0, Ordering::Relaxed);
    }
}
