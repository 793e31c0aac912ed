//! Where a client connects to.

use rustix::net::SocketAddrUnix;

/// Where a client connects to: `tcp://HOST:PORT`, `ipc://PATH`, or `ipc://@NAME` without a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// The host may be a name.
    Tcp {
        host: String,
        port: u16,
    },
    Unix(SocketAddrUnix),
}

/// The text is no endpoint that one can connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidEndpoint {
    /// Only these are spoken.
    #[error("it begins neither with tcp:// nor with ipc://")]
    Scheme,
    /// `tcp://` needs both.
    #[error("it needs a host and a port after tcp://")]
    HostAndPort,
    /// The system has a limit for these.
    #[error("it needs a path after ipc://, of at most 107 bytes")]
    Path,
}

impl Address {
    pub(super) fn parse(endpoint: &str) -> Result<Self, InvalidEndpoint> {
        if let Some(rest) = endpoint.strip_prefix("tcp://") {
            return parse_tcp(rest).ok_or(InvalidEndpoint::HostAndPort);
        }
        let path = endpoint.strip_prefix("ipc://").ok_or(InvalidEndpoint::Scheme)?;
        let address = match path.strip_prefix('@') {
            Some("") => None,
            Some(name) => SocketAddrUnix::new_abstract_name(name.as_bytes()).ok(),
            None if path.is_empty() => None,
            None => SocketAddrUnix::new(path).ok(),
        };
        address.map(Self::Unix).ok_or(InvalidEndpoint::Path)
    }
}

fn parse_tcp(rest: &str) -> Option<Address> {
    let (host, port) = rest.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(address) => address.strip_suffix(']')?,
        None => host,
    };
    // `*` is where a server listens. A `;` would come after an address of ours to connect from.
    let is_host = !host.is_empty()
        && !host.contains(|character: char| {
            character.is_whitespace() || character.is_control() || "*;/[]".contains(character)
        });
    let port = port.parse().ok().filter(|port| *port != 0)?;
    is_host.then(|| Address::Tcp { host: host.to_owned(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_or_addresses_of_both_families() {
        for (endpoint, host, port) in [
            ("tcp://127.0.0.1:5571", "127.0.0.1", 5_571),
            ("tcp://relay.example.org:1", "relay.example.org", 1),
            ("tcp://[::1]:65535", "::1", 65_535),
            ("tcp://[fe80::1%eth0]:5571", "fe80::1%eth0", 5_571),
            ("tcp://::1:5571", "::1", 5_571),
        ] {
            let address = Address::Tcp { host: host.to_owned(), port };
            assert_eq!(Address::parse(endpoint), Ok(address), "{endpoint}");
        }
    }

    #[test]
    fn files_and_names_without_a_file_are_endpoints() {
        let unix = |endpoint| match Address::parse(endpoint) {
            Ok(Address::Unix(address)) => address,
            other => panic!("{endpoint}: {other:?}"),
        };
        assert_eq!(unix("ipc:///run/x").path_bytes(), Some(&b"/run/x"[..]));
        assert_eq!(unix("ipc://x").path_bytes(), Some(&b"x"[..]));
        assert_eq!(unix("ipc://@x").abstract_name(), Some(&b"x"[..]));
    }

    #[test]
    fn what_is_no_endpoint_is_told_why() {
        use InvalidEndpoint::{HostAndPort, Path, Scheme};
        let long = format!("ipc:///{}", "x".repeat(108));
        for (endpoint, error) in [
            ("nonsense", Scheme),
            ("", Scheme),
            ("inproc://x", Scheme),
            ("TCP://127.0.0.1:1", Scheme),
            ("tcp://", HostAndPort),
            ("tcp://127.0.0.1", HostAndPort),
            ("tcp://127.0.0.1:", HostAndPort),
            ("tcp://127.0.0.1:0", HostAndPort),
            ("tcp://127.0.0.1:65536", HostAndPort),
            ("tcp://:5571", HostAndPort),
            ("tcp://*:5571", HostAndPort),
            ("tcp://[::1:5571", HostAndPort),
            ("tcp://eth0;a:5571", HostAndPort),
            ("tcp://a b:5571", HostAndPort),
            ("tcp://a\0:5571", HostAndPort),
            ("ipc://", Path),
            ("ipc://@", Path),
            ("ipc://a\0b", Path),
            (&long, Path),
        ] {
            assert_eq!(Address::parse(endpoint), Err(error), "{endpoint:?}");
        }
    }
}
