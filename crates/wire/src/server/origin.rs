//! Where connections come from, as far as they are counted by it.

use std::net::{IpAddr, Ipv6Addr};

use super::stream::Address;

/// Whoever has one address of a /64 of IPv6 usually has all of them, so they count as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// `ipc://`.
    Local,
    /// This machine, over TCP.
    Loopback(IpAddr),
    Remote(IpAddr),
}

impl From<Address> for Origin {
    fn from(address: Address) -> Self {
        const PREFIX: u128 = !0 << 64;
        let Address::Ip(address) = address else { return Self::Local };
        // IPv4 comes in its IPv6 spelling where one socket listens for both.
        let ip = address.ip().to_canonical();
        if ip.is_loopback() {
            return Self::Loopback(ip);
        }
        match ip {
            IpAddr::V6(ip) => Self::Remote(Ipv6Addr::from_bits(ip.to_bits() & PREFIX).into()),
            IpAddr::V4(_) => Self::Remote(ip),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(address: &str) -> Origin {
        Address::Ip(address.parse().unwrap()).into()
    }

    #[test]
    fn an_address_counts_however_it_is_spelled_and_whatever_its_port_is() {
        let one = origin("192.0.2.1:1");
        assert_eq!(one, origin("192.0.2.1:2"));
        assert_eq!(one, origin("[::ffff:192.0.2.1]:1"));
        assert_ne!(one, origin("192.0.2.2:1"));
        assert_ne!(origin("[::ffff:192.0.2.1]:1"), origin("[::ffff:192.0.2.2]:1"));
    }

    #[test]
    fn what_one_subscriber_has_of_ipv6_counts_as_one() {
        let one = origin("[2001:db8::1]:1");
        assert_eq!(one, origin("[2001:db8::ffff:ffff:ffff:ffff]:2"));
        assert_ne!(one, origin("[2001:db8:0:1::1]:1"));
    }

    #[test]
    fn this_machine_is_told_from_others() {
        for own in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert!(matches!(origin(own), Origin::Loopback(_)), "{own}");
        }
        for other in ["192.0.2.1:1", "[::2]:1", "[::]:1", "0.0.0.0:1"] {
            assert!(matches!(origin(other), Origin::Remote(_)), "{other}");
        }
        assert_ne!(origin("127.0.0.1:1"), origin("127.0.0.2:1"));
        assert_eq!(Origin::from(Address::Local), Origin::Local);
    }
}
