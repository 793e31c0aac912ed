//! Rules as configuration has them, held against events.

mod event;
mod hostile;
mod matching;
mod mismatches;
mod text;
