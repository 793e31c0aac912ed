//! First stage: events from the stream, and whether they are to be believed.

mod follow;
mod judge;

pub use self::{
    follow::{FollowError, follow},
    judge::StreamEvent,
};
