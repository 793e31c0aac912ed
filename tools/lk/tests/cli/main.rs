//! Runs the binary and looks at what it says and how it ends.

#![expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod audit;
mod emit;
mod events;
mod history;
mod keys;
mod lies;
mod listen;
mod on;
mod program;
mod quarantine;
mod relay;
mod revoke;
mod rotate;
mod site;
mod spool;
mod table;
mod trust;
mod usage;
