//! Many senders, one receiver: a ring of *run stamps*. A batch costs its sender one compare-and-swap and one stamp.
//!
//! A sender claims a run of positions on the shared tail, writes the values, and stamps the first slot of the run
//! with the run's position. The receiver walks from run to run by the stamps; it does no read-modify-write and clears
//! nothing, for a stamp names one position for ever. A run that was given up, or the given-up end of one, is a *skip
//! mark*: a run of no values that the receiver steps over.
//!
//! No call waits for another thread. A sender stopped between claim and publication holds back what was claimed after
//! its run: the receiver finds the ring empty at that position and the other senders go on until it is full.
//!
//! # Words
//!
//! `tail = position << 1 | sealed`; `stamp = position << 1 | long`. A short run is one value, told by the stamp alone;
//! a long run's length, or skip mark, stands in `runs`, beside the stamp. Positions are compared in this shifted form,
//! so that one modulus rules them all, and the seal in bit 0 is never reached by a carry.
//!
//! # Invariants
//!
//! * **I1** `head <= tail <= head + capacity`. `tail` moves only by a compare-and-swap that found room against a `head`
//!   that had been reached; `head` is stored by the receiver only, and both only grow.
//! * **I2** The claimer of `p..p + n` alone writes those slots, `runs` and the stamps of their positions, once; it
//!   stamps `p` last.
//! * **I3** A stamp that names position `p` was stored by the claimer of `p`, whose run starts there: stale and initial
//!   stamps name positions that lie behind.
//! * **I4** After the seal no claim succeeds: the swap compares the whole word. So the sealed tail is final.
//!
//! # Orderings
//!
//! | site | pairs with | without it |
//! |---|---|---|
//! | O1 `publish`: Release store of the stamp | O2 | the receiver reads values or `runs` before they are written |
//! | O2 `poll`: Acquire load of the stamp | O1 | the same |
//! | O3 `release`: Release store of `head` | O4 | a sender overwrites what is still being read |
//! | O4 `claim`: Acquire load of `head` | O3 | the same |
//! | O5 `close`: AcqRel on the tail | O6 | what the closer did is not visible to who learns of it |
//! | O6 `is_closed`, `claim` refused: Acquire load of the tail | O5 | the same |
//! | O7 `close`: Release store of `closed`, after the seal | O8 | the receiver never learns of the seal, or takes it for open |
//! | O8 `poll`: Acquire load of `closed` | O7 | the same |
//!
//! The compare-and-swap on `tail` is Relaxed where it succeeds: it publishes nothing. What it needs of the slots came with O4.

use super::storage::{allocate, probe};
use super::{Consumer, Polled, Positions, Producer, Refused, Ring, Run, Storage};
use crate::error::BuildError;
use crate::sync::{AtomicBool, AtomicU64, Ordering, UnsafeCell};
use crossbeam_utils::CachePadded;

const SEALED: u64 = 1;
const LONG: u64 = 1;
/// Messages between two looks at how many more are waiting.
const LOOK_EVERY: usize = 64;
/// In `runs`: this many positions hold no values.
const SKIP: u64 = 1 << 63;

/// The word of a position: what tails and stamps are made of.
#[inline(always)]
fn word(position: u64) -> u64 {
    position << 1
}

/// How far the position in tail word `a` is ahead of position `b`; negative when `a` is out of date.
#[inline(always)]
fn ahead(a: u64, b: u64) -> i64 {
    ((a & !SEALED).wrapping_sub(word(b)) as i64) >> 1
}

#[allow(missing_debug_implementations, reason = "public only in name: the handles' sealed kind mentions it")]
pub struct MpscRing<T> {
    tail: CachePadded<AtomicU64>,
    /// Follows the seal. The receiver looks here, so as to leave the senders' line alone while it finds nothing.
    closed: CachePadded<AtomicBool>,
    head: CachePadded<AtomicU64>,
    stamps: Box<[AtomicU64]>,
    runs: Box<[UnsafeCell<u64>]>,
    storage: Storage<T>,
}

