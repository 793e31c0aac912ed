//! The loop: take what has come, start what is due, note what has ended.

mod catching_up;
mod costly;
mod watching;

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use jiff::Timestamp;
use laniakea_daemon::{Clock, Stopping, TrustSource};
use laniakea_event::SignedEvent;
use laniakea_wire::subscription::{Position, Subscription};
use tokio::{sync::watch, task::JoinSet};

use crate::{
    action::{Emission, Ended, Order, Outcome, end_leftovers},
    batch::{self, KeptEvent},
    chain::Chain,
    failpoint::{Point, reach},
    herald::Herald,
    ledger::{Arrival, Interrupted, SharedLedger, Started, Verdict, Wanted},
    match_rules::{believe, matching},
    rules::{CatchUp, Loaded, Problem, Rule, Rules, RulesLoader, UnknownOutcome},
    schedule::{Due, Moment, Next, RunId, Schedule},
    source::{Arrived, next_batch},
    watch::Watch,
};
use catching_up::CatchingUp;
use costly::Costly;
use watching::Judge;

/// How often it is looked whether somebody wants a run tried again, or changed the rules.
const LOOK: Duration = Duration::from_secs(2);
/// How often old runs are removed.
const PRUNE: Duration = Duration::from_hours(1);
/// How long runs may take to end when keeper stops.
const DRAIN: Duration = Duration::from_secs(15);
/// How long a run whose lock somebody else holds waits until it looks again.
const HELD: Duration = Duration::from_secs(4);
/// No pause before another attempt is longer; where one seems to be, the clock was set back.
const LONGEST_PAUSE: Duration = Duration::from_hours(24);
/// So long before its start keeper's own time begins, so that what was before has its place.
const PAST: Duration = Duration::from_hours(10 * 365 * 24);
const UNKNOWN: &str = "keeper ended while it ran: nobody knows how it went";

/// Everything that the loop works with.
pub struct Keeper {
    /// The rules in force.
    pub rules: Rules,
    /// Where they come from.
    pub loader: RulesLoader,
    /// Where keeper's files are.
    pub data_dir: PathBuf,
    /// Its own program, which supervises others.
    pub program: PathBuf,
    /// Whose events are believed.
    pub trust: Arc<TrustSource>,
    /// What survives.
    pub ledger: SharedLedger,
    /// The clock on the wall.
    pub clock: Arc<dyn Clock>,
    /// Runs of all rules at a time.
    pub concurrency: usize,
    /// How long runs that have ended are kept.
    pub retain: Option<Duration>,
    /// Say what would be done instead of doing it.
    pub is_dry_run: bool,
    /// Signs what rules emit.
    pub herald: Option<Arc<Herald>>,
}

/// A run's attempt that has ended.
type Done = (RunId, String, String, u32, Ended);

struct Loop {
    keeper: Keeper,
    schedule: Schedule,
    began: Instant,
    at_work: JoinSet<Done>,
    /// Runs that the schedule knows of: at work, or waiting for another attempt.
    open: BTreeSet<RunId>,
    /// Those of them whose lock somebody else holds: they are told once, not at every look.
    held: BTreeSet<RunId>,
    catching_up: CatchingUp,
    watch: Watch,
    judge: Judge,
    costly: Costly,
    pruned: Instant,
}

impl Keeper {
    /// Works until it is told to stop; `reload` changes when the rules are to be read again.
    ///
    /// # Errors
    ///
    /// The stream or the ledger.
    pub async fn run(
        self,
        mut subscription: Subscription,
        reload: watch::Receiver<()>,
        stopping: Stopping,
    ) -> anyhow::Result<()> {
        let began = Instant::now();
        let mut this = Loop {
            schedule: Schedule::new(self.concurrency),
            keeper: self,
            began,
            at_work: JoinSet::new(),
            open: BTreeSet::new(),
            held: BTreeSet::new(),
            catching_up: CatchingUp::new(began),
            watch: Watch::default(),
            judge: Judge::default(),
            costly: Costly::default(),
            pruned: began,
        };
        this.restore()?;
        let outcome = this.work(&mut subscription, reload, stopping).await;
        this.drain().await?;
        let closed = subscription.close(Duration::from_secs(2)).await;
        outcome?;
        Ok(closed?)
    }
}

