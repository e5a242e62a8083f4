//! What the fuzzers call, with bytes from anywhere. Panics if a promise is broken.

use crate::export::Csv;
use crate::head::Head;
use crate::limits::LOG_SIZE_MAX;
use crate::names::NoNames;
use crate::private::Private;
use crate::sealed::SealedEvent;
use crate::sentence::Sentence;

/// Whatever decodes as an event encodes to the same bytes, and can be told and exported.
pub fn decode(bytes: &[u8]) {
    let Ok(sealed) = SealedEvent::decode(bytes) else {
        return;
    };
    assert_eq!(sealed.bytes, bytes, "it decodes, and encodes otherwise");
    assert_eq!(sealed.event.clone().seal(), sealed, "sealing changes it");
    let sentence = Sentence::new(&sealed.event, &NoNames, &Private::None).to_string();
    assert!(
        !sentence.contains(char::is_control),
        "a control character in `{sentence:?}`"
    );
    let row = Csv::new(Vec::new(), &NoNames).and_then(|mut csv| {
        csv.write(&sealed, &Private::None)?;
        csv.finish()
    });
    assert!(row.is_ok(), "no row: {row:?}");
}

/// Whatever decodes as a head encodes to the same bytes, and has a root.
pub fn head(bytes: &[u8]) {
    let Ok(mut head) = Head::decode(bytes) else {
        return;
    };
    assert_eq!(head.encode(), bytes, "it decodes, and encodes otherwise");
    if head.size() < LOG_SIZE_MAX {
        head.push(&head.root(), 0);
        assert_eq!(Head::decode(&head.encode()), Ok(head), "pushing breaks it");
    }
}
