//! Rules: which events, when, and what to do. One or more in each file of `rules.d`.

mod file;
mod index;
mod load;
mod loader;
mod pattern;
mod problem;
mod template;
mod watch;

pub use self::{
    file::{CatchUp, UnknownOutcome},
    index::Rules,
    load::load,
    loader::{Loaded, RulesLoader},
    pattern::Waits,
    problem::Problem,
    template::{InvalidTemplate, Template},
    watch::WatchedRules,
};

pub(crate) use self::template::{deep, environment};

use std::time::Duration;

use laniakea_daemon::growing_pause;
use laniakea_event::SignerId;

use crate::{action::Action, ledger::KnownRule, schedule::Timing, watch::Shape};

/// One rule, checked.
#[derive(Debug)]
pub struct Rule {
    /// Its name: that of its runs, in the ledger and in every log line.
    pub name: String,
    /// Which events.
    pub filter: laniakea_filter::Rule,
    /// What it waits for, if it does not run on each event; `filter` is then that of the first.
    pub waits: Option<Waits>,
    /// Which sources are believed; without a list all that may emit the id.
    pub signed_by: Option<Vec<SignerId>>,
    /// What events are grouped by.
    pub key: Option<Template>,
    /// When.
    pub timing: Timing,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// How often it is tried again, and after which pause the first time.
    pub retries: u32,
    /// Doubles each time, up to an hour.
    pub pause: Duration,
    /// What a crash in the middle of a run means.
    pub on_unknown_outcome: UnknownOutcome,
    /// What happens to the events of a time in which keeper was down.
    pub catch_up: CatchUp,
    /// What to do.
    pub action: Action,
}

impl Rule {
    /// What an event has to match, one of them at least, to be anything to the rule.
    pub fn filters(&self) -> impl Iterator<Item = &laniakea_filter::Rule> {
        let parts = self.waits.iter().flat_map(Waits::filters);
        self.waits.is_none().then_some(&self.filter).into_iter().chain(parts)
    }

    /// The rule as the ledger is to know it.
    pub fn known(&self) -> KnownRule {
        let signed_by = self.signed_by.as_ref();
        let signed_by: Option<Vec<String>> =
            signed_by.map(|signers| signers.iter().map(ToString::to_string).collect());
        let describe = |waits: &Waits| {
            waits.describe(self.key.as_ref().map(Template::source), signed_by.as_deref())
        };
        let shape = self.waits.as_ref().map(|waits| waits.pattern.shape);
        KnownRule {
            name: self.name.clone(),
            pattern: self.waits.as_ref().map(describe),
            begins_at_once: shape == Some(Shape::Silence { is_keyed: false }),
            missing: self.waits.as_ref().map(|waits| waits.missing().to_owned()),
        }
    }

    /// How long to wait after so many attempts.
    pub fn pause_after(&self, attempt: u32) -> Duration {
        const LONGEST: Duration = Duration::from_hours(1);
        growing_pause(self.pause, attempt, LONGEST)
    }
}