impl Loop {
    fn now(&self) -> Moment {
        PAST + self.began.elapsed()
    }

    /// When something happens, on the clock that does not jump.
    fn moment(&self, time: Timestamp) -> Moment {
        let (now, ahead) = (self.now(), time.duration_since(self.keeper.clock.now()));
        if ahead.is_negative() {
            now.saturating_sub(ahead.unsigned_abs())
        } else {
            now.saturating_add(ahead.unsigned_abs())
        }
    }

    /// When something happened. What a clock that was set back has yet to come to was just now.
    fn past(&self, time: Timestamp) -> Moment {
        self.moment(time).min(self.now())
    }

    /// When another attempt is due.
    fn again(&self, time: Timestamp) -> Moment {
        self.moment(time).min(self.now().saturating_add(LONGEST_PAUSE))
    }

    /// Goes on where the last process ended.
    fn restore(&mut self) -> anyhow::Result<()> {
        self.schedule.set_wall(self.now(), self.keeper.clock.now());
        self.take_up_rules()?;
        let ledger = self.keeper.ledger.clone();
        let mut ledger = ledger.lock();
        self.end_leftovers(&ledger.unfinished()?);
        for interrupted in ledger.unfinished()? {
            let (rule, key, run) = (&interrupted.rule, &interrupted.key, interrupted.run);
            let policy = self.keeper.rules.get(rule).map(policy);
            let at = if let Some(at) = interrupted.again {
                if !self.schedule.knows(rule) {
                    continue;
                }
                self.again(at)
            } else {
                let now = self.keeper.clock.now();
                tracing::warn!(rule, key, run, policy = ?policy, "{UNKNOWN}");
                ledger.finish(run, &after_crash(policy, now), b"", now)?;
                if policy != Some(UnknownOutcome::Retry) {
                    continue;
                }
                self.now()
            };
            self.schedule.hold(rule, key, run, at);
            self.open.insert(run);
        }
        Ok(())
    }

    /// Has the schedule follow the rules as they are now. It learns anew when they last ran, which it
    /// keeps for no key of a rule without `once_within`, and what waits for rules that are new to it.
    fn take_up_rules(&mut self) -> anyhow::Result<()> {
        let rules = self.keeper.rules.clone();
        let names = rules.iter().map(|rule| rule.name.as_str());
        let new: BTreeSet<&str> = names.filter(|rule| !self.schedule.knows(rule)).collect();
        let timings = rules.iter().map(|rule| (rule.name.clone(), rule.timing.clone()));
        self.schedule.set_rules(timings, self.now());
        self.adopt()?;
        self.forget_costly()?;
        let ledger = self.keeper.ledger.clone();
        let ledger = ledger.lock();
        for (rule, key, began) in ledger.last_begun()? {
            self.schedule.began(&rule, &key, self.past(began));
        }
        for waiting in ledger.waiting()? {
            if new.contains(waiting.rule.as_str()) {
                for at in [waiting.first, waiting.last] {
                    self.schedule.add(&waiting.rule, &waiting.key, self.past(at));
                }
            }
        }
        Ok(())
    }

    /// What the last keeper had at work is not to go on unseen, or beside another attempt.
    fn end_leftovers(&self, unfinished: &[Interrupted]) {
        let at_work = unfinished.iter().filter(|run| run.again.is_none());
        let runs: Vec<RunId> = at_work.map(|run| run.run).collect();
        let processes = end_leftovers(&self.keeper.data_dir, &runs);
        if processes > 0 {
            tracing::warn!(processes, "commands of runs that keeper did not survive were ended");
        }
    }

    async fn work(
        &mut self,
        subscription: &mut Subscription,
        mut reload: watch::Receiver<()>,
        mut stopping: Stopping,
    ) -> anyhow::Result<()> {
        let mut look = tokio::time::interval(LOOK);
        loop {
            self.judge(subscription)?;
            self.start_due()?;
            let is_held = self.catching_up.holds(Instant::now());
            let wake = self.schedule.next_wake().filter(|_| !is_held);
            let wake = wake.map(|wake| wake.saturating_sub(self.now()));
            tokio::select! {
                () = stopping.wait() => return Ok(()),
                arrived = next_batch(subscription) => {
                    let Some(arrived) = arrived? else { return Ok(()) };
                    self.take(arrived, subscription)?;
                }
                Some(done) = self.at_work.join_next() => self.finish(done?)?,
                () = tokio::time::sleep(wake.unwrap_or(LOOK)) => {}
                _ = look.tick() => self.look()?,
                changed = reload.changed() => {
                    changed.context("nobody reloads any more")?;
                    self.keeper.loader.reload();
                }
                loaded = self.keeper.loader.next() => {
                    self.replace_rules(loaded.context("nobody reads the rules any more")?)?;
                }
            }
        }
    }

