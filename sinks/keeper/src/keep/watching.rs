//! Rules that wait for other events: what of an event is kept for them, and what was missed.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use laniakea_event::Digest;
use laniakea_wire::subscription::Subscription;

use super::Loop;
use crate::{
    batch::KeptEvent,
    match_rules::{Believed, Part, parts},
    rules::Rules,
    source::Arrived,
    watch::{Step, Watch},
};

/// Up to when it is known what did not come. Only the relay can say that: nobody sees that nothing
/// comes over a connection that is dead.
#[derive(Debug, Default)]
pub(super) struct Judge {
    /// All that the relay had taken by then has been read.
    complete: Option<Instant>,
    /// When the loop last turned, on the clock on the wall.
    turned: Option<Timestamp>,
    /// What the relay was asked before does not count.
    not_before: Option<Instant>,
}

/// Whoever slept longer may have slept through events.
const PAUSE: Duration = Duration::from_secs(10);
/// What the relay took just in time is on its way to the journal for so long.
const ON_ITS_WAY: Duration = Duration::from_secs(1);

impl Judge {
    /// What the stream says.
    pub(super) fn note(&mut self, arrived: &Arrived) {
        self.complete = arrived.complete.or(self.complete);
    }

    /// Until when, on the clock on the wall, what did not come is missed.
    fn until(&mut self, shown: Timestamp, now: Instant) -> Option<Timestamp> {
        let before = self.turned.replace(shown);
        // Stopped, suspended, or the clock was set.
        if before.is_some_and(|before| shown.duration_since(before).unsigned_abs() > PAUSE) {
            tracing::info!("keeper or its clock stood still: absences are judged later");
            self.not_before = Some(now);
        }
        let complete = self.complete.filter(|at| self.not_before.is_none_or(|first| *at >= first));
        let ago = now.saturating_duration_since(complete?) + ON_ITS_WAY;
        shown.checked_sub(ago).ok()
    }
}

impl Loop {
    /// Makes the rules known to the ledger, and goes on with what it keeps for them.
    pub(super) fn adopt(&mut self) -> anyhow::Result<()> {
        let rules: Vec<_> = self.keeper.rules.iter().map(crate::rules::Rule::known).collect();
        let now = self.keeper.clock.now();
        let adopted = self.keeper.ledger.lock().adopt(&rules, now)?;
        let patterns = self.keeper.rules.iter();
        let patterns =
            patterns.filter_map(|rule| Some((rule.name.clone(), rule.waits.as_ref()?.pattern)));
        self.watch = Watch::new(patterns, adopted.kept);
        for (rule, since) in adopted.seen {
            let since = self.moment(since);
            self.schedule.there_since(&rule, since);
        }
        Ok(())
    }

    /// What an event means to rules that wait. One that was taken before means nothing: it is among
    /// the `taken` of this time, or the ledger knows it.
    pub(super) fn see(
        &mut self,
        rules: &Rules,
        event: &KeptEvent,
        believed: &Believed,
        taken: &mut BTreeSet<Digest>,
        now: Timestamp,
    ) -> anyhow::Result<Vec<Step>> {
        let mut parts = parts(rules, event, believed);
        for part in &mut parts {
            if !self.may_follow(part.rule, event) {
                part.keep_answers();
            }
        }
        parts.retain(|part| !part.roles.is_empty());
        let is_new = !parts.is_empty()
            && taken.insert(event.digest)
            && !self.keeper.ledger.lock().knows(&event.digest)?;
        if !is_new {
            return Ok(Vec::new());
        }
        let at = event.received.unwrap_or(now);
        let see = |part: Part<'_>| self.watch.see(&part.rule.name, &part.key, &part.roles, at);
        Ok(parts.into_iter().flat_map(see).collect())
    }

    /// Has what was missed run, as far as the relay says that nothing else came; where it has not
    /// said so yet, it is asked.
    pub(super) fn judge(&mut self, subscription: &Subscription) -> anyhow::Result<()> {
        let now = self.keeper.clock.now();
        let until = self.judge.until(now, Instant::now());
        let Some(end) = self.watch.next_end() else { return Ok(()) };
        let Some(until) = until.filter(|until| end <= *until) else {
            let can_be_known = now.checked_sub(ON_ITS_WAY).is_ok_and(|latest| end <= latest);
            if can_be_known {
                subscription.ask_complete();
            }
            return Ok(());
        };
        let steps = self.watch.overdue(until);
        let added = self.keeper.ledger.lock().judge(&steps, now)?;
        for (rule, key) in added {
            tracing::warn!(rule, key, "what the rule waits for did not come");
            self.schedule.add(&rule, &key, self.now());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_missed_before_the_relay_says_that_nothing_else_came() {
        let (shown, now) = (Timestamp::UNIX_EPOCH, Instant::now());
        let seconds = Duration::from_secs;
        let complete = |at| Arrived { complete: Some(at), ..Arrived::default() };
        let mut judge = Judge::default();
        assert_eq!(judge.until(shown, now), None);
        judge.note(&complete(now));
        assert_eq!(judge.until(shown, now), Some(shown - seconds(1)));
        // Time goes by; nobody knows what came meanwhile.
        judge.note(&Arrived::default());
        let later = (shown + seconds(5), now + seconds(5));
        assert_eq!(judge.until(later.0, later.1), Some(shown - seconds(1)));
        judge.note(&complete(later.1));
        assert_eq!(judge.until(later.0, later.1), Some(later.0 - seconds(1)));
        // Suspended for an hour, in which this clock stood still.
        let shown = later.0 + seconds(3_600);
        let woken = later.1 + seconds(1);
        assert_eq!(judge.until(shown, woken), None);
        // The answer to what was asked before.
        judge.note(&complete(later.1));
        assert_eq!(judge.until(shown, woken), None);
        judge.note(&complete(woken));
        assert_eq!(judge.until(shown, woken), Some(shown - seconds(1)));
    }
}
