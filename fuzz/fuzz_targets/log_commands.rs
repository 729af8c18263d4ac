#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| store::fuzzing::run("log_commands", data));
