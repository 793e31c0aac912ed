//! Boxes against those of libsodium, and what must not open.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

/// Secret key of one end, public key of the other and nonce of the paper of `NaCl`.
const SECRET: [u8; 32] = [
    0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d, 0x3c, 0x16, 0xc1, 0x72, 0x51, 0xb2, 0x66, 0x45,
    0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0, 0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9, 0x2c, 0x2a,
];
const PUBLIC: [u8; 32] = [
    0xde, 0x9e, 0xdb, 0x7d, 0x7b, 0x7d, 0xc1, 0xb4, 0xd3, 0x5b, 0x61, 0xc2, 0xec, 0xe4, 0x35, 0x37,
    0x3f, 0x83, 0x43, 0xc8, 0x5b, 0x78, 0x67, 0x4d, 0xad, 0xfc, 0x7e, 0x14, 0x6f, 0x88, 0x2b, 0x4f,
];
const NONCE: Nonce = [
    0x69, 0x69, 0x6e, 0xe9, 0x55, 0xb6, 0x2b, 0x73, 0xcd, 0x62, 0xbd, 0xa8, 0x75, 0xfc, 0x73, 0xd6,
    0x82, 0x19, 0xe0, 0x03, 0x6b, 0x7a, 0x0b, 0x37,
];
/// The key between the two, by the paper.
const KEY: [u8; 32] = [
    0x1b, 0x27, 0x55, 0x64, 0x73, 0xe9, 0x85, 0xd4, 0x62, 0xcd, 0x51, 0x19, 0x7a, 0x9a, 0x46, 0xc7,
    0x60, 0x09, 0x54, 0x9e, 0xac, 0x64, 0x74, 0xf2, 0x06, 0xc4, 0xee, 0x08, 0x44, 0xf6, 0x83, 0x89,
];

/// The proofs that libsodium 1.0.20 (PyNaCl 1.6.2) makes for `text(size)`. They depend on every
/// sealed byte. The sizes are those at which a vectorised implementation takes another turn.
const TAGS: &[(usize, &str)] = &[
    (0, "2539121d8e234e652d651fa4c8cff880"),
    (1, "b81ad0d9f002441edb2656a6f6b2d0bd"),
    (15, "e23b2a7619515a2806d1c7f85488c086"),
    (16, "67999c40382a3968db42885562ad089a"),
    (63, "8a5fcbbacb94b6f137daac31e7e11a7f"),
    (64, "d712d32a448a13b4051d7aa0d1582227"),
    (65, "73cf06e54a7fc413be13b61c67feff3a"),
    (127, "7f6573b8e43c0b9f650a1e4bf75d8ccc"),
    (128, "91aab88e23c377ac6d767845a57b0a9a"),
    (129, "21a2a4ff237d5ff56bb86d3d08893524"),
    (255, "22ab6ec32623e3dcc4ddf7efe9745703"),
    (256, "3a5ae43e7c998dd12e908f68a5006687"),
    (257, "aef2b01326b6ee14844d83782bb7f913"),
    (511, "81b349df70115dec040c799613751301"),
    (512, "06deed831d69b97b81e6c9c8456f49ac"),
    (513, "c196bb9895f8a9b4e46e09caac624ef1"),
    (835, "e43e52942924949be5276ea8b0853f0b"),
    (1024, "b23889e704e9e5873fde89154ce6544b"),
    (4096, "519efcede31b0b53e1798b3f8e50f394"),
    (8192, "395d015b4d33672f81c3f6ad2b06a0b4"),
    (65537, "62bc01d08bc4b0a7985441221f795291"),
];

fn text(size: usize) -> Vec<u8> {
    (0..size).map(|at| u8::try_from((at * 7 + size) % 256).unwrap()).collect()
}

fn key() -> BoxKey {
    BoxKey::between(PublicKey::from_bytes(PUBLIC), &SecretKey::from_bytes(SECRET)).unwrap()
}

#[test]
fn the_key_between_two_is_that_of_nacl() {
    assert_eq!(*key().0, KEY);
}

#[test]
fn boxes_are_those_of_libsodium() {
    for (size, tag) in TAGS {
        let sealed = key().seal(&NONCE, &text(*size));
        let mut ours = String::new();
        sealed[..TAG_BYTES].iter().for_each(|byte| write!(ours, "{byte:02x}").unwrap());
        assert_eq!((&*ours, sealed.len()), (*tag, size + TAG_BYTES), "{size} bytes");
        assert_eq!(**key().open(&NONCE, &sealed).unwrap(), text(*size));
    }
}

/// The points of small order: with them the key would be known to everybody.
#[test]
fn keys_that_protect_nothing_are_refused() {
    let mut one = [0; 32];
    one[0] = 1;
    for weak in [[0; 32], one] {
        let key = BoxKey::between(PublicKey::from_bytes(weak), &SecretKey::from_bytes(SECRET));
        assert_eq!(key.unwrap_err(), CurveError::WeakKey);
    }
}

#[test]
fn what_is_too_short_for_a_box_does_not_open() {
    for size in 0..TAG_BYTES {
        assert!(key().open(&NONCE, &text(size)).is_none());
    }
}

proptest! {
    #[test]
    fn a_changed_bit_anywhere_keeps_a_box_shut(size in 0usize..600, bit in any::<usize>()) {
        let mut sealed = key().seal(&NONCE, &text(size));
        let bit = bit % (sealed.len() * 8);
        sealed[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(key().open(&NONCE, &sealed).is_none());
    }

    #[test]
    fn another_nonce_or_key_keeps_a_box_shut(at in 0usize..24, other in 1u8..) {
        let sealed = key().seal(&NONCE, b"text");
        let mut nonce = NONCE;
        nonce[at] ^= other;
        prop_assert!(key().open(&nonce, &sealed).is_none());
        let mut bytes = KEY;
        bytes[at] ^= other;
        prop_assert!(BoxKey::of_ours(bytes).open(&NONCE, &sealed).is_none());
    }
}
