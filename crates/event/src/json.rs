//! Strict JSON in, canonical JSON out.
//!
//! A general JSON library is not enough here: the signed bytes need integers of any size with
//! their exact digits, doubles in Python's layout, and duplicate names and lone surrogates refused.
//! See `docs/decisions/0002-own-json.md`.

mod canonical;
mod number;
mod parse;
mod value;

pub(crate) use canonical::{write_key, write_string, write_value};
pub use number::Number;
pub use value::{Object, Value};
