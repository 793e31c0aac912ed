//! How things are shown: facts and events on stdout, notices and progress on stderr.

pub(crate) mod event_line;
mod events;
mod facts;
mod moment;
mod notices;
mod progress;
mod table;
mod text;

pub(crate) use self::{
    events::{EventWriter, Format},
    facts::{Facts, print_json},
    moment::Zone,
    notices::{Notices, say},
    progress::Progress,
    table::{Table, age},
    text::pad,
};
