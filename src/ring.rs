//! Rings: storage and positions only. No reference counts, no waiting, no user code.
//!
//! A ring hands out *runs* of positions. A sender claims a run, writes its slots and publishes it; a receiver polls
//! for published positions, reads them and releases them. Positions are `u64`, only grow and may wrap; the slot of a
//! position is its remainder by the capacity, a power of two.
//!
//! The contract between a ring and the layer above it ([`crate::channel`]), which every `SAFETY` comment cites:
//!
//! * **R1** After [`claim`](Ring::claim) the slots of the run belong to the claimer alone, until it calls
//!   [`publish`](Ring::publish).
//! * **R2** After [`poll`](Ring::poll) the slots `head..ready` of the cursor hold published values that belong to
//!   that receiver alone, until it calls [`release`](Ring::release) or [`leave`](Ring::leave). Those below `head` have
//!   been moved out or dropped; those from `head` on have not.
//! * **R3** A slot is written only while its claimer owns it, and read only while its receiver does.

mod broadcast;
mod end;
mod gates;
mod lanes;
mod lossy;
mod mpmc;
mod mpsc;
mod prefetch;
mod runs;
mod spsc;
mod storage;
mod tail;

pub(crate) use broadcast::BroadcastRing;
pub(crate) use gates::{Gate, LANES};
pub(crate) use lanes::{LanesRing, MOST_LANES};
pub(crate) use lossy::{LossyRing, Read};
pub(crate) use mpmc::MpmcRing;
pub(crate) use mpsc::MpscRing;
pub(crate) use prefetch::{For, Window};
pub(crate) use spsc::SpscRing;
pub(crate) use storage::{Pieces, Storage, slots_for};
pub(crate) use tail::ahead;

use crate::error::BuildError;

/// The private position of a sender.
#[derive(Debug, Clone)]
pub(crate) struct Producer {
    /// Where the next claim starts, in rings with one sender.
    pub(crate) tail: u64,
    /// How far the receiver had come when this sender looked last, or, where receivers compete, how far this sender has seen
    /// that slots are free: never ahead of the truth.
    pub(crate) head: u64,
    /// Where senders have rings of their own: which of them is this sender's, from 1 on.
    pub(crate) lane: usize,
    /// In a stream: it has found the ring full, and holds back before it looks again.
    pub(crate) held_back: bool,
}

impl Producer {
    /// Goes on at `tail`, and knows of no room.
    fn newcomer(tail: u64, capacity: usize, lane: usize) -> Self {
        Self { tail, head: tail.wrapping_sub(capacity as u64), lane, held_back: false }
    }

    /// Claims between `min` and `max` positions, in rings with one sender; `look` finds how far the receivers have come.
    #[inline(always)]
    fn claim(
        &mut self,
        (min, max): (usize, usize),
        capacity: usize,
        look: impl FnOnce() -> u64,
    ) -> Result<Run, Refused> {
        // A head may be older than one that was found room against before: then nothing is free.
        let free = |this: &Self| (capacity as i64 - this.tail.wrapping_sub(this.head) as i64).max(0) as usize;
        if free(self) < max {
            self.head = look();
        }
        match free(self) {
            free if free < min => Err(Refused::Full { free }),
            free => Ok(Run { start: self.tail, len: free.min(max) }),
        }
    }
}

/// The private position of a receiver.
#[derive(Debug)]
pub(crate) struct Consumer {
    /// The next value to take.
    pub(crate) head: u64,
    /// The end of what is known to be published, or, where receivers compete, of what this one has claimed.
    pub(crate) ready: u64,
    /// What was given back of that; at `head` but for a batch that is open or was forgotten.
    pub(crate) released: u64,
    /// Positions below `head` that held nothing for this receiver, in wrapping arithmetic.
    passed: u64,
    /// Positions of skip marks that were stepped over and not yet counted.
    pub(crate) stepped_over: u64,
    /// The most messages that were ever seen waiting.
    pub(crate) high_water: u64,
    /// How far values were seen to be published beyond that, where receivers compete.
    seen: u64,
    /// Something was claimed of which others may have been told; or there may be more behind it, for others.
    pub(crate) more_for_others: bool,
    /// Looks in vain since the last message; counted for streams only.
    pub(crate) lulls: u8,
    /// Closed was answered: whatever still arrives is not for this receiver.
    pub(crate) ended: bool,
    /// Where receivers all read everything: which of them this is.
    pub(crate) gate: Gate,
    /// Where senders have rings of their own: which of them this receiver is at.
    pub(crate) lane: usize,
}

