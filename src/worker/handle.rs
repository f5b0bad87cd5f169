//! A running worker, seen from outside.

use super::WorkerId;
use crate::measure::Percentiles;
use crate::sync::{Arc, AtomicBool, Counter, JoinHandle, Ordering};
use crate::wait::Event;
use core::fmt;
use core::time::Duration;
use std::sync::OnceLock;
use std::time::Instant;

/// What a worker writes for others to read. One writer: the worker.
pub(super) struct Board {
    pub(super) received: Counter,
    pub(super) cycles: Counter,
    pub(super) parks: Counter,
    pub(super) faults: Counter,
    pub(super) busy_ns: Counter,
    /// How long the worker lived; 0 while it does.
    pub(super) lived_ns: Counter,
    pub(super) started: Instant,
    pub(super) residence: OnceLock<Percentiles>,
    /// End after this cycle.
    pub(super) stop: AtomicBool,
    /// Close the inboxes, drain them, then end.
    close: AtomicBool,
    ended: AtomicBool,
    ending: Event,
}

impl Board {
    pub(super) fn new() -> Self {
        Self {
            received: Counter::new(),
            cycles: Counter::new(),
            parks: Counter::new(),
            faults: Counter::new(),
            busy_ns: Counter::new(),
            lived_ns: Counter::new(),
            started: Instant::now(),
            residence: OnceLock::new(),
            stop: AtomicBool::new(false),
            close: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            ending: Event::new(),
        }
    }

    fn ask_to_close(&self) {
        // Release: pairs with the Acquire in `is_asked_to_close`: what was sent before is found by the worker.
        self.close.store(true, Ordering::Release);
    }

    pub(super) fn is_asked_to_close(&self) -> bool {
        // Acquire: pairs with the Release in `ask_to_close`. A worker that was awake has nothing else to learn it by.
        self.close.load(Ordering::Acquire)
    }

    pub(super) fn end(&self) {
        // Release: pairs with the Acquire in `has_ended`: the last figures are seen by who sees the end.
        self.ended.store(true, Ordering::Release);
        self.ending.notify_all();
    }

    fn has_ended(&self) -> bool {
        // Acquire: pairs with the Release in `end`.
        self.ended.load(Ordering::Acquire)
    }
}

/// Something a builder found questionable but not wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildWarning {
    /// More threads of this crate's workers spin while they wait than there are cores to spin on. A quota of the system's
    /// (that of a container, on Linux) counts as so many cores.
    MoreSpinnersThanCores {
        /// Spinning workers, this one included.
        spinners: usize,
        /// Cores that this process may use at the same time.
        cores: usize,
    },
    /// A worker was to be placed on some core, and runs unpinned.
    NotPinned {
        /// The worker.
        worker: WorkerId,
    },
}

impl fmt::Display for BuildWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MoreSpinnersThanCores { spinners, cores } => {
                write!(f, "{spinners} workers spin while they wait, but there are only {cores} cores to spin on")
            }
            Self::NotPinned { worker } => write!(f, "{worker} runs unpinned: the system did not pin it"),
        }
    }
}

/// What a worker has done.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct WorkerReport {
    /// Which worker.
    pub id: WorkerId,
    /// The core it is pinned to, if it is.
    pub core: Option<usize>,
    /// Messages its handlers took or committed.
    pub received: u64,
    /// Turns of the duty cycle, idle ones included.
    pub cycles: u64,
    /// How often it went to sleep.
    pub parks: u64,
    /// Panics of its handlers and duties.
    pub faults: u64,
    /// The share of its life that it spent in cycles which did something, 0 to 1.
    pub utilization: f64,
    /// How long messages waited in its inboxes, from before their publication to the call of the handler: one is
    /// asked every 100 us. Known once the worker has ended; `None` before, or when percentiles are off.
    pub residence: Option<Percentiles>,
}

/// A running worker. Dropping the handle leaves the worker running until its inboxes are closed and drained.
pub struct WorkerHandle {
    pub(super) id: WorkerId,
    pub(super) core: Option<usize>,
    pub(super) board: Arc<Board>,
    pub(super) event: Event,
    pub(super) warnings: Vec<BuildWarning>,
    pub(super) thread: JoinHandle<()>,
}

impl WorkerHandle {
    /// Which worker this is.
    pub fn id(&self) -> WorkerId {
        self.id
    }

    /// The core it is pinned to, if it is.
    pub fn core(&self) -> Option<usize> {
        self.core
    }

    /// What the builder found questionable.
    pub fn warnings(&self) -> &[BuildWarning] {
        &self.warnings
    }

    /// What it has done so far. Figures of a running worker are those of a recent cycle.
    pub fn report(&self) -> WorkerReport {
        let board = &self.board;
        let lived = match board.lived_ns.get() {
            0 => u64::try_from(board.started.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1),
            lived => lived,
        };
        WorkerReport {
            id: self.id,
            core: self.core,
            received: board.received.get(),
            cycles: board.cycles.get(),
            parks: board.parks.get(),
            faults: board.faults.get(),
            utilization: (board.busy_ns.get() as f64 / lived as f64).min(1.0),
            residence: board.residence.get().copied(),
        }
    }

    /// Closes its inboxes: senders fail from now on, the worker handles what was sent before and ends. A worker whose
    /// duties are no inboxes ends after its cycle. Does not wait.
    pub fn close(&self) {
        self.board.ask_to_close();
        self.event.notify_all();
    }

    /// Ends it after its cycle. What is left in its inboxes is dropped, and counted so; in a [pool](super::Worker::pool) the
    /// other workers take it over. Does not wait.
    pub fn stop(&self) {
        self.board.stop.store(true, Ordering::Relaxed);
        self.event.notify_all();
    }

    /// Whether it has ended. Its figures are final then.
    pub fn is_finished(&self) -> bool {
        self.board.has_ended()
    }

    /// Waits until it has ended, for `timeout` at the longest; false if it has not.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        self.board.ending.wait_until(Some(timeout), || self.board.has_ended())
    }

    /// Waits until it has ended: once its inboxes are closed and drained, or it was stopped.
    pub fn join(self) -> WorkerReport {
        self.board.ending.wait_until(None, || self.board.has_ended());
        let report = self.report();
        // User code's panics were caught; a panic of the thread itself would be a bug of ours.
        if let Err(panic) = self.thread.join() {
            std::panic::resume_unwind(panic);
        }
        report
    }
}

impl fmt::Debug for WorkerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerHandle").field("id", &self.id).field("core", &self.core).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::model::{model, thread};

    /// A worker that is awake, and learns by the flag alone that it is closed, finds what was sent before.
    #[test]
    fn who_is_asked_to_close_finds_what_was_sent_before() {
        model("asked to close", 2, || {
            let (mut tx, rx) = crate::broadcast::channel::<u32>(1);
            let board = Arc::new(Board::new());
            let closer = thread::spawn({
                let board = Arc::clone(&board);
                move || {
                    tx.try_send(1).unwrap();
                    board.ask_to_close();
                    tx
                }
            });
            if board.is_asked_to_close() {
                assert_eq!(rx.len(), 1);
            }
            drop(closer.join());
        });
    }
}
