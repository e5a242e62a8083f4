#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kavach::backup::fuzz::backup(bytes));
