//! Base64 as signatures and keys are written: one encoding out, four spellings in.

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD, Encoding};

/// Encodes as unpadded standard base64.
pub fn encode_base64(bytes: &[u8]) -> String {
    BASE64_NOPAD.encode(bytes)
}

/// Decodes standard or URL-safe base64 with correct padding or none.
///
/// `None` for anything else: junk, wrong padding, non-zero spare bits, a mix of the alphabets.
pub fn decode_base64(text: &str) -> Option<Vec<u8>> {
    encoding_of(text).decode(text.as_bytes()).ok()
}

fn encoding_of(text: &str) -> Encoding {
    match (text.contains(['-', '_']), text.ends_with('=')) {
        (false, false) => BASE64_NOPAD,
        (false, true) => BASE64,
        (true, false) => BASE64URL_NOPAD,
        (true, true) => BASE64URL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_four_spellings_decode_to_the_same_bytes() {
        let bytes = [0xfb, 0xef, 0xff, 0x01];
        for text in ["++//AQ", "++//AQ==", "--__AQ", "--__AQ=="] {
            assert_eq!(decode_base64(text).as_deref(), Some(&bytes[..]), "{text}");
        }
        assert_eq!(encode_base64(&bytes), "++//AQ");
    }

    #[test]
    fn every_other_spelling_is_refused() {
        for text in [
            "++//AQ=",
            "++//AQ===",
            "++//AR",
            "+-//AQ",
            "++ //AQ",
            "++//AQ\n",
            "A",
            "é",
            "====",
            "=",
        ] {
            assert_eq!(decode_base64(text), None, "{text:?}");
        }
        assert_eq!(decode_base64(""), Some(Vec::new()));
    }
}
