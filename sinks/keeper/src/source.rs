//! Where events come from.

mod trust;
mod updates;

pub(crate) use self::updates::confirmed;
pub use self::{
    trust::TrustSource,
    updates::{Arrived, next_batch},
};
