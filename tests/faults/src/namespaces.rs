//! Hosts on this machine: network namespaces with a cable between two of them. They are gone when this is
//! dropped, whatever happened.

use std::process::Command;

/// The relay's host, and two others each with a cable of its own to it.
pub(crate) struct Hosts {
    tag: String,
}

/// The end of a cable that is not the relay's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Host {
    /// The sources'.
    Source,
    /// The sinks'.
    Sink,
}

impl Host {
    const ALL: [Self; 2] = [Self::Source, Self::Sink];

    /// A letter for names, and the third byte of addresses.
    fn mark(self) -> (char, u8) {
        match self {
            Self::Source => ('s', 1),
            Self::Sink => ('k', 2),
        }
    }

    /// The relay's address on this host's cable.
    pub(crate) fn relay_address(self) -> String {
        format!("10.213.{}.1", self.mark().1)
    }
}

impl Hosts {
    /// Why there can be none here.
    pub(crate) fn missing() -> Option<String> {
        let name = format!("lkprobe{}", std::process::id());
        let added = ip(&["netns", "add", &name]);
        drop(ip(&["netns", "del", &name]));
        added.err().map(|why| format!("no network namespaces: {why}"))
    }

    /// Makes the hosts and their cables.
    pub(crate) fn new() -> Self {
        let hosts = Self { tag: format!("lk{}", std::process::id()) };
        let relay = hosts.relay();
        must(&["netns", "add", &relay]);
        must(&["-n", &relay, "link", "set", "lo", "up"]);
        for host in Host::ALL {
            hosts.add(host);
        }
        hosts
    }

    /// Makes a host and its cable to the relay, also once more after [`Self::vanish`].
    pub(crate) fn add(&self, host: Host) {
        let (relay, name, cable) = (self.relay(), self.name(host), self.cable(host));
        let (_, subnet) = host.mark();
        must(&["netns", "add", &name]);
        must(&["-n", &name, "link", "set", "lo", "up"]);
        must(&[
            "-n", &relay, "link", "add", &cable, "type", "veth", "peer", "name", "eth0", "netns",
            &name,
        ]);
        let address = |last: u8| format!("10.213.{subnet}.{last}/24");
        must(&["-n", &relay, "address", "add", &address(1), "dev", &cable]);
        must(&["-n", &name, "address", "add", &address(2), "dev", "eth0"]);
        must(&["-n", &name, "link", "set", "eth0", "up"]);
        must(&["-n", &relay, "link", "set", &cable, "up"]);
    }

    /// Pulls the cable out.
    pub(crate) fn pull(&self, host: Host) {
        must(&["-n", &self.relay(), "link", "set", &self.cable(host), "down"]);
    }

    /// Puts it in again.
    pub(crate) fn plug(&self, host: Host) {
        must(&["-n", &self.relay(), "link", "set", &self.cable(host), "up"]);
    }

    /// The host is gone, with its cable; who ran there must have been killed while the cable was out.
    pub(crate) fn vanish(&self, host: Host) {
        must(&["-n", &self.relay(), "link", "del", &self.cable(host)]);
        must(&["netns", "del", &self.name(host)]);
    }

    pub(crate) fn name(&self, host: Host) -> String {
        format!("{}{}", self.tag, host.mark().0)
    }

    pub(crate) fn relay(&self) -> String {
        format!("{}r", self.tag)
    }

    fn cable(&self, host: Host) -> String {
        format!("{}{}", self.tag, host.mark().0)
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for name in [self.relay(), self.name(Host::Source), self.name(Host::Sink)] {
            drop(ip(&["netns", "del", &name]));
        }
    }
}

fn must(arguments: &[&str]) {
    ip(arguments).unwrap_or_else(|why| panic!("ip {}: {why}", arguments.join(" ")));
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    match Command::new("ip").args(arguments).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Err(format!("ip cannot be run: {error}")),
    }
}
