//! Many senders, any number of readers, and nobody waits for anybody: a ring that overwrites its oldest message.
//!
//! A sender claims a position by one addition to the tail, takes the slot of that position from the message of an earlier
//! lap, writes, and is done. Readers leave no trace: each reads the slot of its own position and looks at the slot's
//! sequence before and after. Messages are copied word by word, by atomics, so that a read that races a write is a read of
//! nonsense that is then thrown away, and nothing worse.
//!
//! A sender that is stopped with a slot in its hands holds up no other: who finds the slot of his position so gives his
//! message up, and marks the position. One that is stopped between its claim and its slot is overtaken a lap later.
//!
//! # Words
//!
//! `tail = position << 1 | sealed`. Of each slot: `sequence` is `position << 1 | 1` while that position is being written and
//! `(position + 1) << 1` when it is done; `given_up` is `(position + 1) << 1` of the last position given up there; then
//! come the words of the message, the last one padded. `end = position << 1 | 1` once the ring is closed, and 0 before.
//! Positions are compared in this shifted form, in wrapping arithmetic: they have 63 bits.
//!
//! # Invariants
//!
//! * **L1** Each position is claimed once: the tail moves only by additions. A position claimed before the seal lies below
//!   `end`; one whose claim met the seal is never written.
//! * **L2** A slot's sequence only grows. It turns odd by a compare-and-swap from an even, smaller one, and even again by
//!   the sender that turned it odd, who alone writes the words in between.
//! * **L3** A position below `end` ends in one of three ways: its slot's sequence says that it is done; the sequence has
//!   moved past it; or `given_up` names it or a later one. So a reader of it is never stranded.
//! * **L4** `given_up` only grows, and names claimed positions only.
//!
//! # Orderings
//!
//! | site | pairs with | without it |
//! |---|---|---|
//! | O1 `finish`: Release store of an even sequence | O2, O3 | a reader takes words that are not written yet for the message |
//! | O2 `read`: Acquire load of the sequence | O1 | the same |
//! | O3 `take`: Acquire on the step to an odd sequence | O1 | words of the message before could land on top of the new ones |
//! | O4 `take`: Release fence between the odd sequence and the words | O5 | a reader sees new words and still the old sequence: a torn message |
//! | O5 `read`: Acquire fence between the words and the second look | O4 | the same |
//! | O6 `close`: AcqRel on the tail | O7 | what the closer did is not visible to who learns of it |
//! | O7 `is_closed`, `claim`: Acquire on the tail | O6 | the same |
//! | O8 `close`: Release store of `end` | O9 | the same, for who learns of it by reading |
//! | O9 `has_ended`, `frontier`: Acquire load of `end` | O8 | the same |
//!
//! Everything else is Relaxed. The tail hands nothing over: it says how far senders have come, and a reader that sees an old
//! value of it goes on at an older message. So does `given_up`: it says that there is nothing.

use super::Storage;
use super::storage::{allocate, probe};
use super::tail::ahead;
use crate::error::BuildError;
use crate::sync::{AtomicU64, Counter, Ordering, fence, guard};
use bytemuck::Pod;
use core::marker::PhantomData;
use crossbeam_utils::CachePadded;

#[cfg(test)]
mod tests;

const SEALED: u64 = 1;
const WRITING: u64 = 1;
/// The bits of a position.
const POSITIONS: u64 = u64::MAX >> 1;

/// The word of a position: what tail and sequences are made of.
#[inline(always)]
fn word(position: u64) -> u64 {
    position << 1
}

/// The sequence of a slot that holds the message of `position`.
#[inline(always)]
fn done(position: u64) -> u64 {
    word(position.wrapping_add(1))
}

/// What a reader found at a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read<T> {
    Message(T),
    /// Not sent, or not finished.
    NotYet,
    /// There will be none: this many positions, counted from this one, are past.
    Lost(u64),
}

pub(crate) struct LossyRing<T> {
    tail: CachePadded<AtomicU64>,
    /// Beside the tail, so as to leave the senders' line alone: readers look here whenever they find nothing.
    end: CachePadded<AtomicU64>,
    slots: Box<[AtomicU64]>,
    capacity: usize,
    start: u64,
    dropped: CachePadded<Counter>,
    /// A ring of messages, as far as crossing threads goes.
    messages: PhantomData<Storage<T>>,
}

struct Slot<'a> {
    sequence: &'a AtomicU64,
    given_up: &'a AtomicU64,
    message: &'a [AtomicU64],
}

impl<T> LossyRing<T> {
    /// Words of a slot: two for bookkeeping, then the message.
    const STRIDE: usize = 2 + size_of::<T>().div_ceil(size_of::<u64>());

