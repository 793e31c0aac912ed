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
    source::Arrived,
    watch::{Step, Watch},
};

/// When nothing may be missed: until everything that came before has been read.
#[derive(Debug, Default)]
pub(super) struct Judge {
    /// All that the journal had has been read, and the connection stands.
    is_current: bool,
    /// More had come than is taken at a time: the answer may be among what is left.
    is_behind: bool,
    /// When the loop last turned, on the clock on the wall.
    turned: Option<Timestamp>,
    not_before: Option<Instant>,
}

/// Whoever slept longer may have slept through events.
const PAUSE: Duration = Duration::from_secs(10);
/// What the relay took just in time is on its way for so long.
const ON_ITS_WAY: Duration = Duration::from_secs(1);
/// By then the subscription has asked the relay whether something was missed.
const SETTLE: Duration = Duration::from_secs(35);

impl Judge {
    /// What the stream says.
    pub(super) fn note(&mut self, arrived: &Arrived) {
        let stands = self.is_current && !arrived.is_disconnected;
        self.is_current = arrived.is_caught_up || stands;
        self.is_behind = arrived.is_full();
    }

    /// Whether what is overdue is missed, and has not merely not been read.
    fn may(&mut self, shown: Timestamp, now: Instant) -> bool {
        let before = self.turned.replace(shown);
        // Stopped, suspended, or the clock was set.
        if before.is_some_and(|before| shown.duration_since(before).unsigned_abs() > PAUSE) {
            tracing::info!("keeper or its clock stood still: absences are judged later");
            self.not_before = Some(now + SETTLE);
        }
        let is_settled = self.not_before.is_none_or(|not_before| not_before <= now);
        self.is_current && !self.is_behind && is_settled
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
        let until = now.checked_sub(ON_ITS_WAY).unwrap_or(Timestamp::MIN);
        let is_over = |end: Timestamp| end <= until;
        if !self.judge.may(now, Instant::now()) || !self.watch.next_end().is_some_and(is_over) {
            return Ok(());
        }
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
    fn nothing_is_missed_before_everything_was_read() {
        let (shown, now) = (Timestamp::UNIX_EPOCH, Instant::now());
        let after = |seconds: u64| (shown + Duration::from_secs(seconds), now + SETTLE);
        let all = || Arrived { is_caught_up: true, ..Arrived::default() };
        let mut judge = Judge::default();
        assert!(!judge.may(shown, now));
        judge.note(&all());
        assert!(judge.may(shown, now));
        // Without a connection nothing comes; once it is back, all that came is read first.
        judge.note(&Arrived { is_disconnected: true, ..Arrived::default() });
        assert!(!judge.may(shown, now));
        judge.note(&Arrived::default());
        assert!(!judge.may(shown, now));
        judge.note(&Arrived { is_disconnected: true, ..all() });
        assert!(judge.may(shown, now));
        // There is more than was taken.
        let many = Arrived { frames: vec![Vec::new(); 500], ..Arrived::default() };
        judge.note(&many);
        assert!(!judge.may(shown, now));
        judge.note(&Arrived::default());
        assert!(judge.may(shown, now));
        // Suspended for an hour.
        let (shown, _) = after(3_600);
        assert!(!judge.may(shown, now + Duration::from_secs(1)));
        assert!(!judge.may(shown, now + SETTLE));
        assert!(judge.may(shown, now + SETTLE + Duration::from_secs(1)));
    }
}
