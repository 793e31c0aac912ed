//! The cookie: what the server gives the client to bring back, sealed with a key of its own.
//!
//! With it a server could forget a client between HELLO and INITIATE. This one remembers, as libzmq
//! does, since the connection is there anyway; the key is of this connection alone and needs no clock
//! to grow old.

use super::{Random, boxes::BoxKey, draw, keys::KeyPair, nonce};
use crate::curve::PublicKey;

pub(super) const BYTES: usize = 16 + 80;
const PURPOSE: [u8; 8] = *b"COOKIE--";

/// Bakes one cookie and knows it again.
#[derive(Debug)]
pub(super) struct CookieJar {
    key: BoxKey,
    number: [u8; 16],
}

impl CookieJar {
    pub(super) fn new(random: &mut Random<'_>) -> Self {
        Self { key: BoxKey::of_ours(draw(random)), number: draw(random) }
    }

    /// The cookie for a client's key and our own, both of this connection.
    pub(super) fn bake(&self, client: PublicKey, own: &KeyPair) -> Vec<u8> {
        let sealed = self.key.seal(&nonce::random(PURPOSE, &self.number), &filling(client, own));
        [&self.number, &sealed[..]].concat()
    }

    /// Whether this is the cookie for these keys. A box that opens is one that we sealed, so the
    /// comparison tells nobody anything.
    pub(super) fn knows(&self, cookie: &[u8; BYTES], client: PublicKey, own: &KeyPair) -> bool {
        let Some((number, sealed)) = cookie.split_first_chunk() else {
            return false;
        };
        let opened = self.key.open(&nonce::random(PURPOSE, number), sealed);
        opened.is_some_and(|opened| opened[..] == filling(client, own)[..])
    }
}

fn filling(client: PublicKey, own: &KeyPair) -> zeroize::Zeroizing<Vec<u8>> {
    [&client.as_bytes()[..], own.secret().as_bytes()].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_cookie_for_the_same_keys_from_the_same_jar_is_known() {
        let mut next = 0;
        let mut random = |bytes: &mut [u8]| {
            bytes.fill_with(|| {
                next += 1;
                next
            });
        };
        let own = KeyPair::generate(&mut random);
        let other = KeyPair::generate(&mut random);
        let jar = CookieJar::new(&mut random);
        let other_jar = CookieJar::new(&mut random);
        let client = PublicKey::from_bytes([1; 32]);
        let cookie: [u8; BYTES] = jar.bake(client, &own).try_into().unwrap();
        assert!(jar.knows(&cookie, client, &own));
        assert!(!jar.knows(&cookie, client, &other));
        assert!(!jar.knows(&cookie, PublicKey::from_bytes([2; 32]), &own));
        assert!(!other_jar.knows(&cookie, client, &own));
        for at in 0..BYTES {
            let mut changed = cookie;
            changed[at] ^= 1;
            assert!(!jar.knows(&changed, client, &own), "{at}");
        }
    }
}
