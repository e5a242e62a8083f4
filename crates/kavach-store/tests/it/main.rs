//! The conformance kit: who passes it, and that it can fail.

mod broken;
mod faulty;
mod file_backend;
mod kit;
mod memory;
