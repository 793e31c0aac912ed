//! What the tests are written with.

mod archive;
mod gpg;
mod lookout;
mod process;
mod relay;
mod server;

pub(crate) use self::{
    archive::{Archive, Form, binary, pack, source},
    gpg::Gpg,
    lookout::{Lookout, lines},
    process::{Installation, Outcome, installed, lookout, wait_until},
    relay::{Relay, Treatment},
    server::{Answer, Server},
};
