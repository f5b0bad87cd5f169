#![no_main]

use libfuzzer_sys::fuzz_target;
use ringway_fuzz::input::Input;
use ringway_fuzz::queue::{Kind, run};
use ringway_fuzz::value;

fuzz_target!(|bytes: &[u8]| {
    value::start();
    let mut input = Input::new(bytes);
    let (builder, capacity) = input.builder();
    let kind = Kind { marks: true, competing: true };
    run(kind, builder.mpmc().expect("a valid channel"), capacity, false, &mut input);
});
