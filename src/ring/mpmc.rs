//! Many senders, many receivers: run stamps that tell both sides what is theirs. A batch costs either side one
//! compare-and-swap and one stamp.
//!
//! Senders claim what they have seen free, write it, and settle it as values. Receivers claim what they have seen settled as
//! values, read it in place, and settle it as free for the next lap, in any order. The two sides do the same with one set of
//! stamps ([`Runs`]), each at its own [`End`]. Each claims only what was seen usable: after a claim nobody waits for anybody.
//!
//! A receiver that leaves with a part of its claim open settles that part as *left*: others take it over, out of order.
//!
//! A sender stopped between claim and publication hides what was claimed after its run; the other senders go on until the
//! ring is full. A receiver stopped with a claim keeps its slots; everybody goes on until the ring has come round to them.
//!
//! # Invariants
//!
//! * **I1** `head <= tail <= head + capacity`, by E1: receivers pass only values, senders only what is free.
//! * **I2** The claimer of `p..p + n` on the tail alone writes those slots and settles values or a skip mark there, once; `p`
//!   last.
//! * **I3** The claimer of `p..p + n` on the head alone reads those slots and settles them as free, in order, each position once,
//!   unless it was left: then whoever takes that stamp back goes on in its place. What is free of position `p` is settled as
//!   `p + capacity`, which is in the same slot.
//! * **I4** `freed` is where some run begins that was once settled as free, or `known` at the tail was: everything below is done.
//!
//! # Orderings
//!
//! | site | pairs with | without it |
//! |---|---|---|
//! | N4, N5 on values: `publish` settles, `poll` looks | each other | a receiver reads values before they are written |
//! | N4, N5 on what is free: `release` settles, `claim` looks | each other | a sender overwrites what is still being read |
//! | O7 `close`: Release store of `closed`, after the seal | O8 | the receivers never learn of the seal, or take it for open |
//! | O8 `poll`: Acquire load of `closed` | O7 | the same |

use super::end::{Claimed, End};
use super::runs::{Kind, Runs};
use super::storage::probe;
use super::tail::ahead;
use super::{Consumer, Polled, Positions, Producer, Refused, Ring, Run, Storage};
use crate::error::BuildError;
use crate::sync::{AtomicBool, AtomicU64, AtomicUsize, Ordering, guard};
use crossbeam_utils::CachePadded;

/// Claims between two looks at how many more are waiting.
const LOOK_EVERY: u64 = 512;

#[allow(missing_debug_implementations, reason = "public only in name: the handles' sealed kind mentions it")]
pub struct MpmcRing<T> {
    tail: CachePadded<End>,
    head: CachePadded<End>,
    /// Where a look for what is done begins (I4).
    freed: CachePadded<AtomicU64>,
    seldom: CachePadded<Seldom>,
    runs: Runs,
    storage: Storage<T>,
}

/// Read at every empty poll, written almost never.
struct Seldom {
    closed: AtomicBool,
    /// Runs that were left and not taken over yet; told after they were, so it may be behind for a moment.
    left: AtomicUsize,
}

impl<T> MpmcRing<T> {
    /// The position that will use the slot of `position` next.
    #[inline(always)]
    fn next_lap(&self, position: u64) -> u64 {
        position.wrapping_add(self.storage.capacity() as u64)
    }

    /// How far the ring is done with, without a gap.
    fn freed(&self) -> u64 {
        // Relaxed, here and below: where to begin; no slot is touched by it.
        let before = self.freed.load(Ordering::Relaxed);
        let mut freed = before;
        loop {
            let run = self.runs.run(self.next_lap(freed), Kind::Free);
            if run == Some(1) {
                freed = freed.wrapping_add(1);
                continue;
            }
            // Looked at after the stamp and its note: if these are of a later lap, senders have come past them.
            let known = self.tail.known().wrapping_sub(self.storage.capacity() as u64);
            if ahead(known, freed) > 0 {
                freed = known;
            } else if let Some(len) = run {
                freed = freed.wrapping_add(len);
            } else {
                break;
            }
        }
        if freed != before {
            self.freed.store(freed, Ordering::Relaxed);
        }
        freed
    }

