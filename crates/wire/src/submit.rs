//! Submit: how events come to the relay, and its replies.

mod frames;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod intake;
mod publisher;
mod reply;
mod server;

pub use crate::{
    router::{Next, Peer},
    server::Closer,
};
pub use frames::ReplyTo;
pub(crate) use publisher::because;
pub use publisher::{Publisher, PublisherConfig, Receipt, SubmitError, is_final};
pub use reply::Reply;
pub use server::{ReplySender, Submission, SubmitServer};
