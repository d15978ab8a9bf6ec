#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hobbit_fuzz::run("records", bytes));
