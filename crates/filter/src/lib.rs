//! Which events are meant.
//!
//! An [`Expression`] in CEL says it with everything that a language offers. It judges a
//! [`Subject`]: an event as far as filters look at it, from whatever source. A [`Glob`] says it of
//! one text.

mod expression;
mod glob;
mod subject;

pub use expression::{Expression, InvalidExpression};
pub use glob::{Glob, InvalidGlob, MAX_GLOB_BYTES};
pub use subject::Subject;
