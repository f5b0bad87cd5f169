//! How a set is set up.

use super::figures::{Exported, Figures};
use super::registry::{Registry, Sizes};
use super::ticket::Slot;
use super::{DependencySet, Shared, signalled};
use crate::clock::{Clock, Monotonic};
use crate::coord::signals::SignalHub;
use crate::coord::turn::Turns;
use crate::ids::SignalKind;
use crate::metrics;
use crate::metrics::MetricError;
use crate::metrics::telemetry::Telemetry;
use core::fmt;
use std::sync::{Arc, OnceLock};

/// Sizes of a [`DependencySet`], all fixed once it is built; each is at least 1.
pub struct DependencySetBuilder {
    sizes: Sizes,
    probes: usize,
    completions: usize,
    hub: Option<SignalHub>,
    clock: Box<dyn Clock>,
    figures: Figures,
}

macro_rules! sizes {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(mut self, $name: usize) -> Self {
            self.sizes.$name = $name.clamp(1, u32::MAX as usize - 1);
            self
        }
    )+};
}

impl DependencySetBuilder {
    pub(super) fn new(hub: Option<SignalHub>) -> Self {
        let sizes = Sizes { tickets: 4_096, targets: 4_096, deps: 16_384, deps_per_ticket: 64, coordinations: 1_024 };
        Self {
            sizes,
            probes: 10,
            completions: 1_024,
            hub,
            clock: Box::new(Monotonic::new()),
            figures: Figures::default(),
        }
    }

    sizes! {
        /// How many tickets there can be at a time; 4 096.
        tickets;
        /// How many agents, resources and gates, over all coordinations; 4 096.
        targets;
        /// How many dependencies there can be at a time; 16 384.
        deps;
        /// How many dependencies a ticket can have; 64.
        deps_per_ticket;
        /// How many coordinations there can be at a time, and how many closed ones are remembered, 1 024 of them at the least; 1 024.
        coordinations;
    }

    /// How many probes can be asked at the same time; 10. Nothing else is limited so: waiting costs nothing.
    #[must_use]
    pub fn probes(mut self, probes: usize) -> Self {
        self.probes = probes.max(1);
        self
    }

    /// How many completions can wait for a thread in the middle of another call; 1 024, rounded up to a power of two. Who signals one
    /// more waits for that thread.
    #[must_use]
    pub fn completions(mut self, completions: usize) -> Self {
        self.completions = completions.clamp(1, 1 << 24);
        self
    }

    /// What timeouts and intervals are measured by.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// Measures in this registry: `dependency_resolution_time_ms` (from the registration of a dependency until it is met, which comes with a
    /// threshold of 1,000 ms for its average), `dependency_wake_ns` (from a ticket's outcome until who slept on it has it),
    /// `dependencies_pending`, `dependency_timeouts`, `probes_run`.
    ///
    /// # Errors
    ///
    /// Those of the registry: it is full, or has these names for something else.
    pub fn registry(mut self, registry: &metrics::Registry) -> Result<Self, MetricError> {
        self.figures.exported = Some(Exported::new(registry)?);
        Ok(self)
    }

    /// Tells here what happens; in the process's own by default.
    #[must_use]
    pub fn telemetry(mut self, telemetry: &Telemetry) -> Self {
        self.figures.telemetry = telemetry.clone();
        self
    }

    /// The set, which hears its hub's completions from now on. Allocates all it will need. A completion that is being signalled by
    /// another thread meanwhile may go by: build sets before the agents run.
    pub fn build(self) -> DependencySet {
        let slots: Arc<[Slot]> = (0..self.sizes.tickets).map(|_| Slot::new()).collect();
        let mut registry = Registry::new(&self.sizes, Arc::clone(&slots));
        let mut completions = None;
        if self.hub.is_some() {
            let (inbox, waiting) = signalled::completions(self.completions);
            (completions, registry.waiting) = (Some(inbox), Some(waiting));
        }
        registry.hub = self.hub.clone();
        registry.figures = self.figures.clone();
        let registry = Turns::answering(registry, Registry::catch_up);
        let (clock, bell, probes, figures) = (self.clock, OnceLock::new(), self.probes, self.figures);
        let shared = Arc::new(Shared { registry, slots, clock, bell, probes, figures, completions });
        if let Some(hub) = self.hub {
            let weak = Arc::downgrade(&shared);
            hub.listen(SignalKind::AGENT_COMPLETED.mask(), weak);
        }
        DependencySet { shared }
    }
}

impl fmt::Debug for DependencySetBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DependencySetBuilder")
            .field("sizes", &self.sizes)
            .field("hub", &self.hub)
            .finish_non_exhaustive()
    }
}
