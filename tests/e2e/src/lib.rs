//! Starts the real binaries and watches what they do.
//!
//! ```no_run
//! use laniakea_e2e::{Module, Relay};
//!
//! let archive = Module::new("archive-01");
//! let relay = Relay::new().trust(&archive, &["_lk.archive."]).run();
//! ```

#![expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")]
#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test fails by panicking")]

mod binaries;
mod disk;
mod following;
mod keeper_site;
mod link;
mod module;
mod process;
mod relay;
mod stranger;
mod wait;

pub use crate::{
    binaries::binary,
    disk::median_fsync,
    following::{next_event, next_update},
    keeper_site::KeeperSite,
    link::Link,
    module::Module,
    process::{Memory, Process, Signal},
    relay::{Ended, Endpoints, Relay, RunningRelay},
    stranger::Stranger,
    wait::{until, within},
};
