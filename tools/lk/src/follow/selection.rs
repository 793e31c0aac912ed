//! Which events of those with the right ids, and whom to believe.

use clap::Args;
use laniakea_filter::Expression;

use crate::trusting::Trusting;

/// Which events of those with the right ids, and whom to believe.
#[derive(Debug, Args)]
pub(crate) struct Selection {
    /// Only events of which this expression in CEL is true, such as "data.suite == 'sid'". It can
    /// use id, data, author, origin, time, signers and event, which is the whole.
    #[arg(long = "where", value_name = "CEL")]
    pub(crate) filter: Option<Expression>,
    #[command(flatten)]
    pub(crate) trusting: Trusting,
}
