//! When what runs: debounce, distance, concurrency, retries. It has no clock and no disk of its own.
//!
//! Events of one rule and key wait together and become one run. [`Schedule::due`] says which runs
//! may begin; whoever asks starts them and says when they have ended. The same code decides in the
//! daemon, in tests and in `keeper simulate`.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;

use crate::cron::Cron;

/// A point on a clock that does not jump: the time since somebody's beginning.
pub type Moment = Duration;

/// Names a run in the ledger.
pub type RunId = i64;

/// When a rule's runs may begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// It has to be quiet for so long.
    pub debounce: Duration,
    /// But nobody waits longer than this.
    pub max_wait: Option<Duration>,
    /// Runs of one key begin so far from each other.
    pub once_within: Duration,
    /// Runs of one key at a time.
    pub per_key: usize,
    /// Runs of the rule at a time.
    pub concurrency: usize,
    /// A run without events, when there was none for so long.
    pub fallback_every: Option<Duration>,
    /// A run without events at these times, unless one begins just then anyway.
    pub fallback_cron: Option<Cron>,
}

/// A run that may begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// The events that wait for this rule and key.
    Events {
        /// The rule.
        rule: String,
        /// The key.
        key: String,
    },
    /// Nothing came for a long time.
    Fallback {
        /// The rule.
        rule: String,
    },
    /// Another attempt at a run that failed.
    Retry {
        /// The rule.
        rule: String,
        /// The key.
        key: String,
        /// The run.
        run: RunId,
    },
}

/// What becomes of a run that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Nothing more.
    Done,
    /// Another attempt after a pause. Until then no other run of its key begins.
    Retry(Duration),
}

/// Who waits, and who runs.
#[derive(Debug)]
pub struct Schedule {
    /// Runs of all rules at a time.
    limit: usize,
    running: usize,
    rules: BTreeMap<String, RuleState>,
    wall: Wall,
}

/// What the clock on the wall shows at the moment 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wall(Timestamp);

#[derive(Debug)]
struct RuleState {
    timing: Timing,
    /// The rule is not there any more: nothing begins, and what waits is kept in case it returns.
    is_gone: bool,
    running: usize,
    keys: BTreeMap<String, KeyState>,
    /// When any run of the rule last began; the rule's own beginning until then.
    last: Moment,
    /// One has begun.
    has_begun: bool,
    /// When `fallback_cron` is due after that.
    cron: Option<Moment>,
    retries: BTreeSet<(Moment, RunId, String)>,
}

#[derive(Debug, Default)]
struct KeyState {
    waiting: Option<Waiting>,
    /// Runs that are at work, or will be tried again.
    held: usize,
    /// Those of them that are at work.
    at_work: usize,
    last: Option<Moment>,
}

/// Events that wait.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    first: Moment,
    last: Moment,
}

impl Waiting {
    fn ready(&self, timing: &Timing) -> Moment {
        let quiet = self.last.saturating_add(timing.debounce);
        match timing.max_wait {
            Some(max_wait) => quiet.min(self.first.saturating_add(max_wait)),
            None => quiet,
        }
    }
}

impl KeyState {
    /// When the events that wait may run, as far as time alone decides.
    fn ready(&self, timing: &Timing) -> Option<Moment> {
        let ready = self.waiting?.ready(timing);
        let apart = self.last.map_or(Moment::ZERO, |last| last.saturating_add(timing.once_within));
        Some(ready.max(apart))
    }

    fn is_idle(&self, timing: &Timing, now: Moment) -> bool {
        let may_be_forgotten =
            self.last.is_none_or(|last| last.saturating_add(timing.once_within) <= now);
        self.waiting.is_none() && self.held == 0 && may_be_forgotten
    }
}

impl Schedule {
    /// Nobody waits; at most `limit` runs go on at a time.
    pub fn new(limit: usize) -> Self {
        let wall = Wall(Timestamp::UNIX_EPOCH);
        Self { limit: limit.max(1), running: 0, rules: BTreeMap::new(), wall }
    }

    /// What the clock on the wall shows; it may be set at any time.
    pub fn set_wall(&mut self, now: Moment, shown: Timestamp) {
        /// Both clocks are never looked at in the same instant.
        const SAME: Duration = Duration::from_millis(500);
        let wall = Wall::new(now, shown);
        if wall.0.duration_since(self.wall.0).unsigned_abs() > SAME {
            self.wall = wall;
            self.rules.values_mut().for_each(|rule| rule.look_at(wall));
        }
    }

