//! One sender, up to 64 receivers that all get everything, in place: the slowest gates.
//!
//! The sender's side is that of the ring with one receiver, with the least of the receivers' cursors for the head. Receivers
//! read shared references; a value stays in its slot until the slot is used again. A receiver may follow others: then it
//! gets only what those have released, from the same slots.
//!
//! # Invariants
//!
//! * **I1** Only the sender stores `tail`. A slot `p` is written when every active cursor has passed `p - capacity` (G2, G3), and
//!   nobody reads a slot from `tail` on. That is R1.
//! * **I2** A receiver reads `head..ready` only: published (O2), and not overwritten, because its cursor is not past `head`. Others
//!   may read the same slots at the same time. That is R2, shared.
//! * **I3** The slots of `cleared - capacity..tail` hold values, from the first position on; all other slots hold none. The sender
//!   alone moves `cleared`, before it drops what it clears.
//!
//! # Orderings
//!
//! | site | pairs with | without it |
//! |---|---|---|
//! | O1 `publish`: Release store of `tail` | O2 | a receiver reads a slot before the value is in it |
//! | O2 `poll`: Acquire load of `tail` | O1 | the same |
//! | G4 to G7: `release`, `leave` and `scan` | each other | the sender overwrites a slot that is still being read |
//! | G4, G5: `release` and `poll` of a follower | each other | a follower does not see what those before it did |
//! | O5 `close`: AcqRel swap of `closed` | O6 | what was sent before closing is missed |
//! | O6 `poll`, `is_closed`, `claim` refused: Acquire load of `closed` | O5 | the same |

use super::gates::{Gate, Gates};
use super::tail::ahead;
use super::{Consumer, Polled, Positions, Producer, Refused, Ring, Run, Storage};
use crate::error::BuildError;
use crate::sync::{Arc, AtomicBool, AtomicU64, Ordering, guard};
use core::marker::PhantomData;
use crossbeam_utils::CachePadded;

#[allow(missing_debug_implementations, reason = "public only in name: the handles' sealed kind mentions it")]
pub struct BroadcastRing<T> {
    tail: CachePadded<AtomicU64>,
    closed: CachePadded<AtomicBool>,
    gates: Gates,
    /// Kept by the sender; only where values need to be dropped.
    cleared: AtomicU64,
    start: u64,
    storage: Storage<T>,
    /// Values are shared by reference: both `Send` and `Sync` are asked of them, as an `Arc` does.
    shared: PhantomData<Arc<T>>,
}

impl<T> BroadcastRing<T> {
    /// A receiver of what is published from now on, after those in `after` if any; none if there are too many.
    pub(crate) fn join(&self, after: impl Iterator<Item = Gate>) -> Option<Consumer> {
        let (gate, start) = self.gates.join(&self.tail, after.fold(0, |mask, gate| mask | 1 << gate.lane))?;
        Some(Consumer { gate, ..Consumer::new(start) })
    }

    /// How much a receiver has still to read.
    pub(crate) fn behind(&self, consumer: &Consumer) -> usize {
        // Relaxed: a report.
        ahead(self.tail.load(Ordering::Relaxed), consumer.head).clamp(0, self.storage.capacity() as i64) as usize
    }

    pub(crate) fn receivers(&self) -> usize {
        self.gates.count()
    }

    /// Drops the old values of the slots up to `end`, which no receiver can reach any more.
    fn clear(&self, end: u64) {
        // Relaxed: the sender's own.
        let cleared = self.cleared.load(Ordering::Relaxed);
        let new = ahead(end, cleared);
        if new <= 0 {
            return;
        }
        // I3: first, for a drop may panic.
        self.cleared.store(end, Ordering::Relaxed);
        let capacity = self.storage.capacity() as u64;
        // On the first lap there is nothing to drop.
        let used = ahead(end.wrapping_sub(capacity), self.start).clamp(0, new);
        // SAFETY: I1, I3: these slots hold values, no receiver reads them, and none will be dropped again.
        unsafe { self.storage.drop_run(end.wrapping_sub(capacity + used as u64), used as usize) };
    }

    /// How far a receiver may read.
    #[inline]
    fn limit(&self, gate: Gate) -> u64 {
        if gate.after != 0 {
            // Those who have left are not waited for.
            if let Some((_, cursor)) = self.gates.slowest(gate.after) {
                return cursor;
            }
        }
        // Acquire: O2, pairs with O1.
        self.tail.load(Ordering::Acquire)
    }

