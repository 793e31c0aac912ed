//! What `lk on` does about an event that the command fails on.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use anyhow::anyhow;
use clap::Args;
use laniakea_event::Digest;
use laniakea_spool::{Bounds, Failures, Next, Quarantine, RetryPolicy, SpoolError, Then};
use laniakea_wire::subscription::Delivery;

use crate::{
    commands::handler::{AGAIN, Failure, Finished, Handler, Stderr, Task},
    failure::{Explain as _, hinted},
    follow::Follow,
    session::Session,
    when::parse_duration,
};

/// What to do about an event that the command fails on.
#[derive(Debug, Args)]
pub(super) struct Patience {
    /// How often the command is run again for an event that it failed on, after pauses that
    /// double up to a minute [default: 4 with --quarantine, else 0].
    #[arg(long, value_name = "N")]
    retries: Option<u32>,
    /// The pause before the first retry.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse_duration)]
    retry_pause: Duration,
    /// Set an event aside in this directory when its last retry has failed, and go on with the
    /// next one. Without it `on` stops there. See `lk quarantine`.
    #[arg(long, value_name = "DIR")]
    quarantine: Option<PathBuf>,
    /// How many events may be set aside; then `on` stops at the next one.
    #[arg(
        long,
        value_name = "N",
        requires = "quarantine",
        default_value_t = Quarantine::BOUNDS.events,
        hide_default_value = false
    )]
    quarantine_max: usize,
}

impl Patience {
    /// What the command says is kept where there is a place for it.
    pub(super) fn stderr(&self) -> Stderr {
        if self.quarantine.is_some() { Stderr::Kept } else { Stderr::Inherited }
    }

    fn policy(&self) -> RetryPolicy {
        let then = if self.quarantine.is_some() { Then::SetAside } else { Then::Stop };
        let usual = RetryPolicy::new(then);
        let unless_given = if then == Then::SetAside { usual.retries } else { 0 };
        let retries = self.retries.unwrap_or(unless_given);
        let (first_pause, longest_pause) =
            (self.retry_pause, usual.longest_pause.max(self.retry_pause));
        RetryPolicy { retries, first_pause, longest_pause, then }
    }
}

/// Runs the command until an event is settled.
pub(super) struct Worker<'a> {
    handler: Handler,
    policy: RetryPolicy,
    quarantine: Option<Quarantine>,
    /// What was in quarantine at the start: after a crash the cursor may stand before it.
    known: BTreeSet<Digest>,
    session: &'a Session<'a>,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    /// It was handled or set aside.
    GoOn,
    /// The same, and the user wants to stop.
    ThenStop,
    /// The user wants to stop before it was handled.
    Unfinished,
}

impl<'a> Worker<'a> {
    pub(super) fn new(
        handler: Handler,
        patience: &Patience,
        session: &'a Session<'a>,
    ) -> anyhow::Result<Self> {
        let bounds = Bounds { events: patience.quarantine_max, ..Quarantine::BOUNDS };
        let open = |dir: &PathBuf| Quarantine::open(dir, bounds);
        let quarantine = patience.quarantine.as_ref().map(open).transpose().or_usage()?;
        let names = quarantine.as_ref().map(Quarantine::names).transpose().or_usage()?;
        let known = names.unwrap_or_default().into_iter().map(|name| name.digest).collect();
        Ok(Self { handler, policy: patience.policy(), quarantine, known, session })
    }

    /// Runs the command for an event until it was handled or set aside.
    ///
    /// # Errors
    ///
    /// It was neither: nothing goes on.
    pub(super) async fn settle(
        &mut self,
        follow: &mut Follow,
        delivery: &Delivery,
    ) -> anyhow::Result<Settled> {
        let seq = delivery.note().map(|note| note.seq).unwrap_or_default();
        let (id, digest) = (delivery.id().as_str(), delivery.digest());
        let task = Task { id, digest, seq, frame: delivery.frame() };
        if self.was_set_aside(digest)? {
            follow.aside(|| self.session.notices.note(&format!("{task} is in quarantine")));
            return Ok(Settled::GoOn);
        }
        let mut failures = None;
        loop {
            let run = self.handler.run(&task, async || follow.stopped().await).await?;
            let Finished { outcome, is_stopping } = run;
            let end = if is_stopping { Settled::ThenStop } else { Settled::GoOn };
            let Err(failure) = outcome else { return Ok(end) };
            let failed = self.note(failures, &failure);
            match self.policy.next(&failed) {
                Next::Retry(pause) if !is_stopping => {
                    let again = format!("{}: trying again in {pause:?}", failure.message);
                    follow.aside(|| self.session.notices.warning(&again));
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = follow.stopped() => {
                            let text = format!("stopped before {task} was handled");
                            self.session.notices.warning(&text);
                            return Ok(Settled::Unfinished);
                        }
                    }
                }
                Next::SetAside => {
                    self.set_aside(&task, delivery, &failed)?;
                    let text = format!("{}: set aside in quarantine", failure.message);
                    follow.aside(|| self.session.notices.warning(&text));
                    return Ok(end);
                }
                Next::Retry(_) | Next::Stop => {
                    return Err(hinted(anyhow!(failure.message), AGAIN));
                }
            }
            failures = Some(failed);
        }
    }

    fn note(&self, failures: Option<Failures>, failure: &Failure) -> Failures {
        let now = self.session.clock.now();
        match failures {
            Some(failures) => failures.again(&failure.error, now),
            None => Failures::new(&failure.error, now),
        }
    }

    /// Whether the last run set this event aside and crashed before the cursor was stored.
    fn was_set_aside(&mut self, digest: Digest) -> anyhow::Result<bool> {
        let Some(quarantine) = self.quarantine.as_ref().filter(|_| self.known.remove(&digest))
        else {
            return Ok(false);
        };
        Ok(quarantine.names()?.iter().any(|name| name.digest == digest))
    }

    fn set_aside(
        &self,
        task: &Task<'_>,
        delivery: &Delivery,
        failures: &Failures,
    ) -> anyhow::Result<()> {
        let Some(quarantine) = &self.quarantine else { return Ok(()) };
        let outcome = quarantine.set_aside(task.frame, delivery.position(), failures);
        let Err(error) = outcome else { return Ok(()) };
        let dir = quarantine.path().display().to_string();
        let is_full = matches!(error, SpoolError::Full { .. });
        let error = anyhow::Error::from(error).context(format!("could not set aside {task}"));
        let make_room = format!(
            "look at them with `lk quarantine list {dir}`, then retry or drop some, or raise \
             --quarantine-max. {AGAIN}"
        );
        Err(hinted(error, if is_full { make_room } else { AGAIN.to_owned() }))
    }
}
