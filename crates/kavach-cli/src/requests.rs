//! Requests, one JSON object to a line, and their answers.

mod answer;
mod asked;
mod json;
mod lines;
mod stream;

pub(crate) use answer::{Answer, Wrong};
pub(crate) use asked::{Asked, Manner, context};
pub(crate) use lines::{Content, Line, Lines};
pub(crate) use stream::{Input, Stream};

#[cfg(test)]
mod tests;
