//! Single samples, on their way from whoever records to the thread that exports: one ring, over the oldest.
//!
//! Nothing is written unless an exporter takes samples. Who completes a batch wakes the thread, so that nobody else pays for
//! that.

use super::registry::SeriesId;
use crate::broadcast::lossy::{Lagged, Receiver, SharedSender};
use crate::clock::Stamp;
use crate::ids::CorrelationId;
use crate::sync::{AtomicU64, Counter, Ordering};
use crate::{BuildError, Builder, Event};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Series, time, value, correlation.
pub(super) type Words = [u64; 4];

struct Line {
    ring: SharedSender<Words>,
    receiver: Mutex<Receiver<Words>>,
    /// Samples so far. Relaxed: the event orders it before the look of who sleeps, and the ring orders what it counts.
    written: AtomicU64,
}

pub(super) struct Feed {
    on: Counter,
    /// From the first exporter that takes samples on.
    line: OnceLock<Line>,
    buffer: usize,
    batch: u64,
    /// What the exporting thread sleeps on, from its first start on.
    event: OnceLock<Event>,
}

impl Feed {
    pub(super) fn new(buffer: usize, batch: usize) -> Self {
        let (line, event) = (OnceLock::new(), OnceLock::new());
        Self { on: Counter::new(), line, buffer, batch: batch as u64, event }
    }

    /// A value was recorded.
    #[inline]
    pub(super) fn push(&self, series: SeriesId, value: u64, correlation: CorrelationId) {
        if self.on.get() != 0 {
            self.write(series, value, correlation);
        }
    }

    #[inline(never)]
    fn write(&self, series: SeriesId, value: u64, correlation: CorrelationId) {
        let Some(line) = self.line.get() else { return };
        // Nobody closes it.
        let _ = line.ring.send([series.0.into(), Stamp::now().to_bits(), value, correlation.get()]);
        let written = line.written.fetch_add(1, Ordering::Relaxed) + 1;
        if written.is_multiple_of(self.batch)
            && let Some(event) = self.event.get()
        {
            event.notify_all();
        }
    }

    /// Takes samples, or no more. Makes the ring, if there is none yet; called by one thread at a time.
    pub(super) fn take(&self, on: bool) -> Result<(), BuildError> {
        if on && self.line.get().is_none() {
            let (sender, receiver) = Builder::new(self.buffer).lossy()?;
            let (ring, receiver) = (sender.into_shared(), Mutex::new(receiver));
            let _ = self.line.set(Line { ring, receiver, written: AtomicU64::new(0) });
        }
        self.on.set(u64::from(on));
        Ok(())
    }

    pub(super) fn event(&self) -> &Event {
        self.event.get_or_init(Event::new)
    }

    /// How many batches were completed so far.
    pub(super) fn batches(&self) -> u64 {
        self.line.get().map_or(0, |line| line.written.load(Ordering::Relaxed) / self.batch)
    }

    /// Gives what was written before this call to `f`, the oldest first, and says how many were overwritten before that.
    pub(super) fn drain(&self, mut f: impl FnMut(Words)) -> u64 {
        let Some(line) = self.line.get() else { return 0 };
        let mut receiver = line.receiver.lock().unwrap_or_else(PoisonError::into_inner);
        let (end, mut lost) = (line.ring.stats().sent, 0);
        while receiver.position() < end {
            let left = usize::try_from(end - receiver.position()).unwrap_or(usize::MAX);
            match receiver.drain(left, &mut f) {
                Ok(0) => break,
                Ok(_) => {}
                Err(Lagged(n)) => lost += n,
            }
        }
        lost
    }
}
