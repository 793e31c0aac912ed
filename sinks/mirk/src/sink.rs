//! Last stage: messages on their way to rooms.
//!
//! Each room has one worker, which composes what the room is posted next and sends it, one message
//! after the other. A message is kept before it is sent and has a transaction id; whatever happens
//! in between, the homeserver makes one event of it.

mod homeserver;
mod pause;
mod rooms;
mod worker;

pub use self::{
    homeserver::{Homeserver, SendError},
    pause::Pause,
    rooms::Rooms,
    worker::{SinkError, Worker},
};