impl Consumer {
    pub(crate) fn new(start: u64) -> Self {
        Self {
            head: start,
            ready: start,
            released: start,
            passed: 0,
            stepped_over: 0,
            high_water: 0,
            seen: start,
            more_for_others: false,
            lulls: 0,
            ended: false,
            gate: Gate::NONE,
            lane: 0,
        }
    }

    /// How many values are known to be published and not yet taken.
    #[inline(always)]
    pub(crate) fn available(&self) -> usize {
        self.ready.wrapping_sub(self.head) as usize
    }

    /// How many values this receiver has taken, in wrapping arithmetic.
    pub(crate) fn taken(&self) -> u64 {
        self.head.wrapping_sub(self.passed)
    }

    /// Goes on at `start`, where `len` values are this receiver's.
    #[inline(always)]
    fn move_to(&mut self, start: u64, len: u64) {
        self.passed = self.passed.wrapping_add(start.wrapping_sub(self.head));
        (self.head, self.released, self.ready) = (start, start, start.wrapping_add(len));
    }

    /// Goes on past a skip mark at the head.
    fn step_over(&mut self, len: u64) {
        self.head = self.head.wrapping_add(len);
        self.passed = self.passed.wrapping_add(len);
        self.stepped_over += len;
    }

    #[inline(always)]
    fn saw_waiting(&mut self, messages: u64) {
        self.high_water = self.high_water.max(messages);
    }
}

/// Consecutive positions that belong to one sender.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    pub(crate) start: u64,
    pub(crate) len: usize,
}

/// Why a claim failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Full { free: usize },
    Closed,
}

/// What a poll found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Polled {
    /// At least one value is available.
    Ready,
    /// Nothing can be taken now.
    Empty,
    /// Nothing can be taken, and nothing ever will be.
    Closed,
}

/// What every kind of ring can do.
///
/// # Safety
///
/// Implementations keep R1 to R3: a claimed run overlaps no other claim and no value that was not released, and what
/// `poll` makes available was published, with its writes visible to the caller.
pub(crate) unsafe trait Ring<T>: Sized {
    /// Whether positions that are given up stay in the ring as marks, or are claimed again.
    const SKIP_MARKS: bool;

    /// Whether each message is for every receiver, so that all of them are woken for it.
    const EVERYBODY_READS: bool = false;

    /// Whether slots are released in any order, so that a release may make more room than its own size.
    const RELEASED_IN_ANY_ORDER: bool = false;

    /// Whether senders may be given rings of their own.
    const LANES: bool = false;

    /// A ring of `capacity` slots, a power of two, whose positions begin at `start`.
    fn new(capacity: usize, start: u64) -> Result<Self, BuildError>;

    /// The same with `lanes` rings more of that size, each for one sender at a time.
    fn with_lanes(capacity: usize, _lanes: usize, start: u64) -> Result<Self, BuildError> {
        Self::new(capacity, start)
    }

    fn storage(&self) -> &Storage<T>;

    /// Where a sender or receiver that is in `lane` finds its slots.
    #[inline(always)]
    fn storage_of(&self, _lane: usize) -> &Storage<T> {
        self.storage()
    }

    /// How many messages fit.
    fn capacity(&self) -> usize {
        self.storage().capacity()
    }

    /// Another sender, made from `origin`, of which it learns no more than that one knows.
    fn join(&self, origin: &Producer) -> Producer {
        origin.clone()
    }

    /// A sender that was in `lane` has gone.
    fn part(&self, _lane: usize) {}

    /// Whether senders have rings of their own, so that room made in one is of no use to most of them.
    #[inline(always)]
    fn has_lanes(&self) -> bool {
        false
    }

    /// What the slots and their bookkeeping occupy.
    fn bytes(&self) -> usize;

    /// Claims between `min` and `max` positions, as many as are free. `1 <= min <= max <= capacity`.
    fn claim(&self, producer: &mut Producer, min: usize, max: usize) -> Result<Run, Refused>;

    /// Publishes the first `written` positions of `run` at once and gives the others up.
    ///
    /// # Safety
    ///
    /// `run` is the sender's last claim, not yet published, and its first `written` slots hold values.
    unsafe fn publish(&self, producer: &mut Producer, run: Run, written: usize);

    /// All three for one message: claims a slot, writes it and publishes it. `claimed` is called in between.
    #[inline(always)]
    fn send_one(
        &self,
        producer: &mut Producer,
        message: T,
        claimed: impl FnOnce(&Producer, Run),
    ) -> Result<(), (Refused, T)> {
        match self.claim(producer, 1, 1) {
            Ok(run) => {
                claimed(producer, run);
                // SAFETY: R1: the slot is ours, and is written before it is published.
                unsafe {
                    self.storage().write(run.start, message);
                    self.publish(producer, run, 1);
                }
                Ok(())
            }
            Err(refused) => Err((refused, message)),
        }
    }

