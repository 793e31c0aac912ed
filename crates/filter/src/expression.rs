//! An expression in CEL that says which events are meant: lk's `--where`, and a rule's.

mod budget;
mod demand;
mod meter;
mod names;
mod nesting;
mod variables;

use std::{
    fmt,
    str::FromStr,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use cel::{Context, Env, IdedExpr, Program, Value, common::types::CelBool};
use laniakea_catalog::bounded;
use serde::{Deserialize, Serialize};

pub(crate) use self::variables::Variables;
use self::{
    budget::{Metered, with_meter},
    meter::metered,
    names::unknown_name,
    nesting::is_deeper,
    variables::NAMES,
};
use crate::subject::Subject;

/// The longest text of an expression, in bytes.
const MAX_BYTES: usize = 1 << 14;
/// The longest message of the parser that is repeated, in characters.
const MAX_MESSAGE: usize = 300;
/// How deep an expression may be, in operators and calls. A chain of `+` or of members nests too, one
/// of `&&` or `||` hardly does. Evaluating takes up to 25 kB for a level, on a thread like any other.
const MAX_DEPTH: usize = 40;
/// The parser itself stops at 96 levels, but takes up to 200 kB for one, and more for the longest
/// chains. An overflow would be the end of the process.
const PARSER_STACK: usize = 64 << 20;

/// CEL's functions; none of our own that anybody could call.
static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(with_meter(Env::stdlib())));

/// A compiled expression.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Expression {
    text: Arc<str>,
    /// Counts what it costs.
    program: Arc<IdedExpr>,
    overruns: Arc<AtomicU64>,
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
    /// It has more bytes than an expression may have.
    #[error("an expression has at most {MAX_BYTES} bytes")]
    Long,
    /// It is nested so deep that evaluating it could overflow the stack.
    #[error("it is nested deeper than {MAX_DEPTH} levels")]
    Deep,
    /// It speaks of something that events do not have.
    #[error("there is no {name:?}: an expression can use {}", NAMES.join(", "))]
    Unknown {
        /// The variable, function or type.
        name: String,
    },
}

impl FromStr for Expression {
    type Err = InvalidExpression;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let program = Arc::new(compile(text)?);
        Ok(Self { text: text.into(), program, overruns: Arc::default() })
    }
}

/// Compiles on a thread with a stack that is large enough for everything that fits into the limits.
fn compile(text: &str) -> Result<IdedExpr, InvalidExpression> {
    if text.len() > MAX_BYTES {
        return Err(InvalidExpression::Long);
    }
    let failed =
        |message: &str| InvalidExpression::Syntax { column: 1, message: message.to_owned() };
    thread::scope(|scope| {
        let builder = thread::Builder::new().stack_size(PARSER_STACK);
        let parser = builder.spawn_scoped(scope, || compile_here(text));
        let parser =
            parser.map_err(|error| failed(&format!("there is no thread to read it: {error}")))?;
        parser.join().unwrap_or_else(|_| Err(failed("the parser failed")))
    })
}

fn compile_here(text: &str) -> Result<IdedExpr, InvalidExpression> {
    let program = Program::compile(text).map_err(|errors| {
        let first = errors.errors.first();
        InvalidExpression::Syntax {
            column: first.map_or(1, |error| error.pos.1),
            message: first.map_or_else(String::new, |error| bounded(&error.msg, MAX_MESSAGE)),
        }
    })?;
    // One that is too deep is dropped here, which recurs too.
    if is_deeper(program.expression(), MAX_DEPTH) {
        return Err(InvalidExpression::Deep);
    }
    if let Some(name) = unknown_name(program.expression(), &NAMES) {
        return Err(InvalidExpression::Unknown { name });
    }
    Ok(metered(program.expression().clone()))
}

impl Expression {
    /// The expression as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// A member of the data that has to be a text for the expression to be true, and the text.
    pub(crate) fn demand(&self) -> Option<(&str, &str)> {
        demand::demand(&self.program)
    }

    /// Whether the expression is true of this event. One that fails, as where the event lacks a
    /// member, or that gives anything but true, does not match; nor does one that would cost too
    /// much for this event, which [`Self::overruns`] counts.
    pub fn matches(&self, subject: &Subject<'_>) -> bool {
        let metered = Metered::new(subject);
        let mut context = Context::with_env(ENVIRONMENT.clone());
        context.set_variable_resolver(&metered);
        let outcome = Value::resolve_val(&self.program, &context);
        if metered.is_exceeded() {
            self.overruns.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        outcome.is_ok_and(|value| value.downcast_ref::<CelBool>() == Some(&CelBool::TRUE))
    }

    /// How many events it was not held against to the end, since that would have cost too much;
    /// the copies of an expression count together.
    pub fn overruns(&self) -> u64 {
        self.overruns.load(Ordering::Relaxed)
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

#[cfg(test)]
mod tests;
