//! The workers' side of the load: latencies, counts and order.

use crate::message::Message;
use crate::{alloc, process, stats};
use hdrhistogram::Histogram;
use ringway::{Batch, Cycle, Handler};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// What was received.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// From the moment a message was due to its handling.
    pub(crate) due: Histogram<u64>,
    /// From the call of send to its handling.
    pub(crate) bus: Histogram<u64>,
    pub(crate) received: u64,
    /// Messages that were not the next of their agent.
    pub(crate) order_breaks: u64,
    /// Messages that arrived changed.
    pub(crate) damaged: u64,
}

impl Record {
    pub(crate) fn new() -> Self {
        Self { due: stats::histogram(), bus: stats::histogram(), received: 0, order_breaks: 0, damaged: 0 }
    }

    pub(crate) fn merged(records: &[Self]) -> Self {
        let mut all = Self::new();
        for record in records {
            all.due.add(&record.due).expect("same bounds");
            all.bus.add(&record.bus).expect("same bounds");
            all.received += record.received;
            all.order_breaks += record.order_breaks;
            all.damaged += record.damaged;
        }
        all
    }

    /// Notes a message that is handled now, and was to be the agent's `next`.
    #[inline]
    pub(crate) fn note<const WORDS: usize>(&mut self, message: &Message<WORDS>, now: u64, next: &mut [u32]) {
        self.due.saturating_record(now.saturating_sub(message.due).max(1));
        self.bus.saturating_record(now.saturating_sub(message.sent).max(1));
        self.received += 1;
        self.damaged += u64::from(!message.is_intact());
        match next.get_mut(message.agent as usize) {
            Some(next) => {
                self.order_breaks += u64::from(*next != message.sequence);
                *next = message.sequence.wrapping_add(1);
            }
            None => self.damaged += 1,
        }
    }
}

/// The handler of one worker.
pub(crate) struct Recorder {
    record: Record,
    next: Vec<u32>,
    results: Arc<Mutex<Vec<Record>>>,
    /// From here on allocations count.
    warm: Arc<AtomicU64>,
}

impl Recorder {
    pub(crate) fn new(agents: u32, results: Arc<Mutex<Vec<Record>>>, warm: Arc<AtomicU64>) -> Self {
        Self { record: Record::new(), next: vec![0; agents as usize], results, warm }
    }
}

impl<const WORDS: usize> Handler<Message<WORDS>> for Recorder {
    fn on_batch(&mut self, batch: &mut Batch<'_, Message<WORDS>>, _cx: &mut Cycle) {
        let (first, second) = batch.as_slices();
        for message in first.iter().chain(second) {
            // Each at its own moment: the last of a batch waits for those before it.
            self.record.note(message, process::now_ns(), &mut self.next);
        }
        batch.commit_all();
    }

    fn on_cycle_end(&mut self, _cx: &mut Cycle) {
        alloc::count_this_thread(process::now_ns() >= self.warm.load(Ordering::Relaxed));
    }

    fn on_stop(&mut self, _cx: &mut Cycle) {
        alloc::count_this_thread(false);
        let record = std::mem::replace(&mut self.record, Record::new());
        self.results.lock().expect("no worker panics while it holds this").push(record);
    }
}