    /// Looks for published values until `max` are available, and says whether any is.
    ///
    /// # Safety
    ///
    /// `consumer` is one of this ring's consumers (the only one, unless receivers compete), has moved out or dropped what lies
    /// below its head, and has released it.
    unsafe fn poll(&self, consumer: &mut Consumer, max: usize) -> Polled;

    /// Claims one value that this receiver has seen before, where receivers compete. It holds none, and has released what it took.
    #[inline(always)]
    fn claim_seen(&self, _consumer: &mut Consumer) -> bool {
        false
    }

    /// Looks for more than is known, however much that is.
    ///
    /// # Safety
    ///
    /// As for [`poll`](Ring::poll).
    unsafe fn look_again(&self, consumer: &mut Consumer) {
        // SAFETY: the caller's promise.
        unsafe { self.poll(consumer, usize::MAX) };
    }

    /// Gives the slots below the consumer's head back to the senders.
    ///
    /// # Safety
    ///
    /// As for [`poll`](Ring::poll), of which this is the last part.
    unsafe fn release(&self, consumer: &mut Consumer);

    /// Takes the first available message and gives its slot back.
    ///
    /// # Safety
    ///
    /// As for [`poll`](Ring::poll), and one is available.
    #[inline(always)]
    unsafe fn take_one(&self, consumer: &mut Consumer) -> T {
        let position = consumer.head;
        consumer.head = position.wrapping_add(1);
        // SAFETY: R2: the position held a value, and the head has moved past it.
        unsafe {
            let message = self.storage().read(position);
            self.release(consumer);
            message
        }
    }

    /// Lets other receivers have what this one has claimed and not taken, and keeps nobody back any more. Its last call.
    ///
    /// # Safety
    ///
    /// As for [`poll`](Ring::poll).
    unsafe fn leave(&self, _consumer: &mut Consumer) {}

    /// Lets no claim succeed from now on; true for the call that did it.
    fn close(&self) -> bool;

    /// What the closer did before is visible after true was answered.
    fn is_closed(&self) -> bool;

    /// Whether receivers may be waiting for what other receivers release: because they follow them, or because only then they
    /// know that all is over.
    #[inline(always)]
    fn receivers_await_release(&self) -> bool {
        false
    }

    /// The receiver has been told that all is over, and reads no more: nobody has to wait for it.
    fn retire(&self, _consumer: &Consumer) {}

    /// Number and distance of the receiver that is farthest behind, where the slowest gates.
    fn slowest(&self) -> Option<(usize, u64)> {
        None
    }

    /// Drops the values that receivers have only looked at.
    fn drop_values(&mut self) {}

    /// Whether another receiver may find something now: looked at only if one sleeps.
    fn has_more(&self) -> bool {
        true
    }

    /// How many positions no receiver has claimed yet: a hint, and cheap.
    fn unclaimed(&self) -> usize {
        self.positions().len
    }

    /// The positions that were claimed last and released last. Each is true at some moment during the call.
    fn positions(&self) -> Positions;

    /// The same of one lane.
    fn positions_of(&self, _lane: usize) -> Positions {
        self.positions()
    }
}

/// A view of a ring from outside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Positions {
    pub(crate) head: u64,
    pub(crate) tail: u64,
    /// `tail - head`, between 0 and the capacity.
    pub(crate) len: usize,
    /// Positions beyond `head` that were released out of order.
    pub(crate) done_beyond: u64,
}

impl Positions {
    /// `tail` was read after `head`: it is not behind it, only possibly too far ahead.
    fn between(head: u64, tail: u64, capacity: usize) -> Self {
        Self { head, tail, len: ahead(tail, head).clamp(0, capacity as i64) as usize, done_beyond: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However often a sender sends, it asks how far the receivers have come only when the room it knows of is used up.
    #[test]
    fn x12_the_sender_looks_once_a_lap() {
        let (mut producer, mut looks) = (Producer { tail: 0, head: 0, lane: 0, held_back: false }, 0);
        for lap in 0..10 {
            for _ in 0..64 {
                let look = || {
                    looks += 1;
                    lap * 64
                };
                producer.tail = producer.claim((1, 1), 64, look).expect("there is room").start + 1;
            }
        }
        assert_eq!(looks, 9, "none on the first lap");
    }
}
