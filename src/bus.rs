//! The bus: publishers, keyed inboxes, workers.
//!
//! Each worker has one inbox, a channel with many senders; a publisher holds one sender for each. A key names the
//! worker, so that the messages of one publisher and key are handled in the order in which they were sent.

mod builder;
mod publisher;
mod report;

pub use builder::BusBuilder;
pub use publisher::Publisher;
pub use report::Report;

use crate::error::Disconnected;
use crate::mpsc;
use crate::worker::{BuildWarning, WorkerHandle, WorkerId};
use core::fmt;
use core::time::Duration;
use std::time::Instant;

/// How long a shutdown waits, once its deadline has passed, for workers to notice that they are stopped. One that is
/// not inside a handler notices at once.
const NOTICE: Duration = Duration::from_millis(100);

/// Pinned workers, each with an inbox, and publishers that send to them by key.
///
/// ```
/// use ringway::{Batch, Bus, Cycle, Handler, Pin};
/// use std::time::Duration;
///
/// struct Book {
///     orders: u64,
/// }
/// impl Handler<u64> for Book {
///     fn on_batch(&mut self, batch: &mut Batch<'_, u64>, _cx: &mut Cycle) {
///         for _order in batch {
///             self.orders += 1;
///         }
///     }
/// }
///
/// let bus = Bus::<u64>::builder().workers(2).pin(Pin::spread()).spawn(|_worker| Book { orders: 0 })?;
/// let mut publisher = bus.publisher()?;
/// for order in 0..1000 {
///     let instrument = order % 7; // same key, same worker, in order
///     publisher.send(instrument, order)?;
/// }
/// let report = bus.shutdown(Duration::from_secs(5));
/// assert!(report.is_balanced());
/// assert_eq!(report.received, 1000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Bus<M: Send + 'static> {
    /// One for each inbox. They keep it open, and make publishers.
    senders: Vec<mpsc::Sender<M>>,
    workers: Vec<WorkerHandle>,
}

impl<M: Send + 'static> Bus<M> {
    /// A bus to be configured.
    pub fn builder() -> BusBuilder<M> {
        BusBuilder::new()
    }

    /// A new publisher. At any time; allocates. Further publishers can be cloned from it without the bus.
    ///
    /// # Errors
    ///
    /// When every worker has ended, which happens only after panics under
    /// [`PanicPolicy::Stop`](crate::PanicPolicy::Stop) or when handlers stopped their workers.
    pub fn publisher(&self) -> Result<Publisher<M>, Disconnected> {
        if self.senders.iter().all(|sender| sender.is_disconnected()) {
            return Err(Disconnected);
        }
        Ok(Publisher::new(self.senders.clone()))
    }

    /// The worker that handles the messages of `key`.
    pub fn worker_of(&self, key: u64) -> WorkerId {
        WorkerId::new(route(key, self.senders.len()) as u32)
    }

    /// The workers.
    pub fn workers(&self) -> &[WorkerHandle] {
        &self.workers
    }

    /// What the builder found questionable.
    pub fn warnings(&self) -> impl Iterator<Item = &BuildWarning> {
        self.workers.iter().flat_map(WorkerHandle::warnings)
    }

    /// What the bus has done so far: figures of a recent moment, which need not balance while messages are sent.
    pub fn report(&self) -> Report {
        Report::of(&self.senders, &self.workers)
    }

    /// Closes every inbox, lets the workers handle what was sent before, and accounts for every message.
    ///
    /// Publishers get their messages back as `Disconnected` from now on. Workers that have not finished when `deadline`
    /// has elapsed are stopped: they finish their batch and drop, and count, the rest. One that is still inside a
    /// handler 100 ms later is left behind, with what its inbox holds as `unsettled`.
    pub fn shutdown(mut self, deadline: Duration) -> Report {
        self.close_and_wait(deadline)
    }

    fn close_and_wait(&mut self, deadline: Duration) -> Report {
        let began = Instant::now();
        for sender in &self.senders {
            sender.close();
        }
        let wait_until = |limit: Duration| {
            self.workers.iter().all(|worker| worker.wait_timeout(limit.saturating_sub(began.elapsed())))
        };
        if !wait_until(deadline) {
            self.workers.iter().for_each(WorkerHandle::stop);
            wait_until(began.elapsed().saturating_add(NOTICE));
        }
        let report = self.report();
        // Those that have ended; the others go on by themselves until their handler returns.
        for worker in self.workers.drain(..).filter(WorkerHandle::is_finished) {
            worker.join();
        }
        report
    }
}

impl<M: Send + 'static> Drop for Bus<M> {
    /// As `shutdown(Duration::ZERO)`, unless it has been shut down.
    fn drop(&mut self) {
        if !self.workers.is_empty() {
            self.close_and_wait(Duration::ZERO);
        }
    }
}

impl<M: Send + 'static> fmt::Debug for Bus<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bus").field("workers", &self.workers.len()).finish_non_exhaustive()
    }
}

/// The inbox of a key: spreads keys that follow each other, and never changes while the bus lives.
#[inline(always)]
fn route(key: u64, inboxes: usize) -> usize {
    // Fibonacci hashing, then the high half scaled to the number of inboxes.
    let hash = key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    ((hash * inboxes as u64) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::route;

    #[test]
    fn neighbouring_keys_are_spread_evenly() {
        for inboxes in 1..=8 {
            let mut counts = [0; 8];
            (0..8000).for_each(|key| counts[route(key, inboxes)] += 1);
            assert!(counts[..inboxes].iter().all(|&n: &i32| n.abs_diff(8000 / inboxes as i32) < 100), "{counts:?}");
        }
        assert!(route(u64::MAX, 3) < 3);
    }
}
