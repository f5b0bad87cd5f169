//! The third ceiling: messages, copied on one core. Whoever copies them cannot be faster.

use super::CAPACITY;
use super::payload::{Payload, tag};
use super::stream::Sample;
use super::threads::{StartLine, joined};
use super::turns::{Contender, Role};
use crate::process::now_ns;
use std::hint::black_box;
use std::time::Duration;

pub(super) fn contender<M: Payload + PartialEq>() -> Contender<Sample> {
    Contender { name: "copy on one core", role: Role::Ceiling, turn: Box::new(turn::<M>) }
}

/// On a thread of its own: pinning would stay with the caller.
fn turn<M: Payload + PartialEq>(duration: Duration) -> Result<Sample, String> {
    std::thread::scope(|scope| joined(scope.spawn(|| copy::<M>(duration))))?
}

fn copy<M: Payload + PartialEq>(duration: Duration) -> Result<Sample, String> {
    StartLine::new(1).take_place(0);
    let from: Vec<M> = (0..CAPACITY as u64).map(|number| M::new(tag(0, number))).collect();
    let mut to = vec![M::default(); CAPACITY];
    let (began, mut messages) = (now_ns(), 0);
    let until = began + duration.as_nanos() as u64;
    let ended = loop {
        to.copy_from_slice(black_box(&from));
        black_box(&mut to);
        messages += CAPACITY as u64;
        let now = now_ns();
        if now >= until {
            break now;
        }
    };
    match to == from {
        true => Ok(Sample { messages, elapsed_ns: ended - began }),
        false => Err("the copy differs from what was copied".to_owned()),
    }
}
