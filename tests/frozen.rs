//! Frozen threads: one thread stands still at an arbitrary instruction, as under a debugger or on a core that was taken away,
//! and the others go on as docs/guarantees.md says. Afterwards nothing is lost, and everything is in order.
//!
//! Where it stands is random, and differs from run to run; `RINGWAY_SEED` repeats only what is done, `RINGWAY_STRESS=10` does
//! ten times as much. A call that waits for the frozen thread never returns: the watchdog says in which step that was.
#![cfg(target_os = "linux")]
#![allow(unreachable_pub, reason = "modules of a test")]

#[path = "frozen/broadcast.rs"]
mod broadcast;
mod common;
#[path = "stress/ends.rs"]
mod ends;
#[path = "frozen/freeze.rs"]
mod freeze;
#[path = "frozen/lossy.rs"]
mod lossy;
#[path = "frozen/queues.rs"]
mod queues;
#[path = "frozen/steps.rs"]
mod steps;

use common::Random;
use ringway::Builder;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

const STARTS: [u64; 4] = [0, (1 << 32) - 8, (1 << 63) - 8, u64::MAX - 7];

fn builder(capacity: usize, random: &mut Random) -> Builder {
    Builder::new(capacity).start_at(STARTS[random.below(STARTS.len())])
}

/// Lets the others run for a moment.
fn a_moment(random: &mut Random) {
    match random.below(3) {
        0 => (0..random.below(5_000)).for_each(|_| std::hint::spin_loop()),
        _ => std::thread::sleep(Duration::from_micros(random.below(200) as u64)),
    }
}

/// What a thread tells of itself.
#[derive(Default)]
struct Told {
    stop: AtomicBool,
    /// Messages whose calls have returned.
    done: AtomicU64,
}

/// Tells a thread to end, also when a test fails.
struct Stop<'a>(&'a Told);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, SeqCst);
    }
}

/// A message that takes its time to be written and read, so that threads are found doing it: whose it is, and which.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Message([u64; 256]);

const VICTIM: u64 = 0;
const OWN: u64 = 1 << 48;

impl Message {
    fn new(sender: u64, number: u64) -> Self {
        Self([sender | number; 256])
    }

    /// The sender, and the number.
    fn read(&self) -> (u64, u64) {
        assert!(self.0.iter().all(|word| *word == self.0[0]), "torn");
        (self.0[0] >> 48 << 48, self.0[0] << 16 >> 16)
    }
}