    /// Judges what has come, and keeps what rules want together with the position.
    fn take(&mut self, arrived: Arrived, subscription: &Subscription) -> anyhow::Result<()> {
        self.judge.note(&arrived);
        let trust = self.keeper.trust.current();
        let now = self.keeper.clock.now();
        let rules = self.keeper.rules.clone();
        let mut arrivals: Vec<Arrival> = Vec::new();
        let mut taken = BTreeSet::new();
        if !arrived.frames.is_empty() {
            self.catching_up.heard(Instant::now());
        }
        for frame in arrived.frames {
            let event = match KeptEvent::parse(frame) {
                Ok(event) => event,
                Err(rejection) => {
                    tracing::debug!(%rejection, "something is no event");
                    continue;
                }
            };
            match believe(&event, &trust, now) {
                Ok(believed) => {
                    let wanted: Vec<Wanted> = matching(&rules, &event, &believed)
                        .into_iter()
                        .filter(|found| self.may_follow(found.rule, &event))
                        .filter_map(|found| self.wanted(found.rule, found.key))
                        .collect();
                    let steps = self.see(&rules, &event, &believed, &mut taken, now)?;
                    if !wanted.is_empty() || !steps.is_empty() {
                        let KeptEvent { digest, frame, .. } = event;
                        arrivals.push(Arrival { digest, frame, wanted, steps });
                    }
                }
                Err(reason) => {
                    tracing::debug!(event.digest = %event.digest, reason, "an event is not believed");
                }
            }
        }
        let kept = arrived.position.filter(|position| subscription.is_confirmed(*position));
        if arrived.is_caught_up {
            self.catching_up.end();
        }
        self.take_and_start(&arrivals, kept, now)?;
        if let Some(position) = arrived.position {
            subscription.handled(position)?;
        }
        Ok(())
    }

    fn wanted(&self, rule: &Rule, key: String) -> Option<Wanted> {
        let replaces = match rule.catch_up {
            CatchUp::None if self.catching_up.is_on() => return None,
            CatchUp::Latest => self.catching_up.is_on(),
            CatchUp::All | CatchUp::None => false,
        };
        Some(Wanted { rule: rule.name.clone(), key, replaces })
    }

    /// Keeps what has come, and begins what may begin, in one commit. What waits for the end of
    /// the downtime is not started before: all of it may be one batch.
    fn take_and_start(
        &mut self,
        arrivals: &[Arrival],
        position: Option<Position>,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let (moment, is_held) = (self.now(), self.catching_up.holds(Instant::now()));
        let schedule = &mut self.schedule;
        reach_if(!arrivals.is_empty(), Point::BeforeTake);
        let started =
            self.keeper.ledger.lock().take_and_start(arrivals, position, now, |added| {
                for (rule, key) in added {
                    schedule.add(rule, key, moment);
                }
                if is_held { Vec::new() } else { schedule.due(moment) }
            })?;
        reach_if(!arrivals.is_empty(), Point::AfterTake);
        self.begin_all(started);
        Ok(())
    }

    fn start_due(&mut self) -> anyhow::Result<()> {
        if self.catching_up.holds(Instant::now()) {
            return Ok(());
        }
        let due = self.schedule.due(self.now());
        let started = self.keeper.ledger.lock().start_all(due, self.keeper.clock.now())?;
        self.begin_all(started);
        Ok(())
    }

    fn begin_all(&mut self, started: Vec<(Due, Started)>) {
        for (due, started) in started {
            let (rule, key) = match due {
                Due::Events { rule, key } | Due::Retry { rule, key, .. } => (rule, key),
                Due::Fallback { rule } => (rule, String::new()),
            };
            self.open.insert(started.run);
            self.begin(&rule, key, started);
        }
    }

