//! A subscriber's ring, and how far the subscriber has come.
//!
//! # Words
//!
//! `passed` is the position that the subscriber reads next; `reserved` the number of positions that senders were allowed to use.
//! Positions begin at 0.
//!
//! # Invariants
//!
//! * **M1** In an inbox that refuses, a position is used only with a reservation of its own, and `reserved - passed` never exceeds
//!   the capacity. So no position is claimed before the one a lap earlier was passed: nothing is overwritten, and nothing given up.
//! * **M2** `passed` is written by the one subscriber, and only grows.
//!
//! # Orderings
//!
//! | site | pairs with | without it |
//! |---|---|---|
//! | M3 `pass`: Release store | M4 | a signal lands on one that is still being read, which the reader would count as lost; and who finds room does not see what the reader did before |
//! | M4 `reserve`: Acquire load of `passed` | M3 | the same |
//!
//! A reservation that was made earlier may use the position that a later one made room for. It learned of that position by the
//! ring's tail, which the later sender moved after M4.

use super::record::Record;
use crate::broadcast::lossy::{Receiver, SharedSender};
use crate::sync::{AtomicU64, Ordering};
use crate::{BuildError, Builder};
use bytemuck::Pod;
use crossbeam_utils::CachePadded;

pub(in crate::coord) struct Inbox<T = Record> {
    pub(in crate::coord) ring: SharedSender<T>,
    /// Whether it refuses what it has no room for, instead of overwriting the oldest.
    pub(super) refuses: bool,
    reserved: CachePadded<AtomicU64>,
    passed: CachePadded<AtomicU64>,
}

impl<T: Pod> Inbox<T> {
    pub(in crate::coord) fn new(builder: &Builder, refuses: bool) -> Result<(Self, Receiver<T>), BuildError> {
        let (sender, receiver) = builder.lossy()?;
        let [reserved, passed] = [(); 2].map(|()| CachePadded::new(AtomicU64::new(0)));
        Ok((Self { ring: sender.into_shared(), refuses, reserved, passed }, receiver))
    }

    /// Room for one more signal, if there is any; always, where the oldest is overwritten. Repeated only when another sender was
    /// faster.
    pub(in crate::coord) fn reserve(&self) -> bool {
        if !self.refuses {
            return true;
        }
        let mut reserved = self.reserved.load(Ordering::Relaxed);
        loop {
            // Acquire: M4, pairs with M3.
            let passed = self.passed.load(Ordering::Acquire);
            // An old `reserved` may lie behind a new `passed`; the exchange fails then.
            if reserved.saturating_sub(passed) >= self.ring.capacity() as u64 {
                return false;
            }
            match self.reserved.compare_exchange(reserved, reserved + 1, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => reserved = now,
            }
        }
    }

    /// Takes a reservation back that was not used.
    pub(super) fn release(&self) {
        if self.refuses {
            self.reserved.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The subscriber has come to this position.
    #[inline]
    pub(in crate::coord) fn pass(&self, position: u64) {
        // Release: M3, pairs with M4.
        self.passed.store(position, Ordering::Release);
    }

    /// Whether the subscriber has lost signals that it does not know of yet. Only a hint while it reads.
    #[inline]
    pub(super) fn lags(&self) -> bool {
        let behind = self.ring.stats().sent.saturating_sub(self.passed.load(Ordering::Relaxed));
        !self.refuses && behind > self.ring.capacity() as u64
    }
}
