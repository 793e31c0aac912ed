//! What `tests/fuzz` needs of this module.

use super::{
    Clients,
    gate::{Status, answer},
};

/// Whether a request to the ZAP handler lets a client in, and the frames of the answer.
pub fn ask(frames: &[&[u8]], clients: &Clients) -> (bool, Vec<Vec<u8>>) {
    let answer = answer(frames, clients);
    let reply = answer.frames(frames).map(<[u8]>::to_vec);
    (answer.status == Status::Welcome, reply.into())
}