    /// Takes over a run that its receiver has left, up to `max` values of it.
    #[cold]
    fn take_over(&self, consumer: &mut Consumer, max: u64) -> bool {
        let (mut position, head) = (self.freed(), self.head.position());
        while ahead(head, position) > 0 {
            // I3: it is taken by one, who goes on where the other left.
            if let Some(len) = self.runs.take(position) {
                let mine = len.min(max);
                if mine < len {
                    self.runs.settle(position.wrapping_add(mine), Kind::Left, len - mine);
                } else {
                    self.seldom.left.fetch_sub(1, Ordering::Relaxed);
                }
                consumer.move_to(position, mine);
                return true;
            }
            // Not by whole runs: none may be missed.
            position = position.wrapping_add(1);
        }
        false
    }

    /// Nothing is at the head: for now, or for ever?
    fn end(&self, head: u64) -> Polled {
        // Acquire: O8, pairs with O7: the seal is seen below.
        if !self.seldom.closed.load(Ordering::Acquire) {
            return Polled::Empty;
        }
        // E4: final. What is claimed and not done may still be left to others.
        let tail = self.tail.position();
        let all_done = ahead(tail, self.freed()) == 0 || !guard("the end waits for open claims");
        if ahead(tail, head) == 0 && all_done { Polled::Closed } else { Polled::Empty }
    }
}

// SAFETY: E1 with I2 and I3 gives R1 and R2: claims at an end do not overlap, and what lies in them was seen settled, as free by
// who was done with it, or as values by who wrote them. The orderings order the accesses on both sides (R3).
unsafe impl<T> Ring<T> for MpmcRing<T> {
    const SKIP_MARKS: bool = true;
    const RELEASED_IN_ANY_ORDER: bool = true;

    fn new(capacity: usize, start: u64) -> Result<Self, BuildError> {
        probe(capacity.saturating_mul(size_of::<T>() + Runs::BYTES_PER_SLOT))?;
        Ok(Self {
            tail: CachePadded::new(End::new(start)),
            head: CachePadded::new(End::new(start)),
            freed: CachePadded::new(AtomicU64::new(start)),
            seldom: CachePadded::new(Seldom { closed: AtomicBool::new(false), left: AtomicUsize::new(0) }),
            runs: Runs::new(capacity, start)?,
            storage: Storage::new(capacity)?,
        })
    }

    #[inline(always)]
    fn storage(&self) -> &Storage<T> {
        &self.storage
    }

    fn bytes(&self) -> usize {
        self.storage.bytes() + self.storage.capacity() * Runs::BYTES_PER_SLOT
    }

    #[inline]
    fn claim(&self, producer: &mut Producer, min: usize, max: usize) -> Result<Run, Refused> {
        match self.tail.claim(&self.runs, Kind::Free, &mut producer.head, (min as u64, max as u64)) {
            Claimed::Run(start, len) => Ok(Run { start, len: len as usize }),
            Claimed::Short(_, free) => Err(Refused::Full { free: free as usize }),
            Claimed::Sealed => Err(Refused::Closed),
        }
    }

    #[inline]
    unsafe fn publish(&self, _: &mut Producer, run: Run, written: usize) {
        publish(&self.runs, run, written);
    }