    /// A ring of `capacity` slots, a power of two, whose positions begin at `start`.
    pub(crate) fn new(capacity: usize, start: u64) -> Result<Self, BuildError> {
        debug_assert!(capacity.is_power_of_two());
        let words = capacity.saturating_mul(Self::STRIDE);
        probe(words.saturating_mul(size_of::<AtomicU64>()))?;
        // L2, L4: every slot is done with a position of the lap that never was.
        let before = start.wrapping_sub(capacity as u64);
        let mut indices = 0..words;
        let slots = allocate(words, || {
            let index = indices.next().unwrap_or(0);
            let in_lap = ((index / Self::STRIDE) as u64).wrapping_sub(before) & (capacity as u64 - 1);
            AtomicU64::new(if index % Self::STRIDE < 2 { done(before.wrapping_add(in_lap)) } else { 0 })
        })?;
        Ok(Self {
            tail: CachePadded::new(AtomicU64::new(word(start))),
            end: CachePadded::new(AtomicU64::new(0)),
            slots,
            capacity,
            start,
            dropped: CachePadded::new(Counter::new()),
            messages: PhantomData,
        })
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// What the slots and their bookkeeping occupy.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.slots)
    }

    /// Positions that were claimed and given up.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.get()
    }

    /// Positions that were claimed.
    pub(crate) fn sent(&self) -> u64 {
        ahead(self.frontier(), self.start) as u64
    }

    /// A position as it is shown: in 63 bits.
    pub(crate) fn shown(position: u64) -> u64 {
        position & POSITIONS
    }

    #[inline(always)]
    fn slot(&self, position: u64) -> Slot<'_> {
        let first = (position as usize & (self.capacity - 1)) * Self::STRIDE;
        match &self.slots[first..first + Self::STRIDE] {
            [sequence, given_up, message @ ..] => Slot { sequence, given_up, message },
            _ => unreachable!("a slot begins with its bookkeeping"),
        }
    }

    /// Claims `n` consecutive positions and gives the first; none once the ring is closed. Wait-free. Every claimed
    /// position has to be written soon: readers stop there.
    #[inline]
    pub(crate) fn claim(&self, n: usize) -> Option<u64> {
        // Acquire: O7, pairs with O6. A claim that met the seal moves the tail in vain: by L1 nobody counts on it.
        let tail = self.tail.fetch_add(word(n as u64), Ordering::Acquire);
        (tail & SEALED == 0).then_some(tail >> 1)
    }

    /// What both words of a slot's bookkeeping hold when the lap before ended as this one is about to.
    ///
    /// They are swapped on this guess rather than looked at first: that saves a sender one of two trips for the line. And loom,
    /// which remembers only the last access to a word, would take the look for the only one and miss the race of the swap
    /// with a reader.
    #[inline(always)]
    fn expected(&self, position: u64) -> u64 {
        done(position.wrapping_sub(self.capacity as u64))
    }

    /// Makes the slot of a claimed position the caller's; false if the message has to be given up.
    ///
    /// The swap is repeated only when another sender was faster in this slot, at most once for each that is.
    #[inline]
    fn take(&self, slot: &Slot<'_>, position: u64) -> bool {
        let writing = word(position) | WRITING;
        let mut seen = self.expected(position);
        // L2. Acquire: O3, pairs with O1.
        while let Err(now) = slot.sequence.compare_exchange(seen, writing, Ordering::Acquire, Ordering::Relaxed) {
            if now.wrapping_sub(word(position)) as i64 > 0 && guard("who was overtaken gives up") {
                // Overtaken by a lap: L3, the sequence is past this position.
                return false;
            }
            if now & WRITING != 0 && guard("a slot in work is left alone") {
                if guard("a position given up is marked") {
                    self.give_up(slot, position);
                }
                return false;
            }
            seen = now;
        }
        fence(Ordering::Release); // O4, pairs with O5
        true
    }

    /// Marks the position as given up, unless a later one is.
    #[cold]
    fn give_up(&self, slot: &Slot<'_>, position: u64) {
        let mark = done(position);
        let mut seen = self.expected(position);
        while let Err(now) = slot.given_up.compare_exchange(seen, mark, Ordering::Relaxed, Ordering::Relaxed) {
            if now.wrapping_sub(mark) as i64 >= 0 {
                return;
            }
            seen = now;
        }
    }

    /// Gives the claimed position up instead of writing it.
    #[cold]
    pub(crate) fn abandon(&self, position: u64) {
        self.give_up(&self.slot(position), position);
        self.dropped.add(1);
    }

    /// How many positions, counted from `position`, are past for a reader that may not have this one any more. `known` is
    /// the end of some claim.
    #[cold]
    fn lost(&self, position: u64, known: u64) -> u64 {
        let past = |end: u64| ahead(end, position) - self.capacity as i64;
        // The frontier may be an old one: what is known of this slot may be newer.
        let frontier = self.settled_frontier().map_or(1, past);
        // At least this one: it may have been given up within the lap.
        past(known).max(frontier).max(1) as u64
    }

    /// The end of what is claimed. Out of date as soon as it is read. While the ring is being closed it may lie too far
    /// ahead.
    pub(crate) fn frontier(&self) -> u64 {
        // Relaxed: see the head of this file.
        self.settled_frontier().unwrap_or_else(|| self.tail.load(Ordering::Relaxed) >> 1)
    }

    /// The end of what is claimed; none while the ring is sealed and its end not yet told.
    #[inline]
    fn settled_frontier(&self) -> Option<u64> {
        let tail = self.tail.load(Ordering::Relaxed);
        if tail & SEALED == 0 || !guard("a sealed tail is no frontier") {
            return Some(tail >> 1);
        }
        // Acquire: O9, pairs with O8.
        let end = self.end.load(Ordering::Acquire);
        (end != 0).then_some(end >> 1)
    }

    /// The oldest position that may be there, and the number of those from it to the frontier.
    pub(crate) fn retained(&self) -> (u64, u64) {
        let frontier = self.frontier();
        let len = (ahead(frontier, self.start) as u64).min(self.capacity as u64);
        (frontier.wrapping_sub(len), len)
    }

    /// Lets no claim succeed from now on; true for the call that did it. What was claimed before can be read.
    pub(crate) fn close(&self) -> bool {
        // AcqRel: O6, pairs with O7.
        let tail = self.tail.fetch_or(SEALED, Ordering::AcqRel);
        if tail & SEALED != 0 {
            return false;
        }
        // Release: O8, pairs with O9. L1: this call alone knows where the seal met the tail.
        self.end.store(tail | SEALED, Ordering::Release);
        true
    }

    /// What the closer did before is visible after true was answered.
    pub(crate) fn is_closed(&self) -> bool {
        // Acquire: O7, pairs with O6.
        self.tail.load(Ordering::Acquire) & SEALED != 0
    }

    /// Whether nothing will ever be sent at `position`. What the closer did before is visible after true was answered.
    #[inline]
    pub(crate) fn has_ended(&self, position: u64) -> bool {
        // Acquire: O9, pairs with O8.
        let end = self.end.load(Ordering::Acquire);
        end != 0 && ahead(position, end >> 1) >= 0
    }
}

