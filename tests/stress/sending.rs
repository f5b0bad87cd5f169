//! A sender that does everything a sender can do, at random.

use super::common::Random;
use super::ends::Tx;
use super::payload::{Mint, Payload};
use ringway::{Disconnected, ReserveError, SendTimeoutError, TrySendError};
use std::mem;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

/// What became of the numbers that a sender was given.
#[derive(Debug, Default)]
pub struct Sent {
    /// Numbers below this were made into messages.
    pub made: usize,
    /// Those of them that went in, in order.
    pub numbers: Vec<usize>,
    /// Slots that it knows to have given up.
    pub aborted: u64,
    /// Closings that answered true.
    pub closed: usize,
}

/// One call; of the numbers given it uses as many as it likes. True when the channel turned out to be closed.
pub fn step<P: Payload>(
    tx: &mut impl Tx<P>,
    sent: &mut Sent,
    numbers: Range<usize>,
    mint: &Mint,
    random: &mut Random,
) -> bool {
    let first = numbers.start;
    let make = |number| P::make(number, mint);
    let some = numbers.len().min(1 + random.below(6));
    match random.below(10) {
        0 | 1 => {
            sent.made = first + 1;
            match tx.try_send(make(first)) {
                Ok(()) => sent.numbers.push(first),
                Err(TrySendError::Full(message)) => comes_back(&message, first),
                Err(TrySendError::Disconnected(message)) => {
                    comes_back(&message, first);
                    return true;
                }
            }
        }
        2 => {
            sent.made = first + 1;
            if let Err(error) = tx.send(make(first)) {
                comes_back(&error.into_inner(), first);
                return true;
            }
            sent.numbers.push(first);
        }
        3 => {
            sent.made = first + 1;
            match tx.send_timeout(make(first), Duration::from_micros(random.below(200) as u64)) {
                Ok(()) => sent.numbers.push(first),
                Err(SendTimeoutError::Timeout(message)) => comes_back(&message, first),
                Err(SendTimeoutError::Disconnected(message)) => {
                    comes_back(&message, first);
                    return true;
                }
            }
        }
        // An iterator that knows its length, one that does not, and one that panics half-way.
        kind @ 4..=6 => {
            let (mut next, panics_at) = (first, (kind == 6).then(|| first + random.below(some + 1)));
            let give = || {
                if panics_at == Some(next) {
                    resume_unwind(Box::new("an iterator that panics"));
                }
                (next < first + some).then(|| {
                    next += 1;
                    make(next - 1)
                })
            };
            let result = match kind {
                4 => Ok(tx.try_send_iter(&mut Known(give, some))),
                _ => catch_unwind(AssertUnwindSafe(|| tx.try_send_iter(&mut std::iter::from_fn(give)))),
            };
            sent.made = next;
            sent.numbers.extend(first..next);
            match result {
                Ok(Ok(n)) => assert_eq!(n, next - first),
                Ok(Err(Disconnected)) => return true,
                Err(_) => assert_eq!(panics_at, Some(next)),
            }
            if next == first {
                std::thread::yield_now();
            }
        }
        settle => {
            let n = 1 + random.below(tx.capacity().min(6));
            match tx.try_reserve(n) {
                Ok(mut slots) => {
                    let pushed = random.below(n + 1).min(numbers.len());
                    for number in first..first + pushed {
                        assert!(slots.push(make(number)).is_ok());
                    }
                    assert_eq!(slots.remaining(), n - pushed);
                    sent.made = first + pushed;
                    if settle == 7 {
                        slots.commit();
                        sent.numbers.extend(first..first + pushed);
                        sent.aborted += (n - pushed) as u64;
                    } else {
                        sent.aborted += n as u64;
                        // Forgotten ones are settled by the next call, or the drop.
                        if settle == 8 { mem::forget(slots) } else { drop(slots) }
                    }
                }
                Err(ReserveError::TooFew { free }) => {
                    assert!(free < n);
                    std::thread::yield_now();
                }
                Err(ReserveError::TooLarge) => panic!("{n} is no more than the capacity"),
                Err(_) => return true,
            }
        }
    }
    false
}

/// The message that was refused is the one that was given.
fn comes_back(message: &impl Payload, number: usize) {
    assert!(message.number().is_none_or(|found| found == number), "another message came back");
    std::thread::yield_now();
}

/// An iterator that knows how many it will give.
struct Known<F>(F, usize);

impl<P, F: FnMut() -> Option<P>> Iterator for Known<F> {
    type Item = P;

    fn next(&mut self) -> Option<P> {
        self.1 = self.1.saturating_sub(1);
        (self.0)()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.1, Some(self.1))
    }
}
