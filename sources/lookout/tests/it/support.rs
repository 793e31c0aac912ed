//! What the tests are written with.

mod archive;
mod gpg;
mod lookout;
mod server;

pub(crate) use self::{
    archive::{Archive, Form, binary, pack, source},
    gpg::Gpg,
    lookout::{Lookout, lines},
    server::{Answer, Server},
};
