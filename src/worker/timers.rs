//! A worker's timers: a hierarchical wheel. Setting and cancelling take constant time and allocate nothing.
//!
//! Time is cut into ticks of a millisecond. Level 0 has a slot for each of the next 64 ticks, level 1 for each of the next 64 runs
//! of 64 ticks, and so on through four levels: about 4.6 hours. A timer lies in the lowest level that reaches it; when the wheel
//! comes to a slot of a higher level, the slot's timers move down. What lies further ahead waits in a list of its own, which is looked
//! through each time the whole wheel has gone round.
//!
//! # Invariants
//!
//! * **T1** A node is in exactly one list: free, a slot's, or due. `occupied` has a slot's bit exactly when its list is not empty.
//! * **T2** A timer in a slot is due after `now`; a slot's timers are looked at no later than their tick.

use crate::error::BuildError;
use core::fmt;
use core::time::Duration;
use std::error::Error;
use std::time::Instant;

const TICK: Duration = Duration::from_millis(1);
const LEVELS: usize = 4;
const SLOTS: usize = 64;
const BITS: u32 = SLOTS.trailing_zeros();
/// Ticks in one round of the whole wheel.
const ROUND: u64 = 1 << (BITS * LEVELS as u32);

/// Lists are linked by node number; this ends them.
const NONE: u32 = u32::MAX;
/// Lists after the slots' own.
const LATER: usize = LEVELS * SLOTS;
const DUE: usize = LATER + 1;
const FREE: usize = DUE + 1;

/// A timer that was set. Refers to that one only: when the timer is gone the id is stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimerId {
    node: u32,
    generation: u32,
}

/// A timer could not be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimerError {
    /// As many are set as the worker has room for; see [`WorkerBuilder::timers`](super::WorkerBuilder::timers).
    Full {
        /// How many that is.
        capacity: usize,
    },
    /// The period is under a millisecond, the wheel's tick.
    PeriodTooShort,
}

impl fmt::Display for TimerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { capacity } => write!(f, "all {capacity} timers of the worker are set"),
            Self::PeriodTooShort => f.write_str("a period is at least a millisecond"),
        }
    }
}

impl Error for TimerError {}

#[derive(Clone, Copy, Debug)]
struct Node {
    /// The tick at which it is due.
    at: u64,
    /// When it is due, after the origin: what the rhythm of a period is kept by, so that fractions of a tick do not add up.
    due: Duration,
    /// Zero fires once.
    period: Duration,
    owner: u32,
    generation: u32,
    list: u32,
    previous: u32,
    next: u32,
}

#[derive(Clone, Copy, Debug)]
struct List {
    first: u32,
    last: u32,
}

#[derive(Debug)]
pub(crate) struct Timers {
    origin: Instant,
    /// The last tick that was reached.
    now: u64,
    nodes: Box<[Node]>,
    lists: Box<[List; FREE + 1]>,
    occupied: [u64; LEVELS],
    set: usize,
}

impl Timers {
    /// Room for `capacity` timers, the first tick at `origin`. Nothing allocates after this.
    pub(crate) fn with_capacity(capacity: usize, origin: Instant) -> Result<Self, BuildError> {
        let bytes = capacity.saturating_mul(size_of::<Node>());
        let out_of_memory = |_| BuildError::OutOfMemory { bytes };
        if capacity >= NONE as usize {
            return Err(BuildError::OutOfMemory { bytes });
        }
        let node = Node {
            at: 0,
            due: Duration::ZERO,
            period: Duration::ZERO,
            owner: 0,
            generation: 0,
            list: NONE,
            previous: NONE,
            next: NONE,
        };
        let mut nodes = Vec::new();
        nodes.try_reserve_exact(capacity).map_err(out_of_memory)?;
        nodes.resize(capacity, node);
        let empty = List { first: NONE, last: NONE };
        let mut timers = Self {
            origin,
            now: 0,
            nodes: nodes.into(),
            lists: Box::new([empty; FREE + 1]),
            occupied: [0; LEVELS],
            set: 0,
        };
        (0..capacity as u32).for_each(|node| timers.append(FREE, node));
        Ok(timers)
    }

    /// Fires once, `delay` from now, rounded up to a whole tick.
    pub(crate) fn after(&mut self, owner: u32, now: Instant, delay: Duration) -> Result<TimerId, TimerError> {
        let due = now.saturating_duration_since(self.origin).saturating_add(delay);
        self.set(owner, due, Duration::ZERO)
    }

    /// Fires every `period`, first one period from now.
    pub(crate) fn every(&mut self, owner: u32, now: Instant, period: Duration) -> Result<TimerId, TimerError> {
        if period < TICK {
            return Err(TimerError::PeriodTooShort);
        }
        let due = now.saturating_duration_since(self.origin).saturating_add(period);
        self.set(owner, due, period)
    }

    fn set(&mut self, owner: u32, due: Duration, period: Duration) -> Result<TimerId, TimerError> {
        let node = self.lists[FREE].first;
        if node == NONE {
            return Err(TimerError::Full { capacity: self.nodes.len() });
        }
        self.unlink(node);
        let timer = &mut self.nodes[node as usize];
        (timer.at, timer.due, timer.period, timer.owner) = (ticks_up(due), due, period, owner);
        let generation = timer.generation;
        self.set += 1;
        self.place(node);
        Ok(TimerId { node, generation })
    }

