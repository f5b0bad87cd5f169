//! Many senders, one receiver: the ring that all senders share, and rings of their own, *lanes*, for the first few of them.
//!
//! The shared ring is that of `mpsc.rs`, a lane is that of `spsc.rs`. A sender takes a lane when it is made and gives it back when
//! it goes; who finds none left sends through the shared ring. The receiver goes round: it takes what it found in one ring,
//! then looks at the next. Without lanes the shared ring is all there is.
//!
//! # Invariants
//!
//! * **I1** A lane has at most one sender: whose bit in `taken` it is.
//! * **I2** The receiver leaves a ring only when it has taken and released all that it knew to be there. So a ring's stored head is
//!   where the receiver goes on when it comes back.
//! * **I3** The seal of the shared ring closes all of them: it is set first, and every claim looks at it. A claim in a lane that
//!   did not see it may still publish afterwards (I3 of `spsc.rs`).
//!
//! # Orderings
//!
//! | site | pairs with | without it |
//! |---|---|---|
//! | O1 `part`: Release on `taken` | O2 | the next sender of the lane begins where the last one was, and overwrites |
//! | O2 `join`: Acquire on `taken` | O1 | the same |

use super::{Consumer, MpscRing, Polled, Positions, Producer, Refused, Ring, Run, SpscRing, Storage, ahead};
use crate::error::BuildError;
use crate::sync::{AtomicU64, Ordering, guard};
use crossbeam_utils::CachePadded;

/// The most lanes that a channel may have: a bit each.
pub(crate) const MOST_LANES: usize = 64;

/// Which ring of the channel: the one that all share, or the lane of that number, from 1 on.
const SHARED: usize = 0;

#[allow(missing_debug_implementations, reason = "public only in name: the handles' sealed kind mentions it")]
pub struct LanesRing<T> {
    shared: MpscRing<T>,
    lanes: Box<[SpscRing<T>]>,
    taken: CachePadded<AtomicU64>,
    start: u64,
}

impl<T> LanesRing<T> {
    /// The rings in the order in which the receiver goes round.
    fn positions_of_all(&self) -> impl Iterator<Item = Positions> {
        core::iter::once(self.shared.positions()).chain(self.lanes.iter().map(Ring::positions))
    }

    /// The lane of that number, or else it is the shared ring.
    #[inline(always)]
    fn lane(&self, number: usize) -> Option<&SpscRing<T>> {
        // Told by the number alone where there are no lanes, which is the rule.
        if number == SHARED { None } else { self.lanes.get(number - 1) }
    }

    fn free_lane(&self, taken: u64) -> Option<usize> {
        Some(taken.trailing_ones() as usize).filter(|&free| free < self.lanes.len())
    }

    /// Goes round once, until a ring has something.
    ///
    /// # Safety
    ///
    /// As for [`Ring::poll`], and nothing more is known to be in the ring where the consumer is.
    unsafe fn go_round(&self, consumer: &mut Consumer, max: usize) -> Polled {
        let rings = 1 + self.lanes.len();
        let mut closed = 0;
        for _ in 0..rings {
            consumer.lane = (consumer.lane + 1) % rings;
            // I2.
            consumer.move_to(self.positions_of(consumer.lane).head, 0);
            // SAFETY: the caller's promise; all was released (I2).
            let polled = unsafe {
                match self.lane(consumer.lane) {
                    None => self.shared.poll(consumer, max),
                    Some(lane) => lane.poll(consumer, max),
                }
            };
            match polled {
                Polled::Ready => return Polled::Ready,
                Polled::Closed => closed += 1,
                Polled::Empty => {}
            }
            if consumer.head != consumer.released {
                // Marks that were stepped over.
                // SAFETY: the caller's promise.
                unsafe { self.shared.release(consumer) };
            }
        }
        if closed == rings { Polled::Closed } else { Polled::Empty }
    }
}

// SAFETY: R1 to R3 are those of the ring that a producer or a consumer is in. By I1 a lane has one sender, and O1 and O2 order one
// after the other; by I2 the receiver is in one ring at a time, and has released what it took of the others.
unsafe impl<T> Ring<T> for LanesRing<T> {
    const SKIP_MARKS: bool = true;
    const LANES: bool = true;

    fn new(capacity: usize, start: u64) -> Result<Self, BuildError> {
        Self::with_lanes(capacity, 0, start)
    }

    fn with_lanes(capacity: usize, lanes: usize, start: u64) -> Result<Self, BuildError> {
        let shared = MpscRing::new(capacity, start)?;
        let lanes = (0..lanes).map(|_| SpscRing::new(capacity, start)).collect::<Result<_, _>>()?;
        Ok(Self { shared, lanes, taken: CachePadded::new(AtomicU64::new(0)), start })
    }

    #[inline(always)]
    fn storage(&self) -> &Storage<T> {
        self.shared.storage()
    }

