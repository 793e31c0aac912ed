//! What an end of a connection is there for, and whom it talks to.

use std::fmt;

macro_rules! roles {
    ($($variant:ident $name:literal,)+) => {
        /// What an end of a connection is there for; ZeroMQ calls it the type of a socket.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "the names of RFC 28, 29, 30 and 31")]
        pub enum Role {
            $($variant,)+
        }

        impl Role {
            /// Every role.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

roles! {
    Dealer "DEALER",
    Pair "PAIR",
    Pub "PUB",
    Pull "PULL",
    Push "PUSH",
    Rep "REP",
    Req "REQ",
    Router "ROUTER",
    Sub "SUB",
    XPub "XPUB",
    XSub "XSUB",
}

impl Role {
    /// Reads the name that a peer gives.
    pub fn parse(name: &[u8]) -> Option<Self> {
        Self::ALL.iter().copied().find(|role| role.as_str().as_bytes() == name)
    }

    /// Whether the two talk to each other: the table of libzmq.
    pub fn talks_to(self, peer: Self) -> bool {
        match self {
            Self::Dealer => matches!(peer, Self::Rep | Self::Dealer | Self::Router),
            Self::Router => matches!(peer, Self::Req | Self::Dealer | Self::Router),
            Self::Req => matches!(peer, Self::Rep | Self::Router),
            Self::Rep => matches!(peer, Self::Req | Self::Dealer),
            Self::Pub | Self::XPub => matches!(peer, Self::Sub | Self::XSub),
            Self::Sub | Self::XSub => matches!(peer, Self::Pub | Self::XPub),
            Self::Push => peer == Self::Pull,
            Self::Pull => peer == Self::Push,
            Self::Pair => peer == Self::Pair,
        }
    }

    /// Whether it is told which topics its peer wants.
    pub(crate) fn is_subscribed_to(self) -> bool {
        matches!(self, Self::Pub | Self::XPub)
    }

    /// Whether it sends an identity in the handshake; libzmq's peers of these roles expect one.
    pub(crate) fn has_identity(self) -> bool {
        matches!(self, Self::Req | Self::Dealer | Self::Router)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_known_by_its_name() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str().as_bytes()), Some(*role));
        }
        for name in ["", "router", "ROUTER ", "XROUTER", "SERVER", "STREAM"] {
            assert_eq!(Role::parse(name.as_bytes()), None, "{name:?}");
        }
    }

    #[test]
    fn who_talks_to_whom_is_the_same_from_both_ends() {
        for one in Role::ALL {
            for other in Role::ALL {
                assert_eq!(one.talks_to(*other), other.talks_to(*one), "{one} {other}");
            }
        }
    }

    #[test]
    fn the_relays_ends_let_in_the_peers_that_the_protocol_names() {
        let lets_in = |role: Role| -> Vec<Role> {
            Role::ALL.iter().copied().filter(|peer| role.talks_to(*peer)).collect()
        };
        assert_eq!(lets_in(Role::Router), [Role::Dealer, Role::Req, Role::Router]);
        assert_eq!(lets_in(Role::XPub), [Role::Sub, Role::XSub]);
        assert_eq!(lets_in(Role::Dealer), [Role::Dealer, Role::Rep, Role::Router]);
        assert_eq!(lets_in(Role::Sub), [Role::Pub, Role::XPub]);
    }
}
