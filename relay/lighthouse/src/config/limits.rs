//! `[limits]`

use std::time::Duration;

use anyhow::ensure;
use laniakea_daemon::Age;
use laniakea_event::Limits;
use laniakea_wire::ConnectionLimits;
use serde::Deserialize;

/// What is too much, too fast, too old or too new.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LimitsConfig {
    /// Bytes of one event. Default: 1048576.
    pub(crate) max_event_bytes: usize,
    /// How old an event may be when it comes. Default: `"7d"`.
    pub(crate) max_age: Age,
    /// How far an event may be ahead of the clock. Default: `"10m"`.
    pub(crate) max_future: Age,
    /// Events a second from one signer. Default: 2000.
    pub(crate) rate_per_signer: u32,
    /// Events a second over one connection, before anything is verified. Default: 10000.
    pub(crate) rate_per_connection: u32,
    /// Events that a signer or a connection may send at once before its rate counts.
    /// Default: 20000.
    pub(crate) rate_burst: u32,
    /// Connections to the plain endpoints of a socket, and as many to its encrypted ones.
    /// Default: 500.
    pub(crate) max_connections: u32,
    /// Of these, those from one address, or one /64 of IPv6. Default: half of them, and as many as
    /// there are from this machine.
    pub(crate) max_connections_per_address: Option<u32>,
    /// Of the encrypted ones, those with one key. Default: half of them.
    pub(crate) max_connections_per_key: Option<u32>,
    /// Subscriptions of one connection. Default: 250.
    pub(crate) max_subscriptions: u32,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            max_event_bytes: Limits::SUBMISSION.max_bytes,
            max_age: Age::Limited(Duration::from_hours(7 * 24)),
            max_future: Age::Limited(Duration::from_mins(10)),
            rate_per_signer: 2_000,
            rate_per_connection: 10_000,
            rate_burst: 20_000,
            max_connections: 500,
            max_connections_per_address: None,
            max_connections_per_key: None,
            max_subscriptions: 250,
        }
    }
}

impl LimitsConfig {
    pub(crate) fn of_one_event(&self) -> Limits {
        Limits { max_bytes: self.max_event_bytes, ..Limits::SUBMISSION }
    }

    /// For what comes from an upstream: relays add to events.
    pub(crate) fn of_one_passed_on(&self) -> Limits {
        Limits { max_bytes: self.max_event_bytes.saturating_mul(2), ..Limits::FROM_RELAY }
    }

    pub(crate) fn of_connections(&self) -> ConnectionLimits {
        let size = |limit: u32| usize::try_from(limit).unwrap_or(usize::MAX);
        ConnectionLimits {
            connections: size(self.max_connections),
            per_address: self.max_connections_per_address.map(size),
            per_key: self.max_connections_per_key.map(size),
            subscriptions: size(self.max_subscriptions),
        }
    }

    pub(super) fn validate(&self) -> anyhow::Result<()> {
        ensure!(
            (1_024..=64 << 20).contains(&self.max_event_bytes),
            "max_event_bytes in [limits] must be between 1024 and 67108864"
        );
        for (name, limit) in [
            ("rate_per_signer", self.rate_per_signer),
            ("rate_per_connection", self.rate_per_connection),
            ("rate_burst", self.rate_burst),
            ("max_connections", self.max_connections),
            ("max_connections_per_address", self.max_connections_per_address.unwrap_or(1)),
            ("max_connections_per_key", self.max_connections_per_key.unwrap_or(1)),
            ("max_subscriptions", self.max_subscriptions),
        ] {
            ensure!(limit > 0, "{name} in [limits] must be at least 1");
        }
        Ok(())
    }
}
