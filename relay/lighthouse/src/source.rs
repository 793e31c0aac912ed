//! Where events come in.

mod submissions;

pub(crate) use submissions::Submissions;
