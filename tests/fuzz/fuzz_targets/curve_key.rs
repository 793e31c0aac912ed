#![no_main]
//! `make fuzz` runs this.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| laniakea_fuzz::curve_key(bytes));
