//! What evaluating an expression may cost. An event chooses how long its lists are, so without a
//! bound its signer would choose the cost of each rule that looks at them.
//!
//! [`super::meter`] puts into the expression what is counted here.

use std::{
    any::Any,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use cel::{
    Env, ExecutionError,
    common::{
        types::{CelBool, CelBytes, CelList, CelMap, CelString, DYN_TYPE, Type},
        value::{CowVal, StaticVal, Val},
    },
    context::VariableResolver,
};
use rustix::time::{ClockId, clock_gettime};

use crate::subject::Subject;

/// So many steps, each a node of the expression that is evaluated in a loop, or a value that is
/// copied. Some 100 ns each, so that an event costs a rule 25 ms at the most.
const MAX_STEPS: u64 = 250_000;
/// What steps do not tell, such as comparing long texts, is bounded by the time that the thread
/// computes. How busy the machine is changes nothing.
const MAX_TIME: Duration = Duration::from_millis(250);
/// The clock is looked at once in so many steps.
const LOOK: u64 = 256;
/// Compiling a pattern, as each `matches` does.
const PATTERN: u64 = 300;
/// Bytes of text that cost as much as a step.
const BYTES: usize = 16;

/// Names that nobody can type.
pub(super) const BUDGET: &str = "@budget";
pub(super) const WEIGH: &str = "@weigh";
pub(super) const WEIGH_PATTERN: &str = "@weigh_pattern";

/// The name of a condition that is true, costs as many steps, and fails when they are spent.
pub(super) fn steps(steps: u64) -> String {
    format!("@{steps}")
}

/// What is left for one expression and one event.
#[derive(Debug)]
struct Budget {
    left: AtomicU64,
    is_exceeded: AtomicBool,
    began: Duration,
}

impl Budget {
    fn spend(&self, steps: u64) -> bool {
        let left = self.left.load(Ordering::Relaxed);
        let Some(rest) = left.checked_sub(steps).filter(|_| !self.is_exceeded()) else {
            self.is_exceeded.store(true, Ordering::Relaxed);
            return false;
        };
        self.left.store(rest, Ordering::Relaxed);
        if left / LOOK != rest / LOOK && computed() > self.began.saturating_add(MAX_TIME) {
            self.is_exceeded.store(true, Ordering::Relaxed);
        }
        !self.is_exceeded()
    }

    fn is_exceeded(&self) -> bool {
        self.is_exceeded.load(Ordering::Relaxed)
    }
}

/// How long this thread has computed.
fn computed() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or(0))
}

/// An event, with what may be spent on it. The thread that makes it evaluates.
pub(super) struct Metered<'s> {
    subject: &'s Subject<'s>,
    budget: Budget,
}

impl<'s> Metered<'s> {
    pub(super) fn new(subject: &'s Subject<'s>) -> Self {
        let (left, is_exceeded) = (AtomicU64::new(MAX_STEPS), AtomicBool::new(false));
        Self { subject, budget: Budget { left, is_exceeded, began: computed() } }
    }

    /// Whether more would have been needed: then what came out means nothing, since the language
    /// passes over errors here and there.
    pub(super) fn is_exceeded(&self) -> bool {
        self.budget.is_exceeded()
    }
}

impl VariableResolver for Metered<'_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        let Some(special) = name.strip_prefix('@') else { return self.subject.resolve(name) };
        if name == BUDGET {
            return Some(CowVal::Borrowed(&self.budget));
        }
        let steps = special.parse().ok()?;
        self.budget.spend(steps).then_some(CowVal::Borrowed(&CelBool::TRUE))
    }
}

/// An environment in which expressions that count can be evaluated.
pub(super) fn with_meter(mut environment: Env) -> Env {
    for (name, function) in
        [(WEIGH, weigh as cel::common::functions::Function), (WEIGH_PATTERN, weigh_pattern)]
    {
        let added = environment.add_overload(name, name, vec![DYN_TYPE, DYN_TYPE], function);
        added.expect("no function has a name that begins with an @");
    }
    environment
}

/// Returns its first argument, once it is paid for.
fn weigh<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    charge(arguments, 1)
}

/// The same for a pattern.
fn weigh_pattern<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    charge(arguments, PATTERN)
}

fn charge<'b, 'v>(
    arguments: Vec<CowVal<'b, 'v>>,
    more: u64,
) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let mut arguments = arguments.into_iter();
    let (Some(value), Some(budget)) = (arguments.next(), arguments.next()) else {
        return Err(ExecutionError::missing_argument_or_target());
    };
    let is_paid = budget.downcast_ref::<Budget>().is_some_and(|budget| {
        !budget.is_exceeded() && budget.spend(weight(value.as_ref()).saturating_add(more))
    });
    if is_paid { Ok(value) } else { Err(ExecutionError::function_error(WEIGH, "too costly")) }
}

/// How many steps it takes to copy or compare a value. No value is larger than what was spent on it
/// and the event, nor deeper than the two.
fn weight(value: &dyn Val) -> u64 {
    let text = |bytes: usize| (bytes / BYTES) as u64;
    if let Some(list) = value.downcast_ref::<CelList<'_>>() {
        return list.inner().iter().map(|item| 1 + weight(item.as_ref())).sum();
    }
    if let Some(map) = value.downcast_ref::<CelMap<'_>>() {
        let entries = map.inner().iter();
        return entries.map(|(key, item)| 2 + weight(key.inner()) + weight(item.as_ref())).sum();
    }
    if let Some(string) = value.downcast_ref::<CelString<'_>>() {
        return text(string.inner().len());
    }
    value.downcast_ref::<CelBytes<'_>>().map_or(0, |bytes| text(bytes.inner().len()))
}

impl Val for Budget {
    fn get_type(&self) -> &Type {
        Self::cel_type()
    }

    fn cel_type() -> &'static Type {
        &DYN_TYPE
    }

    /// Never needed: the budget is borrowed from beginning to end. A copy would be one of its own.
    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(Self {
            left: AtomicU64::new(0),
            is_exceeded: AtomicBool::new(true),
            began: self.began,
        })
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Budget {}