    #[inline]
    unsafe fn poll(&self, consumer: &mut Consumer, max: usize) -> Polled {
        if consumer.available() > 0 {
            return Polled::Ready;
        }
        let max = max.min(self.storage.capacity());
        // Whatever is found: somebody else may have been passed over for it.
        consumer.more_for_others = true;
        // Relaxed: a hint. Whoever was woken because of it sees it by the handshake's barriers.
        if self.seldom.left.load(Ordering::Relaxed) > 0 && self.take_over(consumer, max as u64) {
            return Polled::Ready;
        }
        loop {
            let head = match self.head.claim(&self.runs, Kind::Values, &mut consumer.seen, (1, max as u64)) {
                Claimed::Run(head, len) => {
                    consumer.move_to(head, len);
                    consumer.saw_waiting(len);
                    if head % LOOK_EVERY < len {
                        consumer.saw_waiting(ahead(self.tail.position(), head).max(0) as u64);
                    }
                    return Polled::Ready;
                }
                Claimed::Short(head, _) => head,
                Claimed::Sealed => unreachable!("nobody seals the head"),
            };
            let Some(len) = self.runs.run(head, Kind::Skip) else {
                consumer.more_for_others = false;
                return self.end(head);
            };
            if self.head.pass(head, len) {
                // Nobody is waited for, and nothing is read: the slots go back at once.
                self.runs.settle(self.next_lap(head), Kind::Free, len);
                consumer.stepped_over += len;
            }
        }
    }

    #[inline(always)]
    fn claim_seen(&self, consumer: &mut Consumer) -> bool {
        // Relaxed: a hint, as in `poll`.
        if self.seldom.left.load(Ordering::Relaxed) > 0 {
            return false;
        }
        let claimed = self.head.claim_seen(consumer.seen);
        claimed.map(|at| consumer.move_to(at, 1)).is_some()
    }

    /// More may be at the head than this receiver has claimed.
    fn has_more(&self) -> bool {
        // Relaxed: a hint, as in `poll`.
        self.seldom.left.load(Ordering::Relaxed) > 0 || self.head.has_run(&self.runs, Kind::Values)
    }

    #[inline]
    unsafe fn release(&self, consumer: &mut Consumer) {
        let len = consumer.head.wrapping_sub(consumer.released);
        self.runs.settle(self.next_lap(consumer.released), Kind::Free, len);
        consumer.released = consumer.head;
    }

    unsafe fn leave(&self, consumer: &mut Consumer) {
        let open = consumer.available();
        if open > 0 {
            self.runs.settle(consumer.head, Kind::Left, open as u64);
            consumer.move_to(consumer.ready, 0);
            self.seldom.left.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn close(&self) -> bool {
        let first = self.tail.seal();
        // Release: O7, pairs with O8.
        self.seldom.closed.store(true, Ordering::Release);
        first
    }

    fn is_closed(&self) -> bool {
        self.tail.is_sealed()
    }

    #[inline(always)]
    fn receivers_await_release(&self) -> bool {
        // Relaxed: the handshake's barriers order it.
        self.seldom.closed.load(Ordering::Relaxed)
    }

    #[inline]
    fn unclaimed(&self) -> usize {
        // A hint; the two may be out of step.
        ahead(self.tail.position(), self.head.position()).max(0) as usize
    }

    fn positions(&self) -> Positions {
        let freed = self.freed();
        let tail = self.tail.position();
        let mut positions = Positions::between(freed, tail, self.storage.capacity());
        // What is done out of order, behind a claim that is still open.
        let head = self.head.position();
        let mut position = freed;
        while ahead(head, position) > 0 {
            let done = self.runs.run(self.next_lap(position), Kind::Free).unwrap_or(0);
            positions.done_beyond += done;
            position = position.wrapping_add(done.max(1));
        }
        positions
    }
}

/// Settles what was written of a claimed run, and turns the rest into a skip mark.
#[inline]
pub(super) fn publish(runs: &Runs, run: Run, written: usize) {
    if written < run.len {
        // Before the stamp of the first part: a receiver that comes past it finds the mark, not a hole for a moment.
        runs.settle(run.start.wrapping_add(written as u64), Kind::Skip, (run.len - written) as u64);
    }
    if written > 0 {
        runs.settle(run.start, Kind::Values, written as u64);
    }
}