    /// Takes the rules as they are from now on. What waits or runs for a rule that stays goes on.
    pub fn set_rules(&mut self, rules: impl IntoIterator<Item = (String, Timing)>, now: Moment) {
        for state in self.rules.values_mut() {
            state.is_gone = true;
        }
        for (name, timing) in rules {
            let state = self.rules.entry(name).or_insert_with(|| RuleState {
                timing: timing.clone(),
                is_gone: false,
                running: 0,
                keys: BTreeMap::new(),
                last: now,
                has_begun: false,
                cron: None,
                retries: BTreeSet::new(),
            });
            (state.timing, state.is_gone) = (timing, false);
            state.look_at(self.wall);
        }
    }

    /// Whether the rule is there, or was.
    pub fn knows(&self, rule: &str) -> bool {
        self.rules.contains_key(rule)
    }

    /// An event has come.
    pub fn add(&mut self, rule: &str, key: &str, now: Moment) {
        let Some(state) = self.rules.get_mut(rule) else { return };
        let key = state.keys.entry(key.to_owned()).or_default();
        let first = key.waiting.map_or(now, |waiting| waiting.first);
        key.waiting = Some(Waiting { first, last: now });
    }

    /// A rule is there since before; so long that its safety net may be due. Once one of its runs
    /// has begun, that counts instead.
    pub fn there_since(&mut self, rule: &str, at: Moment) {
        let wall = self.wall;
        let Some(state) = self.rules.get_mut(rule).filter(|state| !state.has_begun) else { return };
        state.last = state.last.min(at);
        state.look_at(wall);
    }

    /// A run began before; so far back that its successor may be due.
    pub fn began(&mut self, rule: &str, key: &str, at: Moment) {
        let wall = self.wall;
        let Some(state) = self.rules.get_mut(rule) else { return };
        state.last = state.last.max(at);
        state.has_begun = true;
        state.look_at(wall);
        // Nobody else asks when a key last ran.
        if state.timing.once_within > Duration::ZERO {
            let key = state.keys.entry(key.to_owned()).or_default();
            key.last = key.last.max(Some(at));
        }
    }

    /// A run from before waits for another attempt.
    pub fn hold(&mut self, rule: &str, key: &str, run: RunId, at: Moment) {
        let Some(state) = self.rules.get_mut(rule) else { return };
        state.keys.entry(key.to_owned()).or_default().held += 1;
        state.retries.insert((at, run, key.to_owned()));
    }

    /// The runs that may begin now, the longest wait first. They count as begun.
    pub fn due(&mut self, now: Moment) -> Vec<Due> {
        let mut candidates = Vec::new();
        for (name, state) in self.rules.iter().filter(|(_, state)| !state.is_idle()) {
            state.candidates(name, now, &mut candidates);
        }
        candidates.sort_by_key(|(ready, _)| *ready);
        let mut due = Vec::new();
        for (_, candidate) in candidates {
            if self.running >= self.limit {
                break;
            }
            if self.begin(&candidate, now) {
                due.push(candidate);
            }
        }
        due
    }

    /// A run has ended.
    pub fn ended(&mut self, rule: &str, key: &str, run: RunId, next: Next, now: Moment) {
        self.running = self.running.saturating_sub(1);
        let Some(state) = self.rules.get_mut(rule) else { return };
        state.running = state.running.saturating_sub(1);
        if let Some(key) = state.keys.get_mut(key) {
            key.at_work = key.at_work.saturating_sub(1);
        }
        match next {
            Next::Retry(pause) => {
                state.retries.insert((now.saturating_add(pause), run, key.to_owned()));
            }
            Next::Done => {
                if let Some(key) = state.keys.get_mut(key) {
                    key.held = key.held.saturating_sub(1);
                }
            }
        }
        let timing = &state.timing;
        state.keys.retain(|_, key| !key.is_idle(timing, now));
    }

    /// When [`Self::due`] may next have something to say, if time alone brings it about.
    pub fn next_wake(&self) -> Option<Moment> {
        if self.running >= self.limit {
            return None;
        }
        let rules = self.rules.values().filter(|state| !state.is_idle());
        rules.filter_map(RuleState::next_wake).min()
    }

    /// How many runs are at work.
    pub fn running(&self) -> usize {
        self.running
    }

