//! Where events go out: to those who listen now, and to those who ask for the past.

mod damaged;
mod publication;
mod replay;
mod reports;

pub(crate) use damaged::DamagedEvents;
pub(crate) use publication::Publication;
pub(crate) use replay::Replayer;
pub(crate) use reports::Sinks;