    /// False if the timer is gone: fired for the last time, or cancelled.
    pub(crate) fn cancel(&mut self, id: TimerId) -> bool {
        match self.nodes.get(id.node as usize) {
            Some(timer) if timer.generation == id.generation && timer.list != FREE as u32 => {
                self.retire(id.node);
                true
            }
            _ => false,
        }
    }

    /// Moves the wheel to `now`; what has come due is then given by [`pop_due`](Timers::pop_due).
    pub(crate) fn advance(&mut self, now: Instant) {
        let target = u64::try_from(now.saturating_duration_since(self.origin).as_millis()).unwrap_or(u64::MAX);
        while self.now < target {
            // Straight to the next occupied slot: long gaps cost nothing.
            match self.next_slot() {
                Some((tick, list)) if tick <= target => {
                    self.now = tick;
                    self.empty_slot(list);
                }
                _ => self.now = target,
            }
        }
    }

    /// The owner and id of a timer that is due. One that fires once is gone then; a periodic one is set again, for the next
    /// multiple of its period after now.
    pub(crate) fn pop_due(&mut self) -> Option<(u32, TimerId)> {
        let node = self.lists[DUE].first;
        let timer = self.nodes.get(node as usize).copied()?;
        let id = TimerId { node, generation: timer.generation };
        if timer.period.is_zero() {
            self.retire(node);
        } else {
            self.unlink(node);
            let due = following(timer.due, timer.period, Duration::from_millis(self.now));
            (self.nodes[node as usize].at, self.nodes[node as usize].due) = (ticks_up(due), due);
            self.place(node);
        }
        Some((timer.owner, id))
    }

    /// A moment no later than the first timer's; the wheel has something to do then.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let tick = if self.lists[DUE].first != NONE { Some(self.now) } else { self.next_slot().map(|(tick, _)| tick) };
        self.origin.checked_add(Duration::from_millis(tick?))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.set == 0
    }

    /// Puts a node where it belongs, seen from now (T2).
    fn place(&mut self, node: u32) {
        let at = self.nodes[node as usize].at;
        if at <= self.now {
            return self.append(DUE, node);
        }
        // The highest digit in which the two differ says how far ahead it lies.
        let level = ((self.now ^ at).ilog2() / BITS) as usize;
        if level >= LEVELS {
            return self.append(LATER, node);
        }
        let slot = (at >> (BITS * level as u32)) as usize % SLOTS;
        self.occupied[level] |= 1 << slot;
        self.append(level * SLOTS + slot, node);
    }

    /// The occupied slot that is reached first, and the tick at which it is.
    fn next_slot(&self) -> Option<(u64, usize)> {
        // A lower level's slots all come before those of the next, and what is later after all of them.
        let in_round = (0..LEVELS).find(|&level| self.occupied[level] != 0).map(|level| {
            let slot = self.occupied[level].trailing_zeros();
            let shift = BITS * level as u32;
            let above = self.now >> (shift + BITS) << (shift + BITS);
            (above + (u64::from(slot) << shift), level * SLOTS + slot as usize)
        });
        let later = || (self.lists[LATER].first != NONE).then(|| ((self.now | (ROUND - 1)) + 1, LATER));
        in_round.or_else(later)
    }

    /// Places a slot's timers anew, now that the wheel has come to it.
    fn empty_slot(&mut self, list: usize) {
        self.mark_empty(list);
        let mut node = std::mem::replace(&mut self.lists[list], List { first: NONE, last: NONE }).first;
        while node != NONE {
            let next = self.nodes[node as usize].next;
            self.place(node);
            node = next;
        }
    }

    fn retire(&mut self, node: u32) {
        self.unlink(node);
        let timer = &mut self.nodes[node as usize];
        timer.generation = timer.generation.wrapping_add(1);
        self.set -= 1;
        self.append(FREE, node);
    }

    fn append(&mut self, list: usize, node: u32) {
        let last = self.lists[list].last;
        let timer = &mut self.nodes[node as usize];
        (timer.list, timer.previous, timer.next) = (list as u32, last, NONE);
        match self.nodes.get_mut(last as usize) {
            Some(last) => last.next = node,
            None => self.lists[list].first = node,
        }
        self.lists[list].last = node;
    }

    fn unlink(&mut self, node: u32) {
        let Node { list, previous, next, .. } = self.nodes[node as usize];
        let list = list as usize;
        match self.nodes.get_mut(previous as usize) {
            Some(previous) => previous.next = next,
            None => self.lists[list].first = next,
        }
        match self.nodes.get_mut(next as usize) {
            Some(next) => next.previous = previous,
            None => self.lists[list].last = previous,
        }
        if self.lists[list].first == NONE {
            self.mark_empty(list);
        }
    }

    fn mark_empty(&mut self, list: usize) {
        if let Some(slots) = self.occupied.get_mut(list / SLOTS) {
            *slots &= !(1 << (list % SLOTS));
        }
    }
}

/// The first of `due + period`, `due + 2 period`, … whose tick lies after `now`.
fn following(due: Duration, period: Duration, now: Duration) -> Duration {
    let missed = now.saturating_sub(due).as_nanos() / period.as_nanos();
    let periods = u32::try_from(missed).unwrap_or(u32::MAX).saturating_add(1);
    due.saturating_add(period.saturating_mul(periods))
}

/// Whole ticks, rounded up: a timer is never early.
fn ticks_up(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(TICK.as_nanos())).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
