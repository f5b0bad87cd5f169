//! Stress: what loom explores with two or three messages, on real threads with many, for every kind of channel.
//!
//! Rounds are random: `RINGWAY_SEED` repeats what a run has printed (its threads still meet as they will), `RINGWAY_STRESS=10`
//! does ten times as much. Each test prints its figures; one that hangs says where. All of it also finishes on one core
//! (`taskset -c 0`).

#![allow(unreachable_pub, reason = "modules of a test")]

#[path = "stress/broadcast.rs"]
mod broadcast;
mod common;
#[path = "stress/ends.rs"]
mod ends;
#[path = "stress/lossy.rs"]
mod lossy;
#[path = "stress/payload.rs"]
mod payload;
#[path = "stress/queues.rs"]
mod queues;
#[path = "stress/receiving.rs"]
mod receiving;
#[path = "stress/sending.rs"]
mod sending;
#[path = "stress/waiting.rs"]
mod waiting;

use common::Random;
use ringway::{Builder, Wait};

/// At the beginning, and just below the positions at which 32 bits, the tail of many senders, and 64 bits wrap.
const STARTS: [u64; 4] = [0, (1 << 32) - 8, (1 << 63) - 8, u64::MAX - 7];
const CAPACITIES: [usize; 3] = [1, 2, 8];
const WAITS: [fn() -> Wait; 5] = [Wait::spin, Wait::yielding, Wait::backoff, Wait::park, Wait::adaptive];

/// What a random round's channel is like.
fn builder(random: &mut Random) -> Builder {
    let capacity = CAPACITIES[random.below(CAPACITIES.len())];
    // Sleeping is where most can go wrong.
    let mut wait = || if random.below(2) == 0 { Wait::park() } else { WAITS[random.below(WAITS.len())]() };
    let (recv, send) = (wait(), wait());
    Builder::new(capacity).wait(recv).send_wait(send).start_at(STARTS[random.below(STARTS.len())])
}
