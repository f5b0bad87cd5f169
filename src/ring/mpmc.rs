//! Many senders, many receivers: run stamps on both sides. A batch costs either side one compare-and-swap and one stamp.
//!
//! Senders claim and publish as in the ring with one receiver. Receivers claim what was seen published, by
//! compare-and-swap on the shared head, read it in place, and settle it with a second set of stamps, in any order. Senders
//! walk those to learn how far the ring is free. So each side claims only what was seen usable: after a claim nobody waits
//! for anybody.
//!
//! Two words move by *helping*: whoever needs to know looks at the stamps ahead and moves the word for all.
//!
//! * `freed`: everything below is settled by its receiver. Senders move it when they run out of room.
//! * `split`: the end of a published run of which a receiver has claimed only the beginning; behind `head` it means
//!   nothing. While it is ahead, the positions up to it are values; otherwise a run begins at `head`.
//!
//! A receiver that leaves with a part of its claim open settles that part as *left*: others take it over, out of order.
//!
//! A sender stopped between claim and publication hides what was claimed after its run; the other senders go on until the
//! ring is full. A receiver stopped with a claim keeps its slots; everybody goes on until the ring has come round to them.
//!
//! # Invariants
//!
//! * **I1** `freed <= head <= tail <= freed + capacity` (L1), and all only grow; so an exchange of one of them that succeeds
//!   acted on what is still true.
//! * **I2** The claimer of `p..p + n` on the tail alone writes those slots and settles `published` there, once; `p` last.
//! * **I3** The claimer of `p..p + n` on the head alone reads those slots and settles `done` there, in order, each position
//!   once, unless it was left: then whoever takes that stamp back goes on in its place.
//! * **I4** `head..split` are published values. A receiver that moves `split` to the end of a run has seen that run begin at
//!   `head`; a skip mark is never in between, because it is stepped over by moving `head` alone.
//!
//! # Orderings
//!
//! | site | pairs with | without it |
//! |---|---|---|
//! | N4, N5 on `published`: `publish` settles, `poll` looks | each other | a receiver reads values before they are written |
//! | N4, N5 on `done`: `release` settles, `free` looks | each other | a sender overwrites what is still being read |
//! | O1 `free`: Release exchange of `freed` | O2 | the same, for a sender who did not look itself |
//! | O2 `free`: Acquire load (and failed exchange) of `freed` | O1 | the same |
//! | O3 `split_run`: Release exchange of `split` | O4 | a receiver takes from a run that it has not seen published |
//! | O4 `poll`: Acquire load of `split` | O3 | the same |
//! | O5 `poll`: Release exchange of `head` | O6 | a receiver finds the middle of a run and no word of it: empty, though it is not |
//! | O6 `poll`: Acquire load of `head` | O5 | the same |
//! | O7 `close`: Release store of `closed`, after the seal | O8 | the receivers never learn of the seal, or take it for open |
//! | O8 `poll`: Acquire load of `closed` | O7 | the same |

use super::mpsc::publish;
use super::runs::{Runs, Settled};
use super::storage::probe;
use super::tail::{Tail, ahead};
use super::{Consumer, Polled, Positions, Producer, Refused, Ring, Run, Storage};
use crate::error::BuildError;
use crate::sync::{AtomicBool, AtomicU64, AtomicUsize, Ordering, guard};
use crossbeam_utils::CachePadded;

/// Claims between two looks at how many more are waiting.
const LOOK_EVERY: u64 = 64;

#[allow(missing_debug_implementations, reason = "public only in name: the handles' sealed kind mentions it")]
pub struct MpmcRing<T> {
    tail: Tail,
    head: CachePadded<AtomicU64>,
    split: CachePadded<AtomicU64>,
    freed: CachePadded<AtomicU64>,
    seldom: CachePadded<Seldom>,
    published: Runs,
    done: Runs,
    storage: Storage<T>,
}

/// Read at every empty poll, written almost never.
struct Seldom {
    closed: AtomicBool,
    /// Runs that were left and not taken over yet; told after they were, so it may be behind for a moment.
    left: AtomicUsize,
}

/// What lies at the head.
enum Ahead {
    /// This many values can be claimed.
    Values(u64),
    /// A skip mark over this many positions.
    Skip(u64),
    /// A run longer than what is wanted begins there; so many values.
    Long(u64),
    Nothing,
}

