//! Many senders, one receiver: a ring of *run stamps*. A batch costs its sender one compare-and-swap and one stamp.
//!
//! A sender claims a run of positions on the shared tail, writes the values, and settles the run with a stamp on its first
//! slot. The receiver walks from run to run by the stamps; it does no read-modify-write. A run that was given up, or the
//! given-up end of one, is a *skip mark*: a run of no values that the receiver steps over.
//!
//! No call waits for another thread. A sender stopped between claim and publication holds back what was claimed after
//! its run: the receiver finds the ring empty at that position and the other senders go on until it is full.
//!
//! # Invariants
//!
//! * **I1** `head <= tail <= head + capacity` (L1); `head` is stored by the receiver only, and only grows.
//! * **I2** The claimer of `p..p + n` alone writes those slots and settles those positions, once; `p` last.
//!
//! # Orderings
//!
//! | site | pairs with | without it |
//! |---|---|---|
//! | N4, N5: `publish` settles, `poll` looks | each other | the receiver reads values before they are written |
//! | O3 `release`: Release store of `head` | O4 | a sender overwrites what is still being read |
//! | O4 `claim`: Acquire load of `head` | O3 | the same |
//! | O7 `close`: Release store of `closed`, after the seal | O8 | the receiver never learns of the seal, or takes it for open |
//! | O8 `poll`: Acquire load of `closed` | O7 | the same |

use super::mpmc::publish;
use super::runs::{Kind, Runs};
use super::storage::probe;
use super::tail::{Tail, ahead};
use super::{Consumer, Polled, Positions, Producer, Refused, Ring, Run, Storage};
use crate::error::BuildError;
use crate::sync::{AtomicBool, AtomicU64, Ordering};
use crossbeam_utils::CachePadded;

/// Messages between two looks at how many more are waiting.
const LOOK_EVERY: usize = 1024;

/// Stamps that are looked at together: those that are on one line. Messages taken one by one are then known without a look. Models have
/// few, and batches that look further.
const LOOK_AHEAD: usize = if cfg!(ringway_loom) { 2 } else { 8 };

pub(crate) struct MpscRing<T> {
    tail: Tail,
    /// Follows the seal. The receiver looks here, so as to leave the senders' line alone while it finds nothing.
    closed: CachePadded<AtomicBool>,
    head: CachePadded<AtomicU64>,
    published: Runs,
    storage: Storage<T>,
}

impl<T> MpscRing<T> {
    /// Extends what is known to be ready by whole runs until `max` are available, or a line of stamps has been looked at; steps over skip marks only while
    /// nothing is available, so that what lies between head and ready are values without a gap.
    #[inline]
    fn walk(&self, consumer: &mut Consumer, max: usize) {
        let wanted = max.max(LOOK_AHEAD);
        while consumer.available() < wanted {
            // The note is that of the stamp (N3): nobody claims these positions before this receiver has released them.
            if let Some(len) = self.published.run(consumer.ready, Kind::Values) {
                consumer.ready = consumer.ready.wrapping_add(len);
                continue;
            }
            match self.published.run(consumer.ready, Kind::Skip) {
                Some(len) if consumer.available() == 0 => {
                    consumer.ready = consumer.ready.wrapping_add(len);
                    consumer.step_over(len);
                }
                _ => return,
            }
        }
    }
}

// SAFETY: I1 gives R1: claims do not overlap, and lie beyond what was released. I2 gives R2: what is settled has been
// written. N4, N5, O3 and O4 order the accesses on both sides (R3).
unsafe impl<T> Ring<T> for MpscRing<T> {
    const SKIP_MARKS: bool = true;

    fn new(capacity: usize, start: u64) -> Result<Self, BuildError> {
        probe(capacity.saturating_mul(size_of::<T>() + Runs::BYTES_PER_SLOT))?;
        Ok(Self {
            tail: Tail::new(start),
            closed: CachePadded::new(AtomicBool::new(false)),
            head: CachePadded::new(AtomicU64::new(start)),
            published: Runs::new(capacity, start)?,
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
        // Acquire: O4, pairs with O3.
        self.tail.claim(producer, (min, max), self.storage.capacity(), |_| self.head.load(Ordering::Acquire))
    }

    #[inline]
    unsafe fn publish(&self, _: &mut Producer, run: Run, written: usize) {
        publish(&self.published, run, written);
    }

    #[inline]
    unsafe fn poll(&self, consumer: &mut Consumer, max: usize) -> Polled {
        self.walk(consumer, max);
        let available = consumer.available();
        if available > 0 {
            consumer.saw_waiting(available as u64);
            // There may be more than was asked for. The tail is the senders' line: it is looked at once in a while only.
            if available >= max && (consumer.head as usize % LOOK_EVERY) < available {
                consumer.saw_waiting(ahead(self.tail.position(), consumer.head) as u64);
            }
            return Polled::Ready;
        }
        // Acquire: O8, pairs with O7: the seal is seen below.
        if !self.closed.load(Ordering::Acquire) {
            return Polled::Empty;
        }
        // O8 has made the seal visible, and by L2 a sealed tail is final. Once nothing is claimed beyond what was taken,
        // nothing can follow.
        if ahead(self.tail.position(), consumer.head) == 0 { Polled::Closed } else { Polled::Empty }
    }

    #[inline]
    unsafe fn release(&self, consumer: &mut Consumer) {
        consumer.released = consumer.head;
        // Release: O3, pairs with O4.
        self.head.store(consumer.head, Ordering::Release);
    }

    fn close(&self) -> bool {
        let first = self.tail.seal();
        // Release: O7, pairs with O8.
        self.closed.store(true, Ordering::Release);
        first
    }

    fn is_closed(&self) -> bool {
        self.tail.is_sealed()
    }

    fn positions(&self) -> Positions {
        // Relaxed: a report. `head` first: the tail read later is not behind it, only possibly too far ahead.
        let head = self.head.load(Ordering::Relaxed);
        Positions::between(head, self.tail.position(), self.storage.capacity())
    }
}
