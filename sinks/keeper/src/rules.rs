//! Rules: which events, when, and what to do. One or more in each file of `rules.d`.

mod file;
mod index;
mod load;
mod problem;
mod template;
mod watch;

pub use self::{
    file::{CatchUp, UnknownOutcome},
    index::Rules,
    load::load,
    problem::Problem,
    template::{InvalidTemplate, Template},
    watch::WatchedRules,
};

pub(crate) use self::template::environment;

use std::time::Duration;

use laniakea_event::SignerId;

use crate::{action::Action, schedule::Timing};

/// One rule, checked.
#[derive(Debug)]
pub struct Rule {
    /// Its name: that of its runs, in the ledger and in every log line.
    pub name: String,
    /// Which events.
    pub filter: laniakea_filter::Rule,
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
    /// How the ids of its events begin: only such events are looked at closely.
    pub prefixes: Vec<String>,
}

impl Rule {
    /// How long to wait after so many attempts.
    pub fn pause_after(&self, attempt: u32) -> Duration {
        const LONGEST: Duration = Duration::from_hours(1);
        let doubled = 2_u32.checked_pow(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
        self.pause.saturating_mul(doubled).min(LONGEST)
    }
}
