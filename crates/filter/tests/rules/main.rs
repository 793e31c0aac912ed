//! Rules as configuration has them, held against events.

mod event;
mod hostile;
mod index;
mod matching;
mod mismatches;
mod text;