    #[inline(always)]
    fn storage_of(&self, lane: usize) -> &Storage<T> {
        self.lane(lane).map_or(self.shared.storage(), Ring::storage)
    }

    fn capacity(&self) -> usize {
        self.storage().capacity() * (1 + self.lanes.len())
    }

    fn bytes(&self) -> usize {
        self.shared.bytes() + self.lanes.iter().map(Ring::bytes).sum::<usize>()
    }

    fn join(&self, origin: &Producer) -> Producer {
        // Relaxed: the exchange decides.
        let mut taken = self.taken.load(Ordering::Relaxed);
        while let Some(lane) = self.free_lane(taken) {
            // Acquire: O2, pairs with O1.
            match self.taken.compare_exchange_weak(taken, taken | 1 << lane, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => {
                    return Producer::newcomer(self.lanes[lane].positions().tail, self.storage().capacity(), lane + 1);
                }
                Err(seen) => taken = seen,
            }
        }
        match origin.lane {
            SHARED => origin.clone(),
            _ => Producer::newcomer(self.shared.positions().tail, self.storage().capacity(), SHARED),
        }
    }

    fn part(&self, lane: usize) {
        if lane != SHARED {
            // Release: O1, pairs with O2.
            self.taken.fetch_and(!(1 << (lane - 1)), Ordering::Release);
        }
    }

    #[inline(always)]
    fn has_lanes(&self) -> bool {
        !self.lanes.is_empty()
    }

    #[inline(always)]
    fn claim(&self, producer: &mut Producer, min: usize, max: usize) -> Result<Run, Refused> {
        match self.lane(producer.lane) {
            None => self.shared.claim(producer, min, max),
            Some(_) if self.shared.is_closed() && guard("the seal closes lanes") => Err(Refused::Closed), // I3
            Some(lane) => lane.claim(producer, min, max),
        }
    }

    #[inline(always)]
    unsafe fn publish(&self, producer: &mut Producer, run: Run, written: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            match self.lane(producer.lane) {
                None => self.shared.publish(producer, run, written),
                Some(lane) => lane.publish(producer, run, written),
            }
        }
    }

    #[inline(always)]
    fn send_one(
        &self,
        producer: &mut Producer,
        message: T,
        claimed: impl FnOnce(&Producer, Run),
    ) -> Result<(), (Refused, T)> {
        // Says where it is once, instead of three times.
        match self.lane(producer.lane) {
            None => self.shared.send_one(producer, message, claimed),
            Some(_) if self.shared.is_closed() && guard("the seal closes lanes") => Err((Refused::Closed, message)), // I3
            Some(lane) => lane.send_one(producer, message, claimed),
        }
    }

    #[inline(always)]
    unsafe fn poll(&self, consumer: &mut Consumer, max: usize) -> Polled {
        // SAFETY: the caller's promise, and I2 where there are lanes.
        unsafe {
            match self.has_lanes() {
                false => self.shared.poll(consumer, max),
                // Less than was asked for, perhaps; but who sends much must not keep the receiver from the others.
                true if consumer.available() > 0 => Polled::Ready,
                true => self.go_round(consumer, max),
            }
        }
    }

    unsafe fn look_again(&self, consumer: &mut Consumer) {
        // SAFETY: the caller's promise.
        unsafe {
            match self.lane(consumer.lane) {
                None => self.shared.look_again(consumer),
                Some(lane) => lane.look_again(consumer),
            }
        }
    }

    #[inline(always)]
    unsafe fn release(&self, consumer: &mut Consumer) {
        // SAFETY: the caller's promise.
        unsafe {
            match self.lane(consumer.lane) {
                None => self.shared.release(consumer),
                Some(lane) => lane.release(consumer),
            }
        }
    }

    #[inline(always)]
    unsafe fn take_one(&self, consumer: &mut Consumer) -> T {
        // SAFETY: the caller's promise.
        unsafe {
            match self.lane(consumer.lane) {
                None => self.shared.take_one(consumer),
                Some(lane) => lane.take_one(consumer),
            }
        }
    }

    fn close(&self) -> bool {
        // I3: the seal first.
        let first = self.shared.close();
        if guard("lanes are closed too") {
            self.lanes.iter().for_each(|lane| _ = lane.close());
        }
        first
    }

    fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    fn positions(&self) -> Positions {
        let mut sum = Positions { head: self.start, tail: self.start, len: 0, done_beyond: 0 };
        for of_one in self.positions_of_all() {
            sum.head = sum.head.wrapping_add(ahead(of_one.head, self.start) as u64);
            sum.tail = sum.tail.wrapping_add(ahead(of_one.tail, self.start) as u64);
            sum.len += of_one.len;
        }
        sum
    }

    fn positions_of(&self, lane: usize) -> Positions {
        self.lane(lane).map_or_else(|| self.shared.positions(), Ring::positions)
    }
}
