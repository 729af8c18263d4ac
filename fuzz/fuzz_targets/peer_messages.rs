#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| store::fuzzing::run("peer_messages", data));
