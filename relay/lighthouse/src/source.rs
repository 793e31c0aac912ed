//! Where events come in: from sources, and from relays that this one follows.

mod submissions;
mod upstream;

pub(crate) use submissions::Submissions;
pub(crate) use upstream::{Outcome, Surroundings, Ticket, Upstreams, check_upstreams};
