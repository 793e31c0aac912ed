//! `[journal]`

use anyhow::ensure;
use laniakea_daemon::Age;
use serde::Deserialize;

/// Where and how long events are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JournalConfig {
    /// What keeps the events. Default: `"sqlite"`, one file in `data_dir`.
    #[serde(default)]
    backend: Backend,
    /// How long events are kept, such as `"400d"`. Default: `"unlimited"`.
    #[serde(default = "unlimited")]
    pub(crate) retain: Age,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Backend {
    #[default]
    Sqlite,
}

fn unlimited() -> Age {
    Age::Unlimited
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self { backend: Backend::Sqlite, retain: Age::Unlimited }
    }
}

impl JournalConfig {
    pub(super) fn validate(self) -> anyhow::Result<()> {
        let is_some = self.retain.limit().is_none_or(|limit| !limit.is_zero());
        ensure!(is_some, "retain in [journal] must be more than nothing");
        Ok(())
    }
}
