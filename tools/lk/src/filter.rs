//! `--where`: an expression in CEL that says which events are meant.

mod names;

use std::{fmt, str::FromStr, sync::Arc};

use cel::{Context, Env, Program, Value};
use laniakea_event::{Limits, SignerId};
use laniakea_wire::subscription::Delivery;

use self::names::unknown_name;

/// What an expression can speak of.
const VARIABLES: [&str; 7] = ["id", "data", "author", "origin", "time", "signers", "event"];

/// A compiled expression.
#[derive(Clone)]
pub(crate) struct Filter {
    program: Arc<Program>,
    environment: Arc<Env>,
    /// Which of [`VARIABLES`] it speaks of: the others need not be made.
    variables: Vec<&'static str>,
}

/// The text is no expression about events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidFilter {
    /// It does not compile.
    #[error("column {column}: {message}")]
    Syntax { column: isize, message: String },
    /// It speaks of something that events do not have.
    #[error("there is no {name:?}: an expression can use {}", VARIABLES.join(", "))]
    Unknown { name: String },
}

impl FromStr for Filter {
    type Err = InvalidFilter;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let program = Program::compile(text).map_err(|errors| {
            let first = errors.errors.first();
            InvalidFilter::Syntax {
                column: first.map_or(1, |error| error.pos.1),
                message: first.map_or_else(String::new, |error| error.msg.clone()),
            }
        })?;
        if let Some(name) = unknown_name(program.expression(), &VARIABLES) {
            return Err(InvalidFilter::Unknown { name });
        }
        let references = program.references();
        let variables =
            VARIABLES.into_iter().filter(|name| references.has_variable(name)).collect();
        Ok(Self { program: Arc::new(program), environment: Arc::new(Env::stdlib()), variables })
    }
}

impl Filter {
    /// Whether the expression is true of this event. One that fails, as where the event lacks a
    /// member, or that gives anything but true, does not match.
    pub(crate) fn matches(&self, delivery: &Delivery) -> bool {
        let mut context = Context::with_env(self.environment.clone());
        for name in &self.variables {
            // A variable that cannot be made stays absent, and using it fails.
            if let Some(value) = value_of(name, delivery) {
                context.add_variable_from_value(*name, value);
            }
        }
        matches!(self.program.execute(&context), Ok(Value::Bool(true)))
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Filter").field("program", &self.program).finish_non_exhaustive()
    }
}

fn value_of(name: &str, delivery: &Delivery) -> Option<Value> {
    match name {
        "id" => Some(delivery.id().as_str().into()),
        "data" => cel::to_value(delivery.data()).ok(),
        "signers" => {
            let signers = delivery.signers().unwrap_or_default();
            Some(signers.into_iter().map(SignerId::as_str).collect::<Vec<_>>().into())
        }
        "event" => {
            let event = laniakea_event::Value::parse(delivery.frame(), &Limits::FROM_RELAY);
            cel::to_value(event.ok()?).ok()
        }
        member => cel::to_value(delivery.covered().get(member)?).ok(),
    }
}

#[cfg(test)]
mod tests;
