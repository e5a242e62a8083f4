//! The trail in formats that other programs read.

mod csv;
mod jsonl;

pub use csv::Csv;
pub use jsonl::write_jsonl;
