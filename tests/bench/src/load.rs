//! Events to send, signed beforehand, and a relay that takes them as fast as it can.

use std::path::Path;

use laniakea_e2e::{Module, Relay, RunningRelay};
use laniakea_event::{Dialect, Object, Value};

use crate::fan_out::Site;

pub(crate) const ID: &str = "_lk.archive.package-build-success";

/// Signed events of 600 to 700 bytes each.
pub(crate) struct Load {
    pub(crate) module: Module,
    pub(crate) events: Vec<Vec<u8>>,
}

impl Load {
    pub(crate) fn new(count: usize) -> Self {
        Self::in_dialect(Dialect::Seed, count)
    }

    pub(crate) fn in_dialect(dialect: Dialect, count: usize) -> Self {
        let module = Module::with_curve("archive-01");
        let events = (0..count).map(|number| event(&module, dialect, ID, number)).collect();
        Self { module, events }
    }

    /// A relay that trusts the load's module and limits nothing.
    pub(crate) fn relay(&self, lighthouse: &Path) -> RunningRelay {
        self.setup(lighthouse).run()
    }

    /// The same, with encrypted endpoints beside the plain ones.
    pub(crate) fn encrypted_relay(&self, lighthouse: &Path) -> RunningRelay {
        // All readers have one key, of which a relay takes half of all connections.
        self.setup(lighthouse).limit("max_connections = 10000").encrypted().run()
    }

    fn setup(&self, lighthouse: &Path) -> Relay {
        Relay::new()
            .program(lighthouse)
            .trust(&self.module, &["_lk.archive."])
            .limit("rate_per_signer = 10000000")
            .limit("rate_per_connection = 10000000")
            .limit("rate_burst = 10000000")
    }

    /// Where readers find the relay: at its encrypted endpoint, if it has one.
    pub(crate) fn site(&self, relay: &mut RunningRelay) -> Site {
        let process = relay.process().id();
        let endpoints = relay.endpoints().clone();
        let own = self.module.curve_pair().map(|(public, secret)| [public, secret]);
        let keys =
            relay.curve_key().into_iter().chain(own.into_iter().flatten()).map(str::to_owned);
        let (publish, curve) = match endpoints.curve.get(1) {
            Some(encrypted) => (encrypted.clone(), keys.collect()),
            None => (endpoints.publish, Vec::new()),
        };
        Site { submit: endpoints.submit, publish, curve, process }
    }
}

pub(crate) fn event(module: &Module, dialect: Dialect, id: &str, number: usize) -> Vec<u8> {
    let data = [
        ("architecture", Value::from("amd64")),
        ("job_id", Value::from(format!("0a1b2c3d-0000-4000-8000-{number:012}"))),
        ("pkgname", Value::from("gnome-shell")),
        ("repo", Value::from("master")),
        ("suite", Value::from("landing")),
        ("version", Value::from("47.1-1")),
        ("number", Value::from(number)),
        ("log", Value::from("x".repeat(180))),
    ];
    let data: Object = data.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    module.event_in(dialect, id, data).into_bytes()
}
