//! Requests, one JSON object to a line, and their answers.

mod answer;
mod asked;
mod json;
mod lines;
mod stream;

pub(crate) use answer::{Answer, Wrong, word};
pub(crate) use asked::{Asked, Manner, context, context_argument};
pub(crate) use lines::{Content, Line, Lines};
pub(crate) use stream::{Input, Stream, unrecorded};

#[cfg(test)]
mod tests;
