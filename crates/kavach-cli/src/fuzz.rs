//! What the fuzzers call, with bytes from anywhere. Panics if a promise is broken.

use kavach::declare::Place;

use crate::declaration::{self, Declared, Fault, Source};
use crate::paint::Paint;
use crate::requests::{Asked, Content, Line, Lines, Manner, Wrong};

/// A file for `apply`: every mistake has a place in it and can be shown, and what is read without one says
/// what it was read from.
pub fn apply_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let source = Source {
        name: "fuzz.toml".to_owned(),
        text: text.to_owned(),
    };
    match declaration::read(text) {
        Err(faults) => {
            assert!(!faults.is_empty(), "refused without a reason");
            let in_order = faults.is_sorted_by_key(|fault| fault.at.start);
            assert!(in_order, "the faults are not in the order of the file");
            check_faults(&source, &faults);
        }
        Ok(declared) => check_declared(&source, &declared),
    }
}

fn check_faults(source: &Source, faults: &[Fault]) {
    for fault in faults {
        let within = fault.at.start <= fault.at.end && fault.at.end <= source.text.len();
        assert!(within, "{fault:?} lies outside the file");
        let position = source.position(fault.at.start);
        assert!(position.line >= 1 && position.column >= 1, "{position:?}");
        let lines = source.text.split('\n').count();
        assert!(position.line <= lines, "{position:?} of {lines} lines");
    }
    let shown = source.describe(faults, Paint::Plain);
    let hidden = |character: char| character.is_control() && !matches!(character, '\n' | '\t');
    assert!(!shown.contains(hidden), "a control character in {shown:?}");
}

fn check_declared(source: &Source, declared: &Declared) {
    let (agents, delegations) = (
        &declared.declaration.agents,
        &declared.declaration.delegations,
    );
    let agents_at = (0..agents.len()).map(|number| Place::Agent(number, "name"));
    let delegations_at = (0..delegations.len()).map(|number| Place::Delegation(number, "from"));
    for place in agents_at.chain(delegations_at) {
        let at = declared.places.find(place, "");
        let text = source.text.get(at).unwrap_or_default();
        assert!(!text.is_empty(), "{place:?} is nowhere in the file");
    }
    let permissions = agents.iter().flat_map(|agent| &agent.permissions);
    let passed_on = delegations.iter().flat_map(|known| &known.permissions);
    for permission in permissions.chain(passed_on) {
        assert_eq!(
            permission.to_string().parse().as_ref(),
            Ok(permission),
            "it prints otherwise"
        );
    }
}

/// Lines of requests: each is read once, in order, and gives a request or one line of JSON that says why
/// not.
pub fn request_lines(bytes: &[u8]) {
    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    while lines
        .last()
        .is_some_and(|line| line.trim_ascii().is_empty())
    {
        lines.pop();
    }
    let mut numbers = 1_u64..;
    let mut count = 0;
    for line in Lines::new(bytes) {
        let Ok(Line { number, content }) = line else {
            continue;
        };
        assert_eq!(
            Some(number),
            numbers.next(),
            "a line was lost, or came twice"
        );
        let original = lines.get(count).copied().unwrap_or_default();
        count += 1;
        match content {
            Content::Whole(text) => {
                assert_eq!(text, original, "line {number} was changed");
                request(&text, number);
            }
            Content::Blank => assert!(
                original.trim_ascii().is_empty(),
                "line {number} is not blank"
            ),
            Content::TooLong => {
                assert!(
                    original.len() > crate::limits::REQUEST_LINE_BYTES_MAX,
                    "line {number} is not long"
                );
            }
        }
    }
    assert_eq!(count, lines.len(), "lines are missing");
}

fn request(text: &[u8], number: u64) {
    let recorded = Asked::parse(text, Manner::Record);
    let simulated = Asked::parse(text, Manner::Simulate);
    match (&recorded, &simulated) {
        (Ok(asked), Ok(same)) => {
            assert!(asked.at.is_none(), "another time, and it would be recorded");
            assert_eq!(asked.call.action, same.call.action);
            assert_eq!(asked.call.resource, same.call.resource);
        }
        (Ok(_), Err(words)) => assert!(words.is_empty(), "only simulating is refused: {words}"),
        (Err(_), Ok(asked)) => assert!(asked.at.is_some(), "only recording is refused"),
        (Err(_), Err(_)) => {}
    }
    if let Err(error) = recorded {
        assert!(!error.is_empty(), "refused without a reason");
        let line = Some(number);
        let json = serde_json::to_string(&Wrong { error, line }).unwrap_or_default();
        assert!(
            json.starts_with('{') && !json.contains('\n'),
            "not one line of JSON: {json}"
        );
    }
}
