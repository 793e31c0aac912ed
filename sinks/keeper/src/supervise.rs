//! Nothing that a command starts outlives its run.
//!
//! Each command is the child of a process that does nothing else: a *supervisor*, `keeper supervise`.
//! As a child subreaper it becomes the parent of all that the command leaves behind, whatever session,
//! group, environment or descriptors that has. When the command has ended, when it took too long, or
//! when keeper is gone, the supervisor ends all of it, and ends itself when nothing is left.
//!
//! Both speak over a socket, which is the supervisor's stdout: keeper sends a `Commission` and later
//! perhaps `END`, the supervisor a `Report`. The end of the connection is word of the other's end.

mod descendants;
mod orphans;
mod supervised;
mod supervisor;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub(crate) use self::supervised::{GRACE, Pipes, Supervised};
pub use self::{orphans::adopt_orphans, supervisor::supervise};

/// The command of keeper that is a supervisor.
pub(crate) const SUPERVISE: &str = "supervise";

/// Asks for the end of the command: SIGTERM, and SIGKILL after [`GRACE`].
const END: &[u8] = b"end\n";

/// What a supervisor is to run. It would be seen by everybody among a process's arguments.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Commission {
    /// The program and its arguments.
    pub(crate) command: Vec<String>,
    /// All variables of its environment.
    pub(crate) environment: BTreeMap<String, String>,
}

/// What became of the command.
#[derive(Debug, Serialize, Deserialize)]
enum Report {
    /// It has ended, with this status as `wait` has it.
    Ended(i32),
    /// It could not be run: why not.
    NotRun(String),
}
