//! Rules that wait for other events: what of an event is kept for them, and what was missed.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use laniakea_event::Digest;

use super::Loop;
use crate::{
    batch::KeptEvent,
    match_rules::{Believed, Part, parts},
    rules::Rules,
    watch::{Step, Watch},
};

/// When nothing may be missed: until everything that came before has been read.
#[derive(Debug, Default)]
pub(super) struct Judge {
    /// All that the journal had has been read, and the connection stands.
    is_current: bool,
    /// When the loop last turned, on the clock on the wall.
    turned: Option<Timestamp>,
    not_before: Option<Instant>,
}

/// Whoever slept longer may have slept through events.
const PAUSE: Duration = Duration::from_secs(10);
/// By then the subscription has asked the relay whether something was missed.
const SETTLE: Duration = Duration::from_secs(35);

impl Judge {
    /// What the stream says.
    pub(super) fn note(&mut self, is_caught_up: bool, is_disconnected: bool) {
        self.is_current = is_caught_up || (self.is_current && !is_disconnected);
    }

    /// Whether what is overdue is missed, and has not merely not been read.
    fn may(&mut self, shown: Timestamp, now: Instant) -> bool {
        let before = self.turned.replace(shown);
        // Stopped, suspended, or the clock was set.
        if before.is_some_and(|before| shown.duration_since(before).unsigned_abs() > PAUSE) {
            tracing::info!("keeper or its clock stood still: absences are judged later");
            self.not_before = Some(now + SETTLE);
        }
        self.is_current && self.not_before.is_none_or(|not_before| not_before <= now)
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

    /// Has what was missed run.
    pub(super) fn judge(&mut self) -> anyhow::Result<()> {
        let now = self.keeper.clock.now();
        if !self.judge.may(now, Instant::now()) || self.watch.next_end().is_none_or(|end| end > now)
        {
            return Ok(());
        }
        let steps = self.watch.overdue(now);
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
    fn nothing_is_missed_before_everything_was_read() {
        let (shown, now) = (Timestamp::UNIX_EPOCH, Instant::now());
        let after = |seconds: u64| (shown + Duration::from_secs(seconds), now + SETTLE);
        let mut judge = Judge::default();
        assert!(!judge.may(shown, now));
        judge.note(true, false);
        assert!(judge.may(shown, now));
        // Without a connection nothing comes; once it is back, all that came is read first.
        judge.note(false, true);
        assert!(!judge.may(shown, now));
        judge.note(false, false);
        assert!(!judge.may(shown, now));
        judge.note(true, true);
        assert!(judge.may(shown, now));
        // Suspended for an hour.
        let (shown, _) = after(3_600);
        assert!(!judge.may(shown, now + Duration::from_secs(1)));
        assert!(!judge.may(shown, now + SETTLE));
        assert!(judge.may(shown, now + SETTLE + Duration::from_secs(1)));
    }
}
