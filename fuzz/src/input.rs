//! Inputs: bytes that read as text, so that seeds can be written by hand.
//!
//! An operation is a letter (`a` is the first), what it needs to know are digits behind it; bytes that are neither
//! count on from there, so that every input means something.

use arbitrary::Unstructured;
use ringway::{Builder, Wait};
use std::mem;

/// Where positions begin: 8 below every power of two at which anything wraps.
pub const STARTS: [u64; 5] = [0, (1 << 32) - 8, (1 << 62) - 8, (1 << 63) - 8, u64::MAX - 7];

#[derive(Debug)]
pub struct Input<'a> {
    bytes: Unstructured<'a>,
    has_slept: bool,
}

impl<'a> Input<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes: Unstructured::new(bytes), has_slept: false }
    }

    /// Which of `n` operations comes next; none at the end.
    pub fn operation(&mut self, n: u8) -> Option<u8> {
        if self.bytes.is_empty() {
            return None;
        }
        self.bytes.arbitrary::<u8>().ok().map(|byte| byte.wrapping_sub(b'a') % n)
    }

    /// A number below `limit`; 0 at the end.
    pub fn below(&mut self, limit: usize) -> usize {
        self.bytes.arbitrary::<u8>().map_or(0, |byte| byte.wrapping_sub(b'0') as usize % limit.max(1))
    }

    /// Whether a call with a timeout may be made: once, for it may sleep, which takes as long as all the rest.
    pub fn may_sleep(&mut self) -> bool {
        !mem::replace(&mut self.has_slept, true)
    }

    /// The header: a capacity from 1 to 16 and where positions begin.
    pub fn capacity_and_start(&mut self) -> (usize, u64) {
        (1 + self.below(16), STARTS[self.below(STARTS.len())])
    }

    /// The header, as a builder. Nobody ever waits long: timeouts are zero.
    pub fn builder(&mut self) -> (Builder, usize) {
        let (capacity, start) = self.capacity_and_start();
        let wait = if self.below(4) == 3 { Wait::park() } else { Wait::spin() };
        (Builder::new(capacity).start_at(start).wait(wait), capacity.next_power_of_two())
    }
}
