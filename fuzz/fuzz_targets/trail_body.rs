#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| annals_fuzz_targets::run("trail_body", data));
