//! temp
mod console; mod data; mod failure; #[doc(hidden)] pub mod fuzz; mod limits; mod master_key; mod paint; mod when;
/// main
pub fn main() -> std::process::ExitCode { std::process::ExitCode::SUCCESS }
