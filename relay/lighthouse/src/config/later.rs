//! Sections that later versions have. They are read so that they can be refused by name.

use serde::Deserialize;

/// `[http]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct HttpConfig {}
