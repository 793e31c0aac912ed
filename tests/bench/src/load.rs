//! Events to send, signed beforehand, and a relay that takes them as fast as it can.

use laniakea_e2e::{Module, Relay, RunningRelay};
use laniakea_event::{Object, Value};

pub(crate) const ID: &str = "_lk.archive.package-build-success";

/// Signed events of about 600 bytes each.
pub(crate) struct Load {
    pub(crate) module: Module,
    pub(crate) events: Vec<Vec<u8>>,
}

impl Load {
    pub(crate) fn new(count: usize) -> Self {
        let module = Module::new("archive-01");
        let events = (0..count).map(|number| event(&module, number)).collect();
        Self { module, events }
    }

    /// A relay that trusts the load's module and limits nothing.
    pub(crate) fn relay(&self) -> RunningRelay {
        Relay::new()
            .trust(&self.module, &["_lk.archive."])
            .limit("rate_per_signer = 10000000")
            .limit("rate_per_connection = 10000000")
            .limit("rate_burst = 10000000")
            .run()
    }
}

pub(crate) fn event(module: &Module, number: usize) -> Vec<u8> {
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
    module.event_with(ID, data).into_bytes()
}
