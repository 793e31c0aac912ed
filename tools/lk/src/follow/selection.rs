//! Which events of those with the right ids, and whom to believe.

use std::path::PathBuf;

use clap::Args;
use laniakea_daemon::load_directory;
use laniakea_filter::Expression;
use laniakea_wire::subscription::Believe;

/// Which events of those with the right ids, and whom to believe.
#[derive(Debug, Args)]
pub(crate) struct Selection {
    /// Only events of which this expression in CEL is true, such as "data.suite == 'sid'". It can
    /// use id, data, author, origin, time, signers and event, which is the whole.
    #[arg(long = "where", value_name = "CEL")]
    pub(crate) filter: Option<Expression>,
    /// Verify the events: show only those that a key in this directory signed.
    #[arg(long, value_name = "DIR", env = "LK_KEYS", hide_env_values = true)]
    pub(crate) keys: Option<PathBuf>,
}

impl Selection {
    /// Whom to believe.
    ///
    /// # Errors
    ///
    /// The directory of keys cannot be used.
    pub(crate) fn believe(&self) -> anyhow::Result<Believe> {
        match &self.keys {
            Some(keys) => Ok(Believe::Keys(load_directory(keys)?.keyring())),
            None => Ok(Believe::Everything),
        }
    }
}
