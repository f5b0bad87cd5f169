//! One sampled message at a time: when it was sent, so that its worker can tell how long it waited.
//!
//! The worker arms the probe now and then; the next sender to publish marks its message. All others pay one load of
//! a line that hardly ever changes. A sample is a statistic: a lost one, of a sender that stopped half-way, only ends
//! the sampling of this channel.

use crate::measure::clock;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

const IDLE: u64 = 0;
const ARMED: u64 = 1;
const BUSY: u64 = 2;
const MARKED: u64 = 3;

/// Not loom's atomics: models do not sample.
pub(crate) struct Probe {
    state: AtomicU64,
    lane: AtomicUsize,
    position: AtomicU64,
    at: AtomicU64,
}

impl Probe {
    pub(crate) const fn new() -> Self {
        Self {
            state: AtomicU64::new(IDLE),
            lane: AtomicUsize::new(0),
            position: AtomicU64::new(0),
            at: AtomicU64::new(0),
        }
    }

    #[inline(always)]
    pub(crate) fn is_armed(&self) -> bool {
        self.state.load(Ordering::Relaxed) == ARMED
    }

    /// Asks the next sender for a sample, unless one is under way.
    pub(crate) fn arm(&self) {
        let _ = self.state.compare_exchange(IDLE, ARMED, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Notes that the message at `position` of `lane` is sent now. Called before it is published.
    #[cold]
    pub(crate) fn mark(&self, lane: usize, position: u64) {
        if self.state.compare_exchange(ARMED, BUSY, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.lane.store(lane, Ordering::Relaxed);
            self.position.store(position, Ordering::Relaxed);
            self.at.store(clock::now(), Ordering::Relaxed);
            // Release: pairs with the Acquire in `take`: position and time are complete.
            self.state.store(MARKED, Ordering::Release);
        }
    }

    /// Whether a marked message is on its way.
    #[inline(always)]
    pub(crate) fn is_marked(&self) -> bool {
        self.state.load(Ordering::Relaxed) == MARKED
    }

    /// When the marked message was sent, if the receiver's head, in `lane`, is past it.
    pub(crate) fn take(&self, lane: usize, head: u64) -> Option<u64> {
        // Acquire: pairs with the Release in `mark`.
        if self.state.load(Ordering::Acquire) != MARKED || self.lane.load(Ordering::Relaxed) != lane {
            return None;
        }
        // In the shifted form that all rings compare positions in: the top bit does not count.
        let behind = (head.wrapping_sub(self.position.load(Ordering::Relaxed)) << 1) as i64 >> 1;
        if behind <= 0 {
            return None;
        }
        let at = self.at.load(Ordering::Relaxed);
        self.state.store(IDLE, Ordering::Relaxed);
        Some(at)
    }
}
