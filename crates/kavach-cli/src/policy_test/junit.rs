//! Results as JUnit XML, which CI systems read.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::run::Outcome;

/// The results of some files: each is a suite, each case a test of it.
///
/// # Errors
/// None in practice: it writes to memory.
pub(crate) fn junit(files: &[(String, Vec<Outcome>)]) -> io::Result<Vec<u8>> {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let all = files.iter().flat_map(|(_, outcomes)| outcomes);
    let (tests, failures) = counts(all);
    let suites = writer.create_element("testsuites");
    suites
        .with_attribute(("name", "kavach"))
        .with_attribute(("tests", &*tests))
        .with_attribute(("failures", &*failures))
        .write_inner_content(|writer| files.iter().try_for_each(|file| suite(writer, file)))?;
    let mut written = writer.into_inner();
    written.push(b'\n');
    Ok(written)
}

fn suite(
    writer: &mut Writer<Vec<u8>>,
    (file, outcomes): &(String, Vec<Outcome>),
) -> io::Result<()> {
    let (tests, failures) = counts(outcomes);
    let suite = writer.create_element("testsuite");
    suite
        .with_attribute(("name", &**file))
        .with_attribute(("tests", &*tests))
        .with_attribute(("failures", &*failures))
        .write_inner_content(|writer| {
            outcomes
                .iter()
                .try_for_each(|outcome| case(writer, file, outcome))
        })?;
    Ok(())
}

fn case(writer: &mut Writer<Vec<u8>>, file: &str, outcome: &Outcome) -> io::Result<()> {
    let case = writer.create_element("testcase");
    let case = case
        .with_attribute(("classname", file))
        .with_attribute(("name", &*outcome.name));
    let Some(failed) = &outcome.failed else {
        case.write_empty()?;
        return Ok(());
    };
    let message = format!("expected {}, got {}", failed.expected, failed.found);
    case.write_inner_content(|writer| {
        let failure = writer.create_element("failure");
        failure
            .with_attribute(("message", &*message))
            .write_text_content(BytesText::new(&failed.because))?;
        Ok(())
    })?;
    Ok(())
}

/// How many there are, and how many of them failed.
fn counts<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>) -> (String, String) {
    let (mut tests, mut failures) = (0_usize, 0_usize);
    for outcome in outcomes {
        tests += 1;
        failures += usize::from(outcome.failed.is_some());
    }
    (tests.to_string(), failures.to_string())
}
