//! Replay: what the journal holds, on request.

mod client;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod header;
mod pace;
mod page;
mod request;
mod server;
mod turns;

pub use crate::server::Closer;
pub(crate) use client::Requester;
pub use client::{Answer, ReplayClient, ReplayError};
pub use header::{Failure, FailureReason, Header, SinkStanding, SinkState};
pub(crate) use pace::{Gain, Pace};
pub(crate) use page::check_note;
pub use page::{Contradiction, Page, PageEvent};
pub use request::{From, Read, Request, SinkReport};
pub use server::{AnswerSender, ReplayRequest, ReplayServer};