    /// Whether a rule may run for an event, or would go round in a circle.
    fn may_follow(&self, rule: &Rule, event: &KeptEvent) -> bool {
        let link = self.keeper.herald.as_ref().map(|herald| herald.link(&rule.name));
        let Some(reason) = Chain::of(event).forbids(link.as_deref()) else { return true };
        tracing::error!(
            rule = rule.name, event.id = event.id(), event.digest = %event.digest, reason,
            "a rule goes round in a circle and is not run for an event"
        );
        false
    }

    fn begin(&mut self, rule: &str, key: String, started: Started) {
        let Started { run, attempt, events, missed } = started;
        let mut values = batch::of_run(rule, run, &key, attempt, &events);
        if let (Some(since), Some(values)) = (missed, values.as_object_mut()) {
            values.insert("missed_since".to_owned(), since.to_string().into());
        }
        reach(Point::BeforeAction);
        if !self.held.contains(&run) {
            tracing::info!(rule, key, run, attempt, events = events.len(), "a run begins");
        }
        let known = self.keeper.rules.get(rule);
        let action = known.map(|rule| (rule.action.clone(), rule.timeout));
        let (rule, is_dry_run) = (rule.to_owned(), self.keeper.is_dry_run);
        let (data_dir, keeper) = (self.keeper.data_dir.clone(), self.keeper.program.clone());
        self.at_work.spawn(async move {
            let ended = match action {
                Some((action, _)) if is_dry_run => {
                    let output = action.describe(&values);
                    tracing::info!(rule, key, run, "would run {output}");
                    Ended { outcome: Outcome::Succeeded, output: output.into_bytes() }
                }
                Some((action, timeout)) => {
                    action.run(Order { values, timeout, data_dir, keeper }).await
                }
                None => Ended {
                    outcome: Outcome::Refused("its rule is gone".to_owned()),
                    output: Vec::new(),
                },
            };
            (run, rule, key, attempt, ended)
        });
    }

    fn finish(&mut self, done: Done) -> anyhow::Result<()> {
        reach(Point::BeforeFinish);
        let (run, rule, key, attempt, ended) = done;
        let known = self.keeper.rules.get(&rule);
        let retries = known.map_or(0, |rule| rule.retries);
        let pause = known.map(|rule| rule.pause_after(attempt)).unwrap_or_default();
        let now = self.keeper.clock.now();
        if !matches!(ended.outcome, Outcome::Held(_)) {
            self.held.remove(&run);
        }
        let (outcome, emitted) = self.emit(&rule, ended.outcome, now);
        let (outcome, pause) = match outcome {
            Outcome::Later { problem, pause: least } => {
                (Outcome::Failed(problem), pause.max(least))
            }
            outcome => (outcome, pause),
        };
        let (verdict, next) = match outcome {
            Outcome::Succeeded | Outcome::Emits(_) => {
                tracing::info!(rule, key, run, attempt, "a run succeeded");
                (Verdict::Succeeded, Next::Done)
            }
            Outcome::Held(problem) => {
                if self.held.insert(run) {
                    tracing::info!(rule, key, run, problem, "a run waits for its lock");
                }
                let at = now.checked_add(HELD).unwrap_or(Timestamp::MAX);
                (Verdict::Held { problem, at }, Next::Retry(HELD))
            }
            Outcome::Failed(problem) if attempt <= retries => {
                let seconds = pause.as_secs();
                tracing::warn!(
                    rule,
                    key,
                    run,
                    attempt,
                    problem,
                    seconds,
                    "a run failed; again later"
                );
                let at = now.checked_add(pause).unwrap_or(Timestamp::MAX);
                (Verdict::Again { problem, at }, Next::Retry(pause))
            }
            Outcome::Failed(problem)
            | Outcome::Refused(problem)
            | Outcome::Later { problem, .. } => {
                tracing::error!(rule, key, run, attempt, problem, "a run failed for good");
                (Verdict::Failed { problem }, Next::Done)
            }
        };
        let emitted = emitted.as_ref();
        self.keeper.ledger.lock().finish_with(run, &verdict, &ended.output, emitted, now)?;
        if next == Next::Done {
            self.open.remove(&run);
        }
        self.schedule.ended(&rule, &key, run, next, self.now());
        Ok(())
    }

