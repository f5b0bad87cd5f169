//! The end at which many senders claim: one word, moved by compare-and-swap, that can be sealed.
//!
//! The word is `position << 1 | sealed`: positions are compared in this shifted form, so that one modulus rules them all,
//! and a carry never reaches the seal.
//!
//! # Invariants
//!
//! * **L1** The tail moves only by a compare-and-swap that found room against a head that had been reached. So claims do not
//!   overlap, and `tail <= head + capacity`.
//! * **L2** After the seal no claim succeeds: the swap compares the whole word. So a sealed tail is final.
//!
//! # Orderings
//!
//! | site | pairs with | without it |
//! |---|---|---|
//! | L3 `seal`: AcqRel on the word | L4 | what the closer did is not visible to who learns of it |
//! | L4 `is_sealed`, `claim` refused: Acquire load of the word | L3 | the same |
//!
//! The compare-and-swap of a claim is Relaxed where it succeeds: it publishes nothing. What it needs of the slots came with
//! the head it found room against.

use super::{Producer, Refused, Run};
use crate::sync::{AtomicU64, Ordering, guard};
use crossbeam_utils::CachePadded;

const SEALED: u64 = 1;

/// How far position `a` is ahead of position `b`, in the shifted form: negative when it is behind.
#[inline(always)]
pub(crate) fn ahead(a: u64, b: u64) -> i64 {
    (a.wrapping_sub(b) << 1) as i64 >> 1
}

/// The position in a tail word, in the shifted form.
#[inline(always)]
fn position(word: u64) -> u64 {
    word >> 1
}

pub(super) struct Tail(CachePadded<AtomicU64>);

impl Tail {
    pub(super) fn new(start: u64) -> Self {
        Self(CachePadded::new(AtomicU64::new(start << 1)))
    }

    /// Claims between `min` and `max` positions. `producer.head` is what the sender knows to be free up to, less the capacity;
    /// `look(tail)` finds out how far that has come, with Acquire.
    #[inline]
    pub(super) fn claim(
        &self,
        producer: &mut Producer,
        (min, max): (usize, usize),
        capacity: usize,
        look: impl Fn(u64) -> u64,
    ) -> Result<Run, Refused> {
        let capacity = capacity as i64;
        // Acquire, here and below: L4, pairs with L3.
        let mut tail = self.0.load(Ordering::Acquire);
        loop {
            if tail & SEALED != 0 && guard("no claim after the seal") {
                return Err(Refused::Closed);
            }
            let mut used = ahead(position(tail), producer.head);
            if capacity - used < max as i64 {
                producer.head = look(position(tail));
                used = ahead(position(tail), producer.head);
            }
            // The head may be older than the claims seen in the tail, which then seem to be more than fit. Or the tail is older
            // than the head, and more than everything seems to be free: the exchange fails, for whoever moved the head past
            // this tail had seen it moved.
            let free = (capacity - used).clamp(0, capacity) as usize;
            if free < min {
                return Err(Refused::Full { free });
            }
            let len = free.min(max);
            let claimed = tail.wrapping_add((len as u64) << 1);
            match self.0.compare_exchange_weak(tail, claimed, Ordering::Relaxed, Ordering::Acquire) {
                Ok(_) => return Ok(Run { start: position(tail), len }),
                Err(seen) => tail = seen,
            }
        }
    }

    /// True for the call that did it.
    pub(super) fn seal(&self) -> bool {
        // AcqRel: L3, pairs with L4.
        self.0.fetch_or(SEALED, Ordering::AcqRel) & SEALED == 0
    }

    #[inline]
    pub(super) fn is_sealed(&self) -> bool {
        // Acquire: L4, pairs with L3.
        self.0.load(Ordering::Acquire) & SEALED != 0
    }

    /// The position claimed last, in the shifted form; out of date as soon as it is read.
    #[inline(always)]
    pub(super) fn position(&self) -> u64 {
        // Relaxed: a hint, or final by L2 to who knows of the seal.
        position(self.0.load(Ordering::Relaxed))
    }
}
