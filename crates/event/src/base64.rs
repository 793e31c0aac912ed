//! Base64 as signatures and keys are written: one encoding out, four spellings in.

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD};

/// Encodes as unpadded standard base64.
pub fn encode_base64(bytes: &[u8]) -> String {
    BASE64_NOPAD.encode(bytes)
}

/// Decodes standard or URL-safe base64 with correct padding or none.
///
/// `None` for anything else: junk, wrong padding, non-zero spare bits, a mix of the alphabets.
pub fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let unpadded = text.trim_end_matches('=');
    let padding = text.len() - unpadded.len();
    // Left to itself the library would also read padded texts one behind the other.
    if padding > 2 || (padding > 0 && !text.len().is_multiple_of(4)) {
        return None;
    }
    let encoding = if text.contains(['-', '_']) { BASE64URL_NOPAD } else { BASE64_NOPAD };
    encoding.decode(unpadded.as_bytes()).ok()
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
            "+Q==//Q=",
            "+Q==//8",
        ] {
            assert_eq!(decode_base64(text), None, "{text:?}");
        }
        assert_eq!(decode_base64(""), Some(Vec::new()));
    }
}
