//! Where events come from.

mod updates;

pub(crate) use self::updates::confirmed;
pub use self::updates::{Arrived, next_batch};
