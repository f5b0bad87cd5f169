//! A receiver of a queue that does everything such a receiver can do, at random.

use super::common::Random;
use super::ends::Rx;
use super::payload::Payload;
use ringway::{RecvTimeoutError, TryRecvError};
use std::mem;
use std::time::Duration;

/// What a receiver got.
#[derive(Debug, Default)]
pub struct Taken {
    /// In order.
    pub numbers: Vec<Option<usize>>,
    /// Closings that answered true.
    pub closed: usize,
}

/// One call. True when the end was answered.
pub fn step<P: Payload>(rx: &mut impl Rx<P>, taken: &mut Taken, random: &mut Random) -> bool {
    assert!(rx.len() <= rx.capacity());
    let max = 1 + random.below(8);
    let (received, over) = match random.below(7) {
        0 => match rx.try_recv() {
            Ok(message) => (Some(message), false),
            Err(error) => (None, error == TryRecvError::Disconnected),
        },
        1 => {
            let received = rx.recv().ok();
            let over = received.is_none();
            (received, over)
        }
        2 => match rx.recv_timeout(Duration::from_micros(random.below(200) as u64)) {
            Ok(message) => (Some(message), false),
            Err(error) => (None, error == RecvTimeoutError::Disconnected),
        },
        3 => {
            let before = taken.numbers.len();
            let n = rx.drain(max, |message| taken.numbers.push(message.number()));
            assert!(n == taken.numbers.len() - before && n <= max);
            return false;
        }
        _ => match rx.try_batch(max) {
            Ok(mut batch) => {
                let (one, two) = batch.as_slices();
                let seen: Vec<_> = one.iter().chain(two).map(P::number).collect();
                assert!((1..=max).contains(&seen.len()) && seen.len() == batch.len());
                let by_value = random.below(seen.len() + 1);
                for number in &seen[..by_value] {
                    assert_eq!(batch.next().map(|message| message.number()), Some(*number), "changed while lent");
                }
                let done = by_value + random.below(seen.len() - by_value + 1);
                batch.commit(done - by_value);
                taken.numbers.extend(&seen[..done]);
                // What is left comes again.
                if random.below(4) == 0 {
                    mem::forget(batch);
                }
                return false;
            }
            Err(error) => (None, error == TryRecvError::Disconnected),
        },
    };
    match received {
        Some(message) => taken.numbers.push(message.number()),
        None if !over => std::thread::yield_now(),
        None => {}
    }
    over
}
