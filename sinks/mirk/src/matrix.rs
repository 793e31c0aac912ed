//! The Matrix account: its session and encryption store, and what the homeserver says and hears.

mod account;
mod client;
mod device;
mod enter;
mod failure;
mod find;
mod line;
mod login;
mod secret_file;
mod session;
mod sync;

pub use self::{
    account::Account,
    client::ClientError,
    device::{DeviceProblem, prove_device},
    line::LineError,
    login::{Login, LoginError, Proof, Recovery, login},
    secret_file::{SecretFileError, read_secret, write_secret},
    session::Session,
    sync::{Sync, SyncError},
};

#[cfg(test)]
mod tests;