    /// Signs what a run emits; what cannot be signed is a failure for good.
    fn emit(&self, rule: &str, outcome: Outcome, now: Timestamp) -> (Outcome, Option<SignedEvent>) {
        let Outcome::Emits(emission) = outcome else { return (outcome, None) };
        let Some(herald) = &self.keeper.herald else {
            return (Outcome::Refused("keeper has no [identity] to emit with".to_owned()), None);
        };
        let Emission { id, data, chain } = *emission;
        match herald.sign(id, data, &chain.with(&herald.link(rule)), now) {
            Ok(event) => (Outcome::Succeeded, Some(event)),
            Err(error) => (Outcome::Refused(format!("{:#}", anyhow::Error::new(error))), None),
        }
    }

    /// Rules that changed, runs that somebody wants tried again, and runs that are old.
    fn look(&mut self) -> anyhow::Result<()> {
        self.schedule.set_wall(self.now(), self.keeper.clock.now());
        self.keeper.loader.look();
        self.note_costly()?;
        let unfinished = self.keeper.ledger.lock().unfinished()?;
        for waiting in unfinished {
            let is_new = self.schedule.knows(&waiting.rule) && !self.open.contains(&waiting.run);
            if let Some(at) = waiting.again.filter(|_| is_new) {
                let at = self.again(at);
                self.schedule.hold(&waiting.rule, &waiting.key, waiting.run, at);
                self.open.insert(waiting.run);
            }
        }
        if let Some(retain) = self.keeper.retain
            && self.pruned.elapsed() >= PRUNE
        {
            self.pruned = Instant::now();
            let before = self.keeper.clock.now().checked_sub(retain).unwrap_or(Timestamp::MIN);
            let runs = self.keeper.ledger.lock().prune(before)?;
            tracing::debug!(runs, "old runs removed");
        }
        Ok(())
    }

    fn replace_rules(&mut self, loaded: Loaded) -> anyhow::Result<()> {
        let has_identity = self.keeper.herald.is_some() || self.keeper.is_dry_run;
        match loaded {
            Ok(rules) if !has_identity && rules.needing_identity().is_some() => {
                let problem = without_identity(&rules).unwrap_or_default();
                tracing::error!(problem, "rules not reloaded, the old ones stay");
            }
            Ok(rules) => {
                tracing::info!(rules = rules.iter().count(), "rules loaded");
                self.keeper.rules = rules;
                self.take_up_rules()?;
            }
            Err(problems) => {
                for problem in problems {
                    tracing::error!(problem = %problem, "rules not reloaded, the old ones stay");
                }
            }
        }
        Ok(())
    }

    /// Waits for what is at work. What takes longer is ended with keeper, and its outcome unknown.
    async fn drain(&mut self) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + DRAIN;
        while let Ok(Some(done)) = tokio::time::timeout_at(deadline, self.at_work.join_next()).await
        {
            self.finish(done?)?;
        }
        if !self.at_work.is_empty() {
            tracing::warn!(runs = self.at_work.len(), "runs are ended before their time");
        }
        Ok(())
    }
}

fn reach_if(condition: bool, point: Point) {
    if condition {
        reach(point);
    }
}

/// What becomes of a run that was at work when the last keeper ended.
fn after_crash(policy: Option<UnknownOutcome>, now: Timestamp) -> Verdict {
    let problem = UNKNOWN.to_owned();
    match policy {
        Some(UnknownOutcome::Retry) => Verdict::Again { problem, at: now },
        Some(UnknownOutcome::Skip) => Verdict::Unknown { problem },
        Some(UnknownOutcome::Alert) | None => Verdict::Failed { problem },
    }
}

/// What a crash in the middle of a run of this rule means.
fn policy(rule: &Rule) -> UnknownOutcome {
    if rule.action.is_undone_by_a_crash() {
        return UnknownOutcome::Retry;
    }
    rule.on_unknown_outcome
}

/// What to say where a rule needs a key of keeper's own and there is none.
pub fn without_identity(rules: &Rules) -> Option<String> {
    let rule = rules.needing_identity()?;
    Some(format!("rule {} emits an event, which needs [identity] and [submit]", rule.name))
}

/// What is wrong with rules, in one text.
pub fn list(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