    /// Counts a candidate as begun, unless too much runs already.
    fn begin(&mut self, candidate: &Due, now: Moment) -> bool {
        let (rule, key) = match candidate {
            Due::Events { rule, key } | Due::Retry { rule, key, .. } => (rule, key.as_str()),
            Due::Fallback { rule } => (rule, ""),
        };
        let Some(state) = self.rules.get_mut(rule) else { return false };
        if state.running >= state.timing.concurrency {
            return false;
        }
        let per_key = state.timing.per_key;
        let of_key = state.keys.entry(key.to_owned()).or_default();
        if let Due::Retry { run, .. } = candidate {
            if of_key.at_work >= per_key {
                return false;
            }
            state.retries.retain(|(_, waiting, _)| waiting != run);
        } else {
            if of_key.held >= per_key {
                return false;
            }
            of_key.held += 1;
            of_key.waiting = None;
        }
        of_key.at_work += 1;
        of_key.last = Some(now);
        (state.last, state.has_begun) = (now, true);
        state.look_at(self.wall);
        state.running += 1;
        self.running += 1;
        true
    }
}

impl Wall {
    fn new(now: Moment, shown: Timestamp) -> Self {
        Self(shown.checked_sub(now).unwrap_or(Timestamp::MIN))
    }

    fn shown(self, at: Moment) -> Timestamp {
        self.0.checked_add(at).unwrap_or(Timestamp::MAX)
    }

    fn moment(self, at: Timestamp) -> Moment {
        Moment::try_from(at.duration_since(self.0)).unwrap_or_default()
    }
}

impl RuleState {
    /// Time alone brings nothing about. Most rules are idle most of the time, and all of them are
    /// asked for every event.
    fn is_idle(&self) -> bool {
        self.keys.is_empty()
            && self.retries.is_empty()
            && self.timing.fallback_every.is_none()
            && self.timing.fallback_cron.is_none()
    }

    fn look_at(&mut self, wall: Wall) {
        let cron = self.timing.fallback_cron.as_ref();
        let next = cron.and_then(|cron| cron.after(wall.shown(self.last)));
        self.cron = next.map(|next| wall.moment(next));
    }

    fn candidates(&self, name: &str, now: Moment, candidates: &mut Vec<(Moment, Due)>) {
        let rule = || name.to_owned();
        if !self.has_room() {
            return;
        }
        for (at, run, key) in self.possible_retries().take_while(|(at, ..)| *at <= now) {
            let due = Due::Retry { rule: rule(), key: key.clone(), run: *run };
            candidates.push((*at, due));
        }
        for (key, state) in &self.keys {
            let ready = state.ready(&self.timing).filter(|ready| *ready <= now);
            if let Some(ready) = ready
                && state.held < self.timing.per_key
            {
                candidates.push((ready, Due::Events { rule: rule(), key: key.clone() }));
            }
        }
        if let Some(at) = self.fallback()
            && at <= now
        {
            candidates.push((at, Due::Fallback { rule: rule() }));
        }
    }

    /// A run that somebody wants tried again waits for those of its key that are at work.
    fn possible_retries(&self) -> impl Iterator<Item = &(Moment, RunId, String)> {
        let has_room =
            |key: &str| self.keys.get(key).is_none_or(|key| key.at_work < self.timing.per_key);
        self.retries.iter().filter(move |(_, _, key)| has_room(key))
    }

    /// While anything of the rule waits or runs, the safety net is not needed.
    fn fallback(&self) -> Option<Moment> {
        let is_quiet = self.running == 0
            && self.retries.is_empty()
            && self.keys.values().all(|key| key.waiting.is_none());
        let every = self.timing.fallback_every.map(|every| self.last.saturating_add(every));
        every.into_iter().chain(self.cron).min().filter(|_| is_quiet)
    }

    fn next_wake(&self) -> Option<Moment> {
        let retry = self.possible_retries().next().map(|(at, ..)| *at);
        let events = self
            .keys
            .values()
            .filter(|key| key.held < self.timing.per_key)
            .filter_map(|key| key.ready(&self.timing));
        // When a run ends it is looked at anyway.
        retry.into_iter().chain(events).chain(self.fallback()).filter(|_| self.has_room()).min()
    }

    fn has_room(&self) -> bool {
        !self.is_gone && self.running < self.timing.concurrency
    }
}

#[cfg(test)]
mod tests;
