//! An expression in CEL that says which events are meant: lk's `--where`, and a rule's.

mod names;

use std::{fmt, str::FromStr, sync::Arc};

use cel::{Context, Env, Program, Value};
use laniakea_event::Limits;
use serde::{Deserialize, Serialize};

use self::names::unknown_name;
use crate::subject::Subject;

/// What an expression can speak of.
const VARIABLES: [&str; 7] = ["id", "data", "author", "origin", "time", "signers", "event"];

/// A compiled expression.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Expression {
    text: Arc<str>,
    program: Arc<Program>,
    environment: Arc<Env>,
    /// Which of [`VARIABLES`] it speaks of: the others need not be made.
    variables: Vec<&'static str>,
}

/// The text is no expression about events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidExpression {
    /// It does not compile.
    #[error("column {column}: {message}")]
    Syntax {
        /// Where, from 1.
        column: isize,
        /// What the parser says.
        message: String,
    },
    /// It speaks of something that events do not have.
    #[error("there is no {name:?}: an expression can use {}", VARIABLES.join(", "))]
    Unknown {
        /// The variable, function or type.
        name: String,
    },
}

impl FromStr for Expression {
    type Err = InvalidExpression;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let program = Program::compile(text).map_err(|errors| {
            let first = errors.errors.first();
            InvalidExpression::Syntax {
                column: first.map_or(1, |error| error.pos.1),
                message: first.map_or_else(String::new, |error| error.msg.clone()),
            }
        })?;
        if let Some(name) = unknown_name(program.expression(), &VARIABLES) {
            return Err(InvalidExpression::Unknown { name });
        }
        let references = program.references();
        let variables =
            VARIABLES.into_iter().filter(|name| references.has_variable(name)).collect();
        let (program, environment) = (Arc::new(program), Arc::new(Env::stdlib()));
        Ok(Self { text: text.into(), program, environment, variables })
    }
}

impl Expression {
    /// The expression as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the expression is true of this event. One that fails, as where the event lacks a
    /// member, or that gives anything but true, does not match.
    pub fn matches(&self, subject: &Subject<'_>) -> bool {
        let mut context = Context::with_env(self.environment.clone());
        for name in &self.variables {
            // A variable that cannot be made stays absent, and using it fails.
            if let Some(value) = value_of(name, subject) {
                context.add_variable_from_value(*name, value);
            }
        }
        matches!(self.program.execute(&context), Ok(Value::Bool(true)))
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Expression").field("text", &self.text).finish_non_exhaustive()
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Expression {}

impl TryFrom<String> for Expression {
    type Error = InvalidExpression;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Expression> for String {
    fn from(expression: Expression) -> Self {
        expression.text.as_ref().to_owned()
    }
}

fn value_of(name: &str, subject: &Subject<'_>) -> Option<Value> {
    match name {
        "id" => Some(subject.id.into()),
        "data" => cel::to_value(subject.data()).ok(),
        "signers" => Some(subject.signers.clone().into()),
        "event" => {
            let event = laniakea_event::Value::parse(subject.frame, &Limits::FROM_RELAY);
            cel::to_value(event.ok()?).ok()
        }
        member => cel::to_value(subject.covered.get(member)?).ok(),
    }
}

#[cfg(test)]
mod tests;