// SAFETY: I2 and I3 give `runs` one owner at a time, as R3 does the slots; O1 and O2 order the accesses.
unsafe impl<T: Send> Sync for MpscRing<T> {}

impl<T> MpscRing<T> {
    #[inline(always)]
    fn index(&self, position: u64) -> usize {
        position as usize & (self.stamps.len() - 1)
    }

    /// Notes the length of a long run, or a skip mark, where its stamp will lead.
    #[inline]
    fn note(&self, position: u64, run: u64) {
        // SAFETY: I2: the position is the caller's claim, not yet stamped.
        self.runs[self.index(position)].with_mut(|noted| unsafe { *noted = run });
    }

    #[inline(always)]
    fn stamp(&self, position: u64, flag: u64) {
        // Release: O1, pairs with O2.
        self.stamps[self.index(position)].store(word(position) | flag, Ordering::Release);
    }

    fn skip(&self, position: u64, len: usize) {
        self.note(position, SKIP | len as u64);
        self.stamp(position, LONG);
    }

    /// Extends what is known to be ready by whole runs until `max` are available; steps over skip marks only while
    /// nothing is available, so that what lies between head and ready are values without a gap.
    #[inline]
    fn walk(&self, consumer: &mut Consumer, max: usize) {
        while consumer.available() < max {
            let index = self.index(consumer.ready);
            // Acquire: O2, pairs with O1.
            let flag = self.stamps[index].load(Ordering::Acquire) ^ word(consumer.ready);
            if flag == 0 {
                consumer.ready = consumer.ready.wrapping_add(1);
            } else if flag == LONG {
                // SAFETY: I2, I3: the stamp names this position, so its claimer is done with the note.
                let run = self.runs[index].with(|noted| unsafe { *noted });
                if run & SKIP == 0 {
                    consumer.ready = consumer.ready.wrapping_add(run);
                } else if consumer.available() == 0 {
                    consumer.skipped += run & !SKIP;
                    consumer.ready = consumer.ready.wrapping_add(run & !SKIP);
                    consumer.head = consumer.ready;
                } else {
                    return;
                }
            } else {
                return;
            }
        }
    }
}

// SAFETY: I1 gives R1: claims do not overlap, and lie beyond what was released. I2 and I3 give R2: what is stamped has
// been written. O1 to O4 order the accesses on both sides (R3).
unsafe impl<T> Ring<T> for MpscRing<T> {
    const SKIP_MARKS: bool = true;

    fn new(capacity: usize, start: u64) -> Result<Self, BuildError> {
        let slot = size_of::<T>() + size_of::<AtomicU64>() + size_of::<UnsafeCell<u64>>();
        probe(capacity.saturating_mul(slot))?;
        // I3: the stamps of a lap that never was, each in its own slot.
        let before = start.wrapping_sub(capacity as u64);
        let mut slots = 0..capacity as u64;
        let stamps = allocate(capacity, || {
            let slot = slots.next().unwrap_or(0);
            AtomicU64::new(word(before.wrapping_add(slot.wrapping_sub(before) & (capacity as u64 - 1))))
        })?;
        Ok(Self {
            tail: CachePadded::new(AtomicU64::new(word(start))),
            closed: CachePadded::new(AtomicBool::new(false)),
            head: CachePadded::new(AtomicU64::new(start)),
            stamps,
            runs: allocate(capacity, || UnsafeCell::new(0))?,
            storage: Storage::new(capacity)?,
        })
    }

    #[inline(always)]
    fn storage(&self) -> &Storage<T> {
        &self.storage
    }

    fn bytes(&self) -> usize {
        self.storage.bytes() + size_of_val(&*self.stamps) + size_of_val(&*self.runs)
    }

