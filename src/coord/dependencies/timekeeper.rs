//! Timeouts and probes.

use super::Shared;
use crate::clock::Stamp;
use crate::sync::caught;
use crate::{Cycle, Duty, TimerId};
use core::fmt;
use core::time::Duration;
use std::sync::Arc;

/// Carries out what is due: probes before timeouts, so that one that is due at both is asked once more.
pub(super) fn advance(shared: &Shared) -> usize {
    let (now, mut done) = (shared.now(), 0);
    let mut turn = shared.turn();
    if turn.next_due() > now {
        return 0;
    }
    while let Some(asked) = turn.due_probe(now, shared.probes) {
        // A user's code: outside of the turn.
        drop(turn);
        let began = Stamp::now();
        let answer = caught(|| (asked.f)(&asked.cx));
        shared.figures.probed(began.elapsed_ns());
        turn = shared.turn();
        turn.answered(&asked, answer, now);
        done += 1;
    }
    done + turn.time_out(now)
}

/// Lets a worker carry out a set's timeouts and probes, by timers of that worker.
///
/// For sets whose tickets nobody sleeps on, or polls. Sleeps until something is due; a registration that is due earlier wakes it.
///
/// ```
/// use ringway::Worker;
/// use ringway::coord::dependencies::{Dep, DepId, DependencySet, On, ResourceId};
/// use ringway::ids::CoordId;
/// use std::time::Duration;
///
/// let set = DependencySet::standalone().build();
/// let worker = Worker::builder().duty(set.timekeeper()).start()?;
/// let never = Dep::new(DepId::new(1), On::Resource { id: ResourceId::new(1), min: 1.0 });
/// let ticket = set.resolve(CoordId::new(1), &never.timeout(Duration::from_millis(5)))?;
/// while set.pending(CoordId::new(1)) > 0 {
///     std::thread::sleep(Duration::from_millis(1)); // does not look at the ticket
/// }
/// assert!(!ticket.is_ready());
/// # worker.stop();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Timekeeper {
    shared: Arc<Shared>,
    armed: Option<(TimerId, u64)>,
}

impl Timekeeper {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self { shared: Arc::clone(shared), armed: None }
    }
}

impl Duty for Timekeeper {
    fn on_start(&mut self, cx: &mut Cycle) {
        // A second timekeeper is not woken by registrations; it looks now and then, as every worker does.
        let _ = self.shared.bell.set(cx.event().clone());
    }

    fn run(&mut self, cx: &mut Cycle) -> usize {
        let done = advance(&self.shared);
        let due = self.shared.turn().next_due();
        if self.armed.is_some_and(|(_, armed)| armed != due)
            && let Some((timer, _)) = self.armed.take()
        {
            cx.cancel(timer);
        }
        if self.armed.is_none() && due != u64::MAX {
            let left = Duration::from_nanos(due.saturating_sub(self.shared.now()));
            // Without a free timer the worker looks again when it wakes by itself.
            self.armed = cx.after(left).ok().map(|timer| (timer, due));
        }
        done
    }

    fn on_timer(&mut self, _timer: TimerId, cx: &mut Cycle) {
        self.armed = None;
        self.run(cx);
    }
}

impl fmt::Debug for Timekeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timekeeper").finish_non_exhaustive()
    }
}
