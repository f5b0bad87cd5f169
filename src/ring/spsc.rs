//! One sender, one receiver: Lamport's ring with cached peer positions. Wait-free on both sides.
//!
//! # Invariants
//!
//! * **I1** `head <= tail <= head + capacity`, in wrapping arithmetic. Only the sender stores `tail`, only the
//!   receiver stores `head`, and both only grow.
//! * **I2** The slots `tail..head + capacity` are the sender's: they hold no values. The slots `head..tail` are the
//!   receiver's. A side's own copy is never behind what it has stored, its copy of the other never ahead of the truth,
//!   so that what a side believes to be its own is its own.
//! * **I3** `closed` goes from false to true once. A claim that did not see it may still publish afterwards: such a
//!   value is received, or dropped with the ring.
//!
//! # Orderings
//!
//! | site | pairs with | without it |
//! |---|---|---|
//! | O1 `publish`: Release store of `tail` | O2 | the receiver reads a slot before the value is in it |
//! | O2 `poll`: Acquire load of `tail` | O1 | the same |
//! | O3 `release`: Release store of `head` | O4 | the sender overwrites a slot that is still being read |
//! | O4 `claim`: Acquire load of `head` | O3 | the same |
//! | O5 `close`: AcqRel swap of `closed` | O6 | what was sent before closing is missed; two calls both closed it |
//! | O6 `poll`, `is_closed`, `claim` refused: Acquire load of `closed` | O5 | the last values are missed |

use super::{Consumer, Polled, Positions, Producer, Refused, Ring, Run, Storage};
use crate::error::BuildError;
use crate::sync::{AtomicBool, AtomicU64, Ordering, guard};
use crossbeam_utils::CachePadded;

#[allow(missing_debug_implementations, reason = "public only in name: the handles' sealed kind mentions it")]
pub struct SpscRing<T> {
    tail: CachePadded<AtomicU64>,
    head: CachePadded<AtomicU64>,
    closed: CachePadded<AtomicBool>,
    storage: Storage<T>,
}

// SAFETY: I1 and I2 give R1 (a claim lies in `tail..head + capacity`) and R2 (`head..ready` lies in `head..tail`); O1
// to O4 order the accesses on both sides (R3).
unsafe impl<T> Ring<T> for SpscRing<T> {
    const SKIP_MARKS: bool = false;

    fn new(capacity: usize, start: u64) -> Result<Self, BuildError> {
        Ok(Self {
            tail: CachePadded::new(AtomicU64::new(start)),
            head: CachePadded::new(AtomicU64::new(start)),
            closed: CachePadded::new(AtomicBool::new(false)),
            storage: Storage::new(capacity)?,
        })
    }

    #[inline(always)]
    fn storage(&self) -> &Storage<T> {
        &self.storage
    }

    fn bytes(&self) -> usize {
        self.storage.bytes()
    }

    #[inline]
    fn claim(&self, producer: &mut Producer, min: usize, max: usize) -> Result<Run, Refused> {
        // Acquire: O6, pairs with O5.
        if self.closed.load(Ordering::Acquire) {
            return Err(Refused::Closed);
        }
        // Acquire: O4, pairs with O3.
        producer.claim((min, max), self.storage.capacity(), || self.head.load(Ordering::Acquire))
    }

    #[inline]
    unsafe fn publish(&self, producer: &mut Producer, run: Run, written: usize) {
        producer.tail = run.start.wrapping_add(written as u64);
        // Release: O1, pairs with O2.
        self.tail.store(producer.tail, Ordering::Release);
    }

    #[inline]
    unsafe fn poll(&self, consumer: &mut Consumer, max: usize) -> Polled {
        // The sender's line is left alone while enough is known to be here: it keeps writing in the meantime.
        let known = consumer.available();
        if known == 0 || known < max / 4 {
            // Acquire: O2, pairs with O1.
            consumer.ready = self.tail.load(Ordering::Acquire);
            consumer.saw_waiting(consumer.available() as u64);
        }
        if consumer.available() > 0 {
            return Polled::Ready;
        }
        // Acquire: O6, pairs with O5: what was published before closing is seen by the look that follows.
        if !self.closed.load(Ordering::Acquire) {
            return Polled::Empty;
        }
        if guard("a closed ring is looked at once more") {
            // Acquire: O2, pairs with O1.
            consumer.ready = self.tail.load(Ordering::Acquire);
        }
        if consumer.available() > 0 { Polled::Ready } else { Polled::Closed }
    }

    #[inline]
    unsafe fn release(&self, consumer: &mut Consumer) {
        consumer.released = consumer.head;
        // Release: O3, pairs with O4.
        self.head.store(consumer.head, Ordering::Release);
    }

    fn close(&self) -> bool {
        // AcqRel: O5, pairs with O6; Acquire so that the second closer sees what the first had done.
        !self.closed.swap(true, Ordering::AcqRel)
    }

    fn is_closed(&self) -> bool {
        // Acquire: O6, pairs with O5.
        self.closed.load(Ordering::Acquire)
    }

    fn positions(&self) -> Positions {
        // Relaxed: a report. `head` first: the tail read later is not behind it, only possibly too far ahead.
        let head = self.head.load(Ordering::Relaxed);
        Positions::between(head, self.tail.load(Ordering::Relaxed), self.storage.capacity())
    }
}