    #[inline]
    fn claim(&self, producer: &mut Producer, min: usize, max: usize) -> Result<Run, Refused> {
        let capacity = self.storage.capacity() as i64;
        // Acquire, here and below: O6, pairs with O5.
        let mut tail = self.tail.load(Ordering::Acquire);
        loop {
            if tail & SEALED != 0 {
                return Err(Refused::Closed);
            }
            let mut used = ahead(tail, producer.head);
            if capacity - used < max as i64 {
                // Acquire: O4, pairs with O3.
                producer.head = self.head.load(Ordering::Acquire);
                used = ahead(tail, producer.head);
            }
            if used < 0 {
                // The tail was read before the receiver went past it: it is out of date, not full.
                tail = self.tail.load(Ordering::Acquire);
                continue;
            }
            // The head may be older than the claims seen in the tail, which then seem to be more than fit.
            let free = (capacity - used).max(0) as usize;
            if free < min {
                return Err(Refused::Full { free });
            }
            let len = free.min(max);
            let claimed = tail.wrapping_add(word(len as u64));
            match self.tail.compare_exchange_weak(tail, claimed, Ordering::Relaxed, Ordering::Acquire) {
                Ok(_) => return Ok(Run { start: tail >> 1, len }),
                Err(seen) => tail = seen,
            }
        }
    }

    #[inline]
    unsafe fn publish(&self, _: &mut Producer, run: Run, written: usize) {
        if written < run.len {
            // Before the stamp of the first part: a receiver that comes past it finds the mark, not a hole for a moment.
            self.skip(run.start.wrapping_add(written as u64), run.len - written);
        }
        match written {
            0 => {}
            1 => self.stamp(run.start, 0),
            _ => {
                self.note(run.start, written as u64);
                self.stamp(run.start, LONG);
            }
        }
    }

    #[inline]
    unsafe fn poll(&self, consumer: &mut Consumer, max: usize) -> Polled {
        self.walk(consumer, max);
        let available = consumer.available();
        if available > 0 {
            consumer.high_water = consumer.high_water.max(available as u64);
            // There may be more than was asked for. The tail is the senders' line: it is looked at once in a while only.
            if available >= max && (consumer.head as usize % LOOK_EVERY) < available {
                // Relaxed: a statistic.
                let waiting = ahead(self.tail.load(Ordering::Relaxed), consumer.head);
                consumer.high_water = consumer.high_water.max(waiting as u64);
            }
            return Polled::Ready;
        }
        // Acquire: O8, pairs with O7: the seal is seen below.
        if !self.closed.load(Ordering::Acquire) {
            return Polled::Empty;
        }
        // Relaxed: O8 has made the seal visible, and by I4 a sealed tail is final. Once nothing is claimed beyond what was
        // taken, nothing can follow.
        let tail = self.tail.load(Ordering::Relaxed);
        if ahead(tail, consumer.head) == 0 { Polled::Closed } else { Polled::Empty }
    }

    #[inline]
    unsafe fn release(&self, consumer: &mut Consumer) {
        consumer.released = consumer.head;
        // Release: O3, pairs with O4.
        self.head.store(consumer.head, Ordering::Release);
    }

    fn close(&self) -> bool {
        // AcqRel: O5, pairs with O6.
        let first = self.tail.fetch_or(SEALED, Ordering::AcqRel) & SEALED == 0;
        // Release: O7, pairs with O8.
        self.closed.store(true, Ordering::Release);
        first
    }

    fn is_closed(&self) -> bool {
        // Acquire: O6, pairs with O5.
        self.tail.load(Ordering::Acquire) & SEALED != 0
    }

    fn positions(&self) -> Positions {
        // Relaxed: a report. `head` first: the tail read later is not behind it, only possibly too far ahead.
        let head = self.head.load(Ordering::Relaxed);
        let len = ahead(self.tail.load(Ordering::Relaxed), head);
        Positions { head, len: len.clamp(0, self.storage.capacity() as i64) as usize }
    }
}