impl<T> MpmcRing<T> {
    /// How far the ring is free, seen from `tail`: looks at what receivers are done with, and tells everybody.
    fn free(&self, tail: u64) -> u64 {
        // Acquire: O2, pairs with O1.
        let mut freed = self.freed.load(Ordering::Acquire);
        loop {
            let mut end = freed;
            while ahead(tail, end) > 0 {
                // Slots and notes may be claimed anew meanwhile: the exchange below fails then (N3, I1).
                let Some(len) = self.done.len_at(end) else { break };
                end = end.wrapping_add(len);
            }
            if end == freed {
                return freed;
            }
            // Release: O1; Acquire: O2, each pairs with the other.
            match self.freed.compare_exchange(freed, end, Ordering::Release, Ordering::Acquire) {
                Ok(_) => return end,
                // Not as far, perhaps, as was seen here: from there once more.
                Err(seen) => freed = seen,
            }
        }
    }

    /// What a receiver finds at `head`, when `split` was read after it.
    #[inline]
    fn look_ahead(&self, head: u64, split: u64, max: u64) -> Ahead {
        let known = ahead(split, head);
        if known > 0 && guard("the middle of a run is known") {
            return Ahead::Values(max.min(known as u64)); // I4
        }
        let mut len = 0;
        while len < max {
            match self.published.at(head.wrapping_add(len)) {
                Some(Settled::Values(run)) if len + run <= max => len += run,
                Some(Settled::Values(run)) if len == 0 => return Ahead::Long(run),
                Some(Settled::Skip(run)) if len == 0 => return Ahead::Skip(run),
                _ => break,
            }
        }
        if len == 0 { Ahead::Nothing } else { Ahead::Values(len) }
    }

