//! Which events are meant.
//!
//! An [`Expression`] in CEL says it with everything that a language offers. It judges a
//! [`Subject`]: an event as far as filters look at it, from whatever source.

mod expression;
mod subject;

pub use expression::{Expression, InvalidExpression};
pub use subject::Subject;
