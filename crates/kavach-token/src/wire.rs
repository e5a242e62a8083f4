//! The few parts of protobuf that a Biscuit is written in, and only in the one canonical spelling.
//!
//! Fields are read in the order of their numbers, each as a writer that knows the schema would write it:
//! shortest integers, no unknown fields, no repetition of a single one. Whatever else protobuf allows is
//! [`Malformed`], so that one token has one spelling.

/// Bytes that are not the canonical encoding of anything here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Malformed;

/// Wire type 0.
const VARINT: u64 = 0;
/// Wire type 2.
const LENGTH: u64 = 2;

/// Reads fields off the front.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes are left.
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    /// Nothing may be left.
    pub(crate) fn finish(&self) -> Result<(), Malformed> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Malformed)
        }
    }

    /// The integer in field `number`, if that is the next field.
    pub(crate) fn optional_integer(&mut self, number: u64) -> Result<Option<u64>, Malformed> {
        if !self.take_tag(number << 3 | VARINT)? {
            return Ok(None);
        }
        self.varint().map(Some)
    }

    /// The integer in field `number`, which must be the next.
    pub(crate) fn integer(&mut self, number: u64) -> Result<u64, Malformed> {
        self.optional_integer(number)?.ok_or(Malformed)
    }

    /// The bytes in field `number`, if that is the next field.
    pub(crate) fn optional_bytes(&mut self, number: u64) -> Result<Option<&'a [u8]>, Malformed> {
        if !self.take_tag(number << 3 | LENGTH)? {
            return Ok(None);
        }
        let length = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Malformed)?;
        self.rest = rest;
        Ok(Some(bytes))
    }

    /// The bytes in field `number`, which must be the next.
    pub(crate) fn bytes(&mut self, number: u64) -> Result<&'a [u8], Malformed> {
        self.optional_bytes(number)?.ok_or(Malformed)
    }

    /// Takes the next tag if it is `wanted`. All tags of the schema fit one byte.
    fn take_tag(&mut self, wanted: u64) -> Result<bool, Malformed> {
        let Some((&tag, rest)) = self.rest.split_first() else {
            return Ok(false);
        };
        if u64::from(tag) != wanted {
            return Ok(false);
        }
        self.rest = rest;
        Ok(true)
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value: u64 = 0;
        for place in 0..10_u32 {
            let (&byte, rest) = self.rest.split_first().ok_or(Malformed)?;
            self.rest = rest;
            let bits = u64::from(byte & 0x7f);
            // The tenth byte holds the one bit that is left of 64; a last byte of zero is not the shortest.
            if (place == 9 && bits > 1) || (place > 0 && byte == 0) {
                return Err(Malformed);
            }
            value |= bits << (7 * place);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }
}

/// Appends the bytes of an integer.
fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        // The lowest seven bits, and the sign that more follow.
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

/// Appends field `number` as an integer.
pub(crate) fn put_integer(out: &mut Vec<u8>, number: u64, value: u64) {
    put_varint(out, number << 3 | VARINT);
    put_varint(out, value);
}

/// Appends field `number` as bytes.
pub(crate) fn put_bytes(out: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    put_varint(out, number << 3 | LENGTH);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends field `number` as a message that `write` writes.
pub(crate) fn put_message(out: &mut Vec<u8>, number: u64, write: impl FnOnce(&mut Vec<u8>)) {
    put_varint(out, number << 3 | LENGTH);
    // Most messages are short: one byte is kept free for the length, and more are made room for.
    let at = out.len();
    out.push(0);
    write(out);
    let length = out.len().saturating_sub(at + 1);
    let short = u8::try_from(length).ok().filter(|length| *length < 0x80);
    match (short, out.get_mut(at)) {
        (Some(length), Some(kept)) => *kept = length,
        _ => {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, length as u64);
            out.splice(at..=at, bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], want: Result<u64, Malformed>) {
        let mut reader = Reader::new(bytes);
        let read = reader
            .integer(1)
            .and_then(|value| reader.finish().map(|()| value));
        assert_eq!(read, want, "{bytes:02x?}");
    }

    #[test]
    fn only_the_shortest_spelling_of_an_integer_is_read() {
        check(&[0x08, 0x80, 0x00], Err(Malformed));
        check(&[0x08, 0x81, 0x80, 0x00], Err(Malformed));
        check(&[0x08, 0x00], Ok(0));
        check(&[0x08, 0x80, 0x01], Ok(128));
    }

    #[test]
    fn an_integer_has_at_most_64_bits() {
        let most = [&[0x08][..], &[0xff; 9], &[0x01]].concat();
        let more = [&[0x08][..], &[0xff; 9], &[0x02]].concat();
        let longer = [&[0x08][..], &[0xff; 10], &[0x01]].concat();
        check(&most, Ok(u64::MAX));
        check(&more, Err(Malformed));
        check(&longer, Err(Malformed));
    }

    #[test]
    fn a_field_of_another_number_or_type_and_anything_after_it_is_malformed() {
        check(&[0x10, 0x01], Err(Malformed));
        check(&[0x0a, 0x01, 0x01], Err(Malformed));
        check(&[0x08, 0x01, 0x08, 0x01], Err(Malformed));
        check(&[0x08], Err(Malformed));
        check(&[], Err(Malformed));
    }

    #[test]
    fn bytes_may_not_be_longer_than_what_is_there() {
        assert_eq!(Reader::new(&[0x0a, 0x02, 0x01]).bytes(1), Err(Malformed));
        assert_eq!(Reader::new(&[0x0a, 0x01, 0x01]).bytes(1), Ok(&[1][..]));
    }

    #[test]
    fn what_is_written_is_read_back() {
        for value in [0, 1, 127, 128, 16_383, 16_384, u64::MAX - 1, u64::MAX] {
            let mut out = Vec::new();
            put_integer(&mut out, 1, value);
            check(&out, Ok(value));
        }
    }
}
