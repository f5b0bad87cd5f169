//! What a handler or duty sees of its worker.

use super::handle::Board;
use super::timers::{TimerError, TimerId, Timers};
use crate::sync::{Arc, Ordering};
use crate::wait::Event;
use core::fmt;
use core::time::Duration;
use std::time::Instant;

/// The number of a worker: from 0 on a bus, otherwise as given to [`WorkerBuilder::id`](super::WorkerBuilder::id).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(pub(crate) u32);

impl WorkerId {
    /// The worker numbered `index`.
    pub const fn new(index: u32) -> Self {
        Self(index)
    }

    /// Its number.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker {}", self.0)
    }
}

/// The worker, as its handlers and duties see it: who and where it is, the time, timers, and the way to stop it.
///
/// Nothing here allocates or waits.
pub struct Cycle {
    pub(super) worker: WorkerId,
    pub(super) core: Option<usize>,
    pub(super) now: Instant,
    pub(super) batch: usize,
    pub(super) timers: Timers,
    /// Whose callback is running: the owner of timers that are set now.
    pub(super) duty: u32,
    pub(super) event: Event,
    pub(super) board: Arc<Board>,
}

impl Cycle {
    /// Which worker this is.
    pub fn worker(&self) -> WorkerId {
        self.worker
    }

    /// The core it is pinned to, if it is.
    pub fn core(&self) -> Option<usize> {
        self.core
    }

    /// When this cycle began: coarse, and free.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The most messages of a batch: 1 to [`MAX_BATCH`](crate::MAX_BATCH).
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// What the worker sleeps on. Whoever makes work for a [`Duty`](super::Duty) notifies it afterwards.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// Calls `on_timer` of the handler or duty that is running, once, `delay` from now, rounded up to whole
    /// milliseconds of the worker's clock. Constant time.
    ///
    /// # Errors
    ///
    /// When as many timers are set as [`WorkerBuilder::timers`](super::WorkerBuilder::timers) allows.
    pub fn after(&mut self, delay: Duration) -> Result<TimerId, TimerError> {
        self.timers.after(self.duty, Instant::now(), delay)
    }

    /// Calls `on_timer` every `period`, first one period from now, until it is cancelled. A late timer fires once and
    /// then keeps to its old rhythm.
    ///
    /// # Errors
    ///
    /// As for [`after`](Cycle::after), and for periods under a millisecond.
    pub fn every(&mut self, period: Duration) -> Result<TimerId, TimerError> {
        self.timers.every(self.duty, Instant::now(), period)
    }

    /// Cancels a timer; false if it has fired for the last time or was cancelled before.
    pub fn cancel(&mut self, timer: TimerId) -> bool {
        self.timers.cancel(timer)
    }

    /// Ends the worker after this cycle. What is left in its inboxes is dropped, and counted so; in a
    /// [pool](super::Worker::pool) the other workers take it over.
    pub fn stop(&mut self) {
        self.board.stop.store(true, Ordering::Relaxed);
    }

    /// Whether the worker is to end after this cycle.
    pub fn is_stopping(&self) -> bool {
        self.board.stop.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cycle").field("worker", &self.worker).field("core", &self.core).finish_non_exhaustive()
    }
}
