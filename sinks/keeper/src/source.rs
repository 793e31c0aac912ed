//! Where events come from.

mod updates;

pub use self::updates::{Arrived, next_batch};
