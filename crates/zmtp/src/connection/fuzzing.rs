//! What only a peer with bad intentions, and perhaps the right keys, would say. For tests.

use super::{Connection, Peer, Security, Setup, Stage, traffic::Traffic};
use crate::{
    channel::Channel,
    curve::Sealed,
    frame::{Kind, put as put_plain},
    handshake::Handshake,
};

/// The flags of [`put`].
pub const MORE: u8 = 1;
/// See [`MORE`].
pub const COMMAND: u8 = 2;

/// An end as it is after a handshake with this peer, which costs a hundred times as much. An encrypted
/// connection has the same key each time.
pub fn established(setup: &Setup, peer: Peer) -> Connection {
    let channel = match &setup.security {
        Security::NullClient | Security::NullServer => Channel::Plain,
        Security::CurveClient { .. } | Security::CurveServer(_) => {
            Channel::Sealed(Box::new(Sealed::of_everybody(setup.security.is_server())))
        }
    };
    let traffic = Traffic::new(setup.role, setup.limits, peer, channel);
    Connection { stage: Stage::Traffic(Box::new(traffic)), output: Vec::new() }
}

/// Makes an end whose handshake is encrypted say this of itself.
pub fn say(connection: &mut Connection, metadata: &[u8]) {
    if let Stage::Opening(opening) = &mut connection.stage {
        match &mut opening.handshake {
            Handshake::Null(_) => {}
            Handshake::CurveClient(client) => client.say(metadata),
            Handshake::CurveServer(server) => server.say(metadata),
        }
    }
}

/// Appends a frame as the peer will open it, with any flags: sealed, those of the box.
pub fn put(connection: &mut Connection, flags: u8, body: &[u8], out: &mut Vec<u8>) {
    let Stage::Traffic(traffic) = &mut connection.stage else {
        return;
    };
    match &mut traffic.channel {
        Channel::Sealed(sealed) => sealed.put_plaintext(flags, body, out),
        Channel::Plain if flags & COMMAND != 0 => put_plain(out, Kind::Command, body),
        Channel::Plain if flags & MORE != 0 => put_plain(out, Kind::More, body),
        Channel::Plain => put_plain(out, Kind::Last, body),
    }
}