impl<T: Pod> LossyRing<T> {
    /// Writes the message of a claimed position, or gives it up: never waits.
    #[inline]
    pub(crate) fn write(&self, position: u64, message: &T) {
        let slot = self.slot(position);
        if self.take(&slot, position) {
            Self::finish(&slot, position, message);
        } else {
            self.dropped.add(1);
        }
    }

    /// Fills a slot that was taken, and lets go of it.
    #[inline]
    fn finish(slot: &Slot<'_>, position: u64, message: &T) {
        let (whole, rest) = bytemuck::bytes_of(message).as_chunks::<{ size_of::<u64>() }>();
        let mut words = slot.message.iter();
        for (bytes, word) in whole.iter().zip(&mut words) {
            word.store(u64::from_ne_bytes(*bytes), Ordering::Relaxed);
        }
        if let Some(word) = words.next() {
            let mut padded = [0; size_of::<u64>()];
            padded[..rest.len()].copy_from_slice(rest);
            word.store(u64::from_ne_bytes(padded), Ordering::Relaxed);
        }
        // Release: O1, pairs with O2 and O3.
        slot.sequence.store(done(position), Ordering::Release);
    }

    /// Looks for the message of `position`. Wait-free; leaves no trace.
    #[inline]
    pub(crate) fn read(&self, position: u64) -> Read<T> {
        let slot = self.slot(position);
        // Acquire: O2, pairs with O1.
        let mut seen = slot.sequence.load(Ordering::Acquire);
        if seen == done(position) {
            let message = Self::copy(&slot);
            fence(Ordering::Acquire); // O5, pairs with O4
            seen = slot.sequence.load(Ordering::Relaxed);
            if seen == done(position) || !guard("the sequence is looked at twice") {
                return Read::Message(message);
            }
        } else if (seen.wrapping_sub(done(position)) as i64) < 0 {
            seen = slot.given_up.load(Ordering::Relaxed);
            if (seen.wrapping_sub(done(position)) as i64) < 0 {
                return Read::NotYet;
            }
        }
        // L3: the word names a claimed position that is this one or a later one of this slot; odd, while it is written.
        Read::Lost(self.lost(position, seen.wrapping_add(WRITING) >> 1))
    }

    #[inline]
    fn copy(slot: &Slot<'_>) -> T {
        let mut message = T::zeroed();
        let (whole, rest) = bytemuck::bytes_of_mut(&mut message).as_chunks_mut::<{ size_of::<u64>() }>();
        let mut words = slot.message.iter();
        for (bytes, word) in whole.iter_mut().zip(&mut words) {
            *bytes = word.load(Ordering::Relaxed).to_ne_bytes();
        }
        if let Some(word) = words.next() {
            let len = rest.len();
            rest.copy_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes()[..len]);
        }
        message
    }
}
