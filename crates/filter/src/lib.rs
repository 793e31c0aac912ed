//! Which events are meant.
//!
//! A [`Rule`] says it as a table in a configuration file: patterns ([`Glob`]) for the type, the
//! facets and the members of an event, how much it has to matter, and an [`Expression`] in CEL for
//! what patterns cannot say. It judges a [`Subject`]: an event as far as filters look at it, from
//! whatever source. An [`Index`] knows which of many rules an event may match at all.
//!
//! Events are hostile. A pattern takes bounded time on any of them, an expression that fails does
//! not match, and what is told about an event that is not meant is bounded and without hidden
//! characters. What an expression costs, an event has a say in, so it has a budget for each.

mod expression;
mod glob;
mod index;
mod member;
mod mismatch;
mod one_of;
mod pattern;
mod rule;
mod subject;

pub use expression::{Expression, InvalidExpression};
pub use glob::{Glob, InvalidGlob, MAX_GLOB_BYTES};
pub use index::Index;
pub use rule::{InvalidRule, MAX_RULE_BYTES, Rule};
pub use subject::Subject;
