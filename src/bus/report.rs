//! Where every message went.

use crate::mpsc;
use crate::worker::{WorkerHandle, WorkerReport};

/// What a bus has done, message by message.
///
/// `sent = received + dropped + unsettled`, unless something is lost: that is what
/// [`is_balanced`](Report::is_balanced) checks, with `sent` and `dropped` counted by the inboxes and `received` by the
/// workers.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// Messages that went into an inbox.
    pub sent: u64,
    /// Messages that a handler took or committed.
    pub received: u64,
    /// Messages that no handler took: dropped at the deadline, with a worker that stopped, or after a panic.
    pub dropped: u64,
    /// Slots that were claimed and not used.
    pub aborted: u64,
    /// Panics of handlers.
    pub faults: u64,
    /// Messages in inboxes whose worker had not ended, and slots of sends that had not returned.
    pub unsettled: u64,
    /// Sleeps that the 100 ms safety net ended; see [`Event::rescued_wakeups`](crate::Event::rescued_wakeups).
    pub rescued_wakeups: u64,
    /// Each worker's part.
    pub workers: Vec<WorkerReport>,
}

impl Report {
    pub(super) fn of<M>(senders: &[mpsc::Sender<M>], workers: &[WorkerHandle]) -> Self {
        let mut report = Self { workers: workers.iter().map(WorkerHandle::report).collect(), ..Self::default() };
        for worker in &report.workers {
            report.received += worker.received;
            report.faults += worker.faults;
        }
        for sender in senders {
            let stats = sender.stats();
            report.sent += stats.sent;
            report.dropped += stats.dropped;
            report.aborted += stats.aborted;
            report.unsettled += stats.in_flight();
            report.rescued_wakeups += stats.rescued_wakeups;
        }
        report
    }

    /// Whether every message that was sent was received or dropped, and none is under way.
    pub fn is_balanced(&self) -> bool {
        self.unsettled == 0 && self.sent == self.received + self.dropped
    }
}
