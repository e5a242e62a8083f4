//! Bytes as text: base64url, one spelling only (RFC 4648 section 5).

use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};

/// With padding, as Biscuit libraries write their tokens.
pub(crate) fn padded(bytes: &[u8]) -> String {
    URL_SAFE.encode(bytes)
}

/// Reads what [`padded`] writes, and nothing else.
pub(crate) fn read_padded(text: &str) -> Option<Vec<u8>> {
    URL_SAFE.decode(text).ok()
}

/// Without padding, as JOSE writes (RFC 7515 section 2).
pub(crate) fn unpadded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads what [`unpadded`] writes, and nothing else.
pub(crate) fn read_unpadded(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_one_spelling() {
        // What is left over of the last character must be zero, and the padding must be as it is written.
        for second in [
            "AB==", "AA=", "AA", "AA===", "A A=", "AA==\n", "+A==", "/A==",
        ] {
            assert_eq!(read_padded(second), None, "{second}");
        }
        assert_eq!(read_padded("AA=="), Some(vec![0]));
        for second in ["AB", "AA==", "A", "AA\n", "+A"] {
            assert_eq!(read_unpadded(second), None, "{second}");
        }
        assert_eq!(read_unpadded("AA"), Some(vec![0]));
    }
}