    /// Extends what is ready; never behind what it was, as a follower's limit may be for one that has just joined.
    #[inline]
    fn look(&self, consumer: &mut Consumer) {
        let limit = self.limit(consumer.gate);
        if ahead(limit, consumer.ready) > 0 {
            consumer.ready = limit;
            consumer.saw_waiting(consumer.available() as u64);
        }
    }
}

// SAFETY: I1 gives R1. I2 gives R2, shared: this ring's receivers read, and do not move values out or change them. O1, O2 and G4
// to G9 order the accesses on both sides (R3).
unsafe impl<T> Ring<T> for BroadcastRing<T> {
    const SKIP_MARKS: bool = false;
    const EVERYBODY_READS: bool = true;

    fn new(capacity: usize, start: u64) -> Result<Self, BuildError> {
        Ok(Self {
            tail: CachePadded::new(AtomicU64::new(start)),
            closed: CachePadded::new(AtomicBool::new(false)),
            gates: Gates::new(start),
            cleared: AtomicU64::new(start),
            start,
            storage: Storage::new(capacity)?,
            shared: PhantomData,
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
        if self.closed.load(Ordering::Acquire) || (!self.gates.any() && guard("somebody must read")) {
            return Err(Refused::Closed);
        }
        let known = producer.head;
        let run = producer.claim((min, max), self.storage.capacity(), || self.gates.scan().unwrap_or(known))?;
        if core::mem::needs_drop::<T>() {
            self.clear(run.start.wrapping_add(run.len as u64));
        }
        Ok(run)
    }

    #[inline]
    unsafe fn publish(&self, producer: &mut Producer, run: Run, written: usize) {
        producer.tail = run.start.wrapping_add(written as u64);
        // Release: O1, pairs with O2.
        self.tail.store(producer.tail, Ordering::Release);
    }

    #[inline]
    unsafe fn poll(&self, consumer: &mut Consumer, max: usize) -> Polled {
        let known = consumer.available();
        if known == 0 || known < max / 4 {
            self.look(consumer);
        }
        if consumer.available() > 0 {
            return Polled::Ready;
        }
        // Acquire: O6, pairs with O5: what was published before closing is seen by the look that follows.
        if !self.closed.load(Ordering::Acquire) {
            return Polled::Empty;
        }
        // Relaxed: nothing is read by it. If there is more, it came after the look above, or those before this one are not done.
        let all_read = ahead(self.tail.load(Ordering::Relaxed), consumer.head) == 0;
        if all_read || !guard("the end comes when all is read") { Polled::Closed } else { Polled::Empty }
    }

    #[inline]
    unsafe fn release(&self, consumer: &mut Consumer) {
        consumer.released = consumer.head;
        self.gates.release(consumer.gate, consumer.head);
    }

    fn retire(&self, consumer: &Consumer) {
        // When the ring goes, a consumer of nobody looks at it.
        if consumer.gate != Gate::NONE {
            self.gates.open(consumer.gate);
        }
    }

    unsafe fn leave(&self, consumer: &mut Consumer) {
        self.gates.leave(consumer.gate);
    }

    fn close(&self) -> bool {
        // AcqRel: O5, pairs with O6; Acquire so that the second closer sees what the first had done.
        !self.closed.swap(true, Ordering::AcqRel)
    }

    fn is_closed(&self) -> bool {
        // Acquire: O6, pairs with O5.
        self.closed.load(Ordering::Acquire)
    }

    #[inline(always)]
    fn receivers_await_release(&self) -> bool {
        self.gates.any_follower()
    }

    fn slowest(&self) -> Option<(usize, u64)> {
        let (lane, cursor) = self.gates.slowest(u64::MAX)?;
        Some((lane, ahead(self.tail.load(Ordering::Relaxed), cursor).max(0) as u64))
    }

    fn positions(&self) -> Positions {
        // Relaxed: a report. The cursor first: the tail read later is not behind it, only possibly too far ahead.
        let least = self.gates.slowest(u64::MAX).map(|(_, cursor)| cursor);
        let tail = self.tail.load(Ordering::Relaxed);
        Positions::between(least.unwrap_or(tail), tail, self.storage.capacity())
    }

    fn drop_values(&mut self) {
        let tail = self.tail.load(Ordering::Relaxed);
        let cleared = self.cleared.load(Ordering::Relaxed);
        let (cleared, capacity) =
            (if ahead(cleared, tail) > 0 { cleared } else { tail }, self.storage.capacity() as u64);
        let oldest = cleared.wrapping_sub(capacity);
        let oldest = if ahead(self.start, oldest) > 0 { self.start } else { oldest };
        // SAFETY: I3, and `&mut self`: nobody reads them.
        unsafe { self.storage.drop_run(oldest, ahead(tail, oldest).max(0) as usize) };
    }
}
