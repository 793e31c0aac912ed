//! Where the events go.

use serde::Deserialize;

/// `[submit]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submit {
    /// The relay's submit endpoint, such as `tcp://127.0.0.1:5571`.
    pub endpoint: String,
}