    /// Moves the head over `len` positions; false if somebody else has moved it.
    #[inline]
    fn claim_at(&self, head: u64, len: u64) -> bool {
        // Release: O5, pairs with O6: who finds this head finds the split that it was claimed under.
        let next = head.wrapping_add(len);
        self.head.compare_exchange(head, next, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    /// Lets the run of `len` values at `head` be claimed in parts; or somebody else has, which the next look will tell.
    fn split_run(&self, head: u64, split: u64, len: u64) {
        // A note of a later lap (N3) tells of a claim that found room when the head had passed `end` (L1). Then what is stored
        // here means nothing (I4), and who finds it with an older head fails: N7 and O3 pass on where the head was.
        let end = head.wrapping_add(len);
        // Release: O3, pairs with O4.
        let _ = self.split.compare_exchange(split, end, Ordering::Release, Ordering::Relaxed);
    }

    /// Takes over a run that its receiver has left, up to `max` values of it.
    #[cold]
    fn take_over(&self, consumer: &mut Consumer, max: u64) -> bool {
        // Relaxed: hints for where to look; `take` makes sure.
        let mut position = self.freed.load(Ordering::Relaxed);
        let head = self.head.load(Ordering::Relaxed);
        while ahead(head, position) > 0 {
            if self.done.at(position) == Some(Settled::Left) {
                // I3: it is taken by one, who goes on where the other left.
                if let Some(len) = self.done.take(position) {
                    let mine = len.min(max);
                    if mine < len {
                        self.done.leave(position.wrapping_add(mine), (len - mine) as usize);
                    } else {
                        self.seldom.left.fetch_sub(1, Ordering::Relaxed);
                    }
                    consumer.move_to(position, mine);
                    // It may have been woken for something else, which now is for another.
                    consumer.more_for_others = true;
                    return true;
                }
            }
            // Not by whole runs: a note may be out of date here, and no run may be missed.
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
        // L2: final. What is claimed and not done may still be left to others.
        let tail = self.tail.position();
        let all_done = ahead(tail, self.free(tail)) == 0 || !guard("the end waits for open claims");
        if ahead(tail, head) == 0 && all_done { Polled::Closed } else { Polled::Empty }
    }
}

// SAFETY: I1 and I2 give R1: claims on the tail do not overlap and lie beyond what is freed, which is done (I3). I2 to I4
// give R2: claims on the head do not overlap, and what lies in them was seen published. The orderings order the accesses on
// both sides (R3).
unsafe impl<T> Ring<T> for MpmcRing<T> {
    const SKIP_MARKS: bool = true;
    const RELEASED_IN_ANY_ORDER: bool = true;

    fn new(capacity: usize, start: u64) -> Result<Self, BuildError> {
        probe(capacity.saturating_mul(size_of::<T>() + 2 * Runs::BYTES_PER_SLOT))?;
        let word = || CachePadded::new(AtomicU64::new(start));
        Ok(Self {
            tail: Tail::new(start),
            head: word(),
            split: word(),
            freed: word(),
            seldom: CachePadded::new(Seldom { closed: AtomicBool::new(false), left: AtomicUsize::new(0) }),
            published: Runs::new(capacity, start)?,
            done: Runs::new(capacity, start)?,
            storage: Storage::new(capacity)?,
        })
    }

    #[inline(always)]
    fn storage(&self) -> &Storage<T> {
        &self.storage
    }

    fn bytes(&self) -> usize {
        self.storage.bytes() + self.storage.capacity() * 2 * Runs::BYTES_PER_SLOT
    }

    #[inline]
    fn claim(&self, producer: &mut Producer, min: usize, max: usize) -> Result<Run, Refused> {
        self.tail.claim(producer, (min, max), self.storage.capacity(), |tail| self.free(tail))
    }

    #[inline]
    unsafe fn publish(&self, _: &mut Producer, run: Run, written: usize) {
        publish(&self.published, run, written);
    }

    #[inline]
    unsafe fn poll(&self, consumer: &mut Consumer, max: usize) -> Polled {
        if consumer.available() > 0 {
            return Polled::Ready;
        }
        // Relaxed: a hint. Whoever was woken because of it sees it by the handshake's barriers.
        if self.seldom.left.load(Ordering::Relaxed) > 0 && self.take_over(consumer, max as u64) {
            return Polled::Ready;
        }
        // Acquire: O6, pairs with O5.
        let mut head = self.head.load(Ordering::Acquire);
        loop {
            // Acquire: O4, pairs with O3. Read after the head.
            let split = self.split.load(Ordering::Acquire);
            match self.look_ahead(head, split, max as u64) {
                Ahead::Values(len) if self.claim_at(head, len) => {
                    consumer.move_to(head, len);
                    consumer.more_for_others =
                        self.published.at(consumer.ready).is_some() || ahead(split, consumer.ready) > 0;
                    consumer.saw_waiting(len);
                    if head % LOOK_EVERY < len {
                        consumer.saw_waiting(ahead(self.tail.position(), head).max(0) as u64);
                    }
                    return Polled::Ready;
                }
                Ahead::Skip(len) if self.claim_at(head, len) => {
                    // Nobody is waited for, and nothing is read: the slots go back at once.
                    self.done.settle(head, len as usize);
                    consumer.stepped_over += len;
                }
                Ahead::Long(len) => self.split_run(head, split, len),
                Ahead::Nothing => {
                    // Relaxed: only compared; the head that is used is loaded below.
                    let seen = self.head.load(Ordering::Relaxed);
                    if seen == head || !guard("a head that has moved is looked at again") {
                        return self.end(head);
                    }
                }
                // Somebody else was faster.
                Ahead::Values(_) | Ahead::Skip(_) => {}
            }
            // Acquire: O6, pairs with O5.
            head = self.head.load(Ordering::Acquire);
        }
    }

    #[inline]
    unsafe fn release(&self, consumer: &mut Consumer) {
        let len = consumer.head.wrapping_sub(consumer.released);
        self.done.settle(consumer.released, len as usize);
        consumer.released = consumer.head;
    }

    unsafe fn leave(&self, consumer: &mut Consumer) {
        let open = consumer.available();
        if open > 0 {
            self.done.leave(consumer.head, open);
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
        // Relaxed: a hint; the two may be out of step.
        ahead(self.tail.position(), self.head.load(Ordering::Relaxed)).max(0) as usize
    }

    fn positions(&self) -> Positions {
        let freed = self.free(self.tail.position());
        let tail = self.tail.position();
        let mut positions = Positions::between(freed, tail, self.storage.capacity());
        // What is done out of order, behind a claim that is still open.
        let head = self.head.load(Ordering::Relaxed);
        let mut position = freed;
        while ahead(head, position) > 0 {
            let done = self.done.len_at(position).unwrap_or(0);
            positions.done_beyond += done;
            position = position.wrapping_add(done.max(1));
        }
        positions
    }
}
