//! Which of two texts comes first, without writing either down.

use core::cmp::Ordering;
use core::fmt::{self, Display, Write};

/// Bytes that are compared at a time. Most permissions are shorter.
const WINDOW_BYTES: usize = 256;

/// Keeps the part of a text that falls into a window.
struct Window {
    bytes: [u8; WINDOW_BYTES],
    kept: usize,
    /// Bytes still to come before the window.
    before: usize,
}

impl Write for Window {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let skipped = self.before.min(text.len());
        self.before -= skipped;
        let rest = text.as_bytes().iter().skip(skipped);
        let room = self.bytes.iter_mut().skip(self.kept);
        let mut kept = 0;
        for (place, byte) in room.zip(rest) {
            *place = *byte;
            kept += 1;
        }
        self.kept += kept;
        Ok(())
    }
}

fn window(text: &impl Display, before: usize) -> Window {
    let mut window = Window {
        bytes: [0; WINDOW_BYTES],
        kept: 0,
        before,
    };
    // A window takes everything, and `Display` of our own types does not fail.
    let _ = write!(window, "{text}");
    window
}

/// The order of two texts by their bytes.
pub(super) fn canonical_cmp<T: Display>(one: &T, other: &T) -> Ordering {
    let mut before = 0;
    loop {
        let (mine, its) = (window(one, before), window(other, before));
        let order = mine
            .bytes
            .iter()
            .take(mine.kept)
            .cmp(its.bytes.iter().take(its.kept));
        if order != Ordering::Equal || mine.kept < WINDOW_BYTES {
            return order;
        }
        before += WINDOW_BYTES;
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;

    use super::canonical_cmp;

    #[test]
    fn texts_are_ordered_by_their_bytes_wherever_they_differ() {
        let long = |length: usize, end: &str| format!("{}{end}", "x".repeat(length));
        let mut texts: alloc::vec::Vec<String> = ["", "a", "b", "ab"].map(String::from).into();
        for length in [254, 255, 256, 257, 511, 512, 513, 1000] {
            texts.extend(["", "a", "b", "z"].map(|end| long(length, end)));
        }
        for one in &texts {
            for other in &texts {
                assert_eq!(canonical_cmp(one, other), one.cmp(other), "{one} {other}");
            }
        }
    }
}
