//! Decisions that were made, the newest first.
//!
//! Any thread writes: it takes the next number, and fills the place of that number. Nobody waits. `broadcast::lossy` does the same
//! for senders that are handles; a set of routers is shared, and has none.
//!
//! # Invariants
//!
//! * **Y1** Each number is taken once. A record holds its own number, so a place that is not filled yet, or was filled again, is
//!   noticed, whatever is seen of `next`.
//! * **Y2** Records are read whole. A place that another thread is writing to is left to it: a writer that was overtaken by all
//!   the others, a lap at least, costs one record.

use super::types::{Route, RouteRecord, RouteRequest};
use super::words::Words;
use crate::ids::{CorrelationId, TaskId};
use crate::slot::TwoCopy;
use crate::sync::{AtomicU64, Ordering, guard};
use crossbeam_utils::CachePadded;

pub(super) struct History {
    next: CachePadded<AtomicU64>,
    /// What is older was cleared.
    cleared: AtomicU64,
    records: Box<[TwoCopy<[u64; 5]>]>,
    /// How many are kept: at most as many as there are places.
    limit: u64,
}

impl History {
    pub(super) fn new(limit: usize) -> Self {
        let places = if limit == 0 { 0 } else { limit.next_power_of_two() };
        Self {
            next: CachePadded::new(AtomicU64::new(0)),
            cleared: AtomicU64::new(0),
            records: (0..places).map(|_| TwoCopy::new([0; 5])).collect(),
            limit: limit as u64,
        }
    }

    fn place(&self, number: u64) -> Option<&TwoCopy<[u64; 5]>> {
        self.records.get(number as usize & self.records.len().wrapping_sub(1))
    }

    #[inline]
    pub(super) fn push(&self, request: &RouteRequest, [first, second]: Words) {
        if self.records.is_empty() {
            return;
        }
        // Relaxed: Y1.
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if let Some(place) = self.place(number) {
            let task = u64::from(request.task.get());
            let _refused = place.try_write([number + 1, task, request.correlation.get(), first, second]); // Y2
        }
    }

    /// The newest, at most `limit`, into `out`.
    pub(super) fn read(&self, task: Option<TaskId>, limit: usize, out: &mut [RouteRecord]) -> usize {
        // Relaxed: Y1.
        let (next, cleared) = (self.next.load(Ordering::Relaxed), self.cleared.load(Ordering::Relaxed));
        let oldest = cleared.max(next.saturating_sub(self.limit));
        let records = (oldest..next).rev().filter_map(|number| self.record(number));
        let wanted = records.filter(|record| task.is_none_or(|task| record.task == task));
        wanted.take(limit).zip(out).map(|(record, out)| *out = record).count()
    }

    fn record(&self, number: u64) -> Option<RouteRecord> {
        let [of, task, correlation, first, second] = self.place(number)?.read();
        if of != number + 1 && guard("a record of another number is left out") {
            return None;
        }
        Some(RouteRecord {
            sequence: number,
            task: TaskId::new(task as u32),
            correlation: CorrelationId::new(correlation),
            route: Route::from_words([first, second]),
        })
    }

    pub(super) fn clear(&self) {
        self.cleared.fetch_max(self.next.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}
