//! Text from outside, made safe to show.

use std::fmt::{self, Write};

/// The text with everything escaped that a terminal would obey or a reader would not see: control
/// characters (ESC among them), line separators, overrides of the writing direction, and characters
/// without width.
///
/// They print as `\u{1b}`, and a backslash prints twice, so that no two texts look the same.
///
/// ```
/// use kavach_audit::shown;
///
/// assert_eq!(shown("\u{1b}[2Jsearcher").to_string(), r"\u{1b}[2Jsearcher");
/// assert_eq!(shown("naïve नमस्ते").to_string(), "naïve नमस्ते");
/// ```
#[must_use]
pub const fn shown(text: &str) -> Shown<'_> {
    Shown(text)
}

/// What [`shown`] returns; print it.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '\\' => f.write_str(r"\\")?,
                _ if is_hidden(character) => write!(f, "{}", character.escape_unicode())?,
                _ => f.write_char(character)?,
            }
        }
        Ok(())
    }
}

/// Whether the character acts on the text around it instead of standing in it, or is invisible.
///
/// By Unicode's `Cc`, `Zl`, `Zp`, and those of `Cf` and of `Default_Ignorable_Code_Point` that are no
/// part of ordinary writing. The joiners U+200C and U+200D are: they are escaped all the same.
const fn is_hidden(character: char) -> bool {
    matches!(
        character,
        '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_comes_through() {
        for (text, want) in [
            (
                "plain, with \"quotes\" and it's",
                "plain, with \"quotes\" and it's",
            ),
            ("\u{1b}]0;title\u{7}", r"\u{1b}]0;title\u{7}"),
            ("\u{9b}31m", r"\u{9b}31m"),
            ("one\r\ntwo\ttab\u{7f}", r"one\u{d}\u{a}two\u{9}tab\u{7f}"),
            ("abc\u{202e}fed", r"abc\u{202e}fed"),
            ("\u{2066}x\u{2069}", r"\u{2066}x\u{2069}"),
            (
                "a\u{2028}b\u{200b}c\u{feff}",
                r"a\u{2028}b\u{200b}c\u{feff}",
            ),
            ("tag\u{e0041}", r"tag\u{e0041}"),
            (r"C:\u{1b}", r"C:\\u{1b}"),
            ("日本 हिन्दी é 🙂", "日本 हिन्दी é 🙂"),
        ] {
            assert_eq!(shown(text).to_string(), want);
        }
        for character in char::MIN..=char::MAX {
            let output = shown(&character.to_string()).to_string();
            assert!(!output.contains(char::is_control), "{character:?}");
        }
    }
}
