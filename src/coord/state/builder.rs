//! How a store is set up.

use super::commit::Commits;
use super::figures::{Exported, Figures};
use super::pools::Pools;
use super::{BUILT, StateStore};
use crate::clock::{Clock, Monotonic};
use crate::ids::{Interner, KeyId};
use crate::metrics::telemetry::Telemetry;
use crate::metrics::{MetricError, Registry};
use core::fmt;

/// Sizes of a [`StateStore`], all fixed once it is built; each is at least 1.
pub struct StateBuilder {
    keys: usize,
    history: usize,
    sets: usize,
    blobs: usize,
    watchers: usize,
    watch_capacity: usize,
    clock: Box<dyn Clock>,
    figures: Figures,
}

macro_rules! sizes {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(mut self, $name: usize) -> Self {
            self.$name = $name.max(1);
            self
        }
    )+};
}

impl StateBuilder {
    pub(super) fn new() -> Self {
        Self {
            keys: 1_024,
            history: 1_000,
            sets: 256,
            blobs: 256,
            watchers: 64,
            watch_capacity: 1_024,
            clock: Box::new(Monotonic::new()),
            figures: Figures::default(),
        }
    }

    sizes! {
        /// How many keys there can be; at most 65 536, which more are cut down to.
        keys;
        /// How many changes are kept: one for each key of each version.
        history;
        /// How many sets there can be at a time, and how many texts in all.
        sets;
        /// How many documents there can be at a time.
        blobs;
        /// How many watchers there can be at a time.
        watchers;
        /// How many changes a watcher can be behind before it misses some.
        watch_capacity;
    }

    /// What the times of changes are read from.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// Measures in this registry: `state_get_ns`, `state_commit_ns` (a write, with the wait for its turn), `state_commit_batch` (versions that
    /// one thread made in one turn), `state_keys`, `state_bytes`. Without it nothing is measured: reading the clock costs more than
    /// reading a key.
    ///
    /// # Errors
    ///
    /// Those of the registry: it is full, or has these names for something else.
    pub fn registry(mut self, registry: &Registry) -> Result<Self, MetricError> {
        self.figures.exported = Some(Exported::new(registry)?);
        Ok(self)
    }

    /// Tells here what is committed; in the process's own by default.
    #[must_use]
    pub fn telemetry(mut self, telemetry: &Telemetry) -> Self {
        self.figures.telemetry = telemetry.clone();
        self
    }

    /// The store. Allocates all it will need but the names of keys, watchers' rings and documents.
    pub fn build(self) -> StateStore {
        let names = Interner::<KeyId>::new(self.keys);
        StateStore {
            number: BUILT.next(),
            commits: Commits::new(names.capacity(), self.history, self.watchers, self.figures),
            names,
            pools: Pools::new(self.sets, self.blobs),
            clock: self.clock,
            watchers: self.watchers,
            watch_capacity: self.watch_capacity,
        }
    }
}

impl fmt::Debug for StateBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateBuilder").field("keys", &self.keys).field("history", &self.history).finish_non_exhaustive()
    }
}
