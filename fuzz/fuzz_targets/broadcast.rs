#![no_main]

use libfuzzer_sys::fuzz_target;
use ringway_fuzz::broadcast::run;
use ringway_fuzz::input::Input;
use ringway_fuzz::value;

fuzz_target!(|bytes: &[u8]| {
    value::start();
    let mut input = Input::new(bytes);
    let (builder, capacity) = input.builder();
    run(builder.broadcast().expect("a valid channel"), capacity, &mut input);
});
