//! `[submit]`, `[publish]` and `[replay]`

use anyhow::ensure;
use laniakea_wire::Endpoint;
use serde::Deserialize;

/// Where one of the relay's sockets listens.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SocketConfig {
    /// ZeroMQ endpoints that are open to everybody, such as `tcp://127.0.0.1:5571` or `ipc:///run/lighthouse/submit`.
    #[serde(default)]
    endpoints: Vec<String>,
    /// Endpoints for encrypted connections, which are open to the CURVE keys of the trusted
    /// directory alone.
    #[serde(default)]
    curve_endpoints: Vec<String>,
}

impl SocketConfig {
    pub(super) fn submit() -> Self {
        Self::local(5571)
    }

    pub(super) fn publish() -> Self {
        Self::local(5572)
    }

    pub(super) fn replay() -> Self {
        Self::local(5573)
    }

    fn local(port: u16) -> Self {
        Self { endpoints: vec![format!("tcp://127.0.0.1:{port}")], curve_endpoints: Vec::new() }
    }

    pub(crate) fn endpoints(&self) -> Vec<Endpoint> {
        self.endpoints.iter().cloned().map(Endpoint).collect()
    }

    pub(crate) fn curve_endpoints(&self) -> Vec<Endpoint> {
        self.curve_endpoints.iter().cloned().map(Endpoint).collect()
    }

    pub(super) fn validate(&self, section: &str) -> anyhow::Result<()> {
        ensure!(
            !self.endpoints.is_empty() || !self.curve_endpoints.is_empty(),
            "[{section}] needs at least one endpoint, in `endpoints` or `curve_endpoints`"
        );
        Ok(())
    }
}
