//! Who waits.
//!
//! # Orderings
//!
//! | site | pairs with | without it |
//! |---|---|---|
//! | D1 `finish`: Release store of the outcome | D2 | who finds his ticket ready does not find what the others did before they made it so |
//! | D2 `is_over`: Acquire load of it | D1 | the same |
//!
//! Sleeping is the event's: the outcome is stored before the event is notified, and looked at after the sleep was announced.

use super::{DepError, DependencySet, Unmet};
use crate::Event;
use crate::sync::{AtomicU64, Counter, Deadline, Ordering};
use core::fmt;
use core::time::Duration;

const PENDING: u64 = 0;
pub(super) const READY: u64 = 1;
/// The registry has the error.
pub(super) const FAILED: u64 = 2;

/// What a ticket's holder looks at without a turn.
pub(super) struct Slot {
    outcome: AtomicU64,
    /// When it got that, if somebody wants to know. Ordered by it.
    over: Counter,
    event: Event,
}

impl Slot {
    pub(super) fn new() -> Self {
        Self { outcome: AtomicU64::new(PENDING), over: Counter::new(), event: Event::new() }
    }

    /// For the next holder, who gets it through the registry.
    pub(super) fn reset(&self) {
        self.outcome.store(PENDING, Ordering::Relaxed);
    }

    pub(super) fn finish(&self, outcome: u64, now: u64) {
        self.over.set(now);
        self.outcome.store(outcome, Ordering::Release); // D1, pairs with D2
        self.event.notify_all();
    }

    fn is_over(&self) -> Option<u64> {
        let outcome = self.outcome.load(Ordering::Acquire); // D2, pairs with D1
        (outcome != PENDING).then_some(outcome)
    }
}

/// How a ticket stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poll {
    /// Something is unmet.
    Pending,
    /// Everything was met.
    Ready,
    /// It will not be ready any more.
    Failed(DepError),
}

/// The right to be woken when all of some dependencies are met. Gives its place back when it is dropped.
///
/// Its outcome is final: a gate that falls afterwards changes nothing.
#[must_use = "dropping it cancels it"]
pub struct Ticket<'a> {
    set: &'a DependencySet,
    index: u32,
}

impl<'a> Ticket<'a> {
    pub(super) fn new(set: &'a DependencySet, index: u32) -> Self {
        Self { set, index }
    }

    fn slot(&self) -> &'a Slot {
        &self.set.shared.slots[self.index as usize]
    }

    fn outcome(&self) -> Option<Result<(), DepError>> {
        match self.slot().is_over()? {
            READY => Some(Ok(())),
            _ => Some(Err(self.set.shared.turn().error(self.index))),
        }
    }

    /// Whether all dependencies were met. Wait-free: one load. Leaves timeouts and probes to others.
    #[inline]
    pub fn is_ready(&self) -> bool {
        self.slot().is_over() == Some(READY)
    }

    /// How it stands, after what is due in the set was carried out.
    pub fn poll(&self) -> Poll {
        if self.slot().is_over().is_none() {
            self.set.advance();
        }
        match self.outcome() {
            None => Poll::Pending,
            Some(Ok(())) => Poll::Ready,
            Some(Err(error)) => Poll::Failed(error),
        }
    }

    /// Sleeps until all dependencies are met, one of them has failed, or `timeout` has elapsed. Carries out the timeouts and probes
    /// that become due in the meantime. Allocates nothing.
    ///
    /// # Errors
    ///
    /// [`Timeout`](DepError::Timeout), [`Failed`](DepError::Failed), [`ProbeFault`](DepError::ProbeFault),
    /// [`Cleared`](DepError::Cleared). After a timeout of the call's own, the ticket can be waited for again.
    pub fn wait_timeout(&self, timeout: Duration) -> Result<(), DepError> {
        let limit = Deadline::after(timeout);
        loop {
            if let Some(outcome) = self.outcome() {
                return outcome;
            }
            self.set.advance();
            if let Some(outcome) = self.outcome() {
                return outcome;
            }
            if limit.has_passed() {
                let dep = self.set.shared.turn().first_unmet(self.index);
                // None: it has got its outcome meanwhile.
                if let Some(dep) = dep {
                    return Err(DepError::Timeout { dep, after: timeout });
                }
                continue;
            }
            let due = self.set.shared.turn().due(self.index);
            let until_due = due.map(|due| Duration::from_nanos(due.saturating_sub(self.set.shared.now())));
            // On a clock that stands still, nothing becomes due by sleeping; but somebody may turn it.
            let nap = until_due.into_iter().chain(limit.remaining()).min().map(|nap| nap.max(SHORTEST));
            if self.slot().event.wait_until(nap, || self.slot().is_over().is_some()) {
                self.set.shared.figures.woken(self.slot().over.get());
            }
        }
    }

    /// Wakes who sleeps on this event too, once the ticket has its outcome; at once if it has it. For tickets that are polled in a
    /// worker's duty cycle, with [`Cycle::event`](crate::Cycle::event). The last event counts.
    pub fn also_wake(&self, event: &Event) {
        self.set.shared.turn().also_wake(self.index, event);
    }

    /// Writes what it still waits for, and what has failed or took too long, into `out`, in the order in which it was asked for, and
    /// gives the number: as many as there is room for. For finding out why a ticket is stuck, or was not met.
    pub fn explain(&self, out: &mut [Unmet]) -> usize {
        self.set.shared.turn().explain(self.index, out)
    }

    /// Gives up. Its pending dependencies can be registered again.
    pub fn cancel(self) {
        drop(self);
    }
}

/// No sleep is shorter: what is due then is not more than this late.
const SHORTEST: Duration = Duration::from_micros(50);

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.set.shared.turn().release(self.index);
    }
}

impl fmt::Debug for Ticket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("ready", &self.is_ready()).finish_non_exhaustive()
    }
}
