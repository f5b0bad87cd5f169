//! A receiver and its handler, as a duty.

use super::run::Task;
use super::{Cycle, Duty, Handler, TimerId};
use crate::channel::Source;
use crate::metrics::{Residence, clock};
use crate::wait::Event;
use core::time::Duration;
use std::time::Instant;

/// How often a message is asked how long it has waited.
const SAMPLE_EVERY: Duration = Duration::from_micros(100);

pub(crate) struct InboxDuty<S, H> {
    source: S,
    handler: H,
    /// Messages taken when the handler was last called.
    before: u64,
    /// None when percentiles are off.
    residence: Option<Residence>,
    sampled: Option<Instant>,
}

impl<S: Source, H: Handler<S::Item>> InboxDuty<S, H> {
    pub(crate) fn new(source: S, handler: H) -> Self {
        let before = source.taken();
        Self { source, handler, before, residence: None, sampled: None }
    }

    fn sample(&mut self, now: Instant) {
        if self.sampled.is_none_or(|last| now.saturating_duration_since(last) >= SAMPLE_EVERY) {
            self.sampled = Some(now);
            self.source.arm_probe();
        }
    }
}

impl<S, H> Duty for InboxDuty<S, H>
where
    S: Source + Send,
    H: Handler<S::Item>,
{
    #[inline]
    fn run(&mut self, cx: &mut Cycle) -> usize {
        self.before = self.source.taken();
        // A clock reading is as dear as a message: only while a sample is on its way.
        let began = self.source.is_marked().then(clock::now);
        match self.source.try_batch(cx.batch()) {
            Ok(mut batch) => self.handler.on_batch(&mut batch, cx),
            Err(_) => return 0,
        }
        if let Some(residence) = &mut self.residence {
            if let (Some(began), Some(sent)) = (began, began.and_then(|_| self.source.take_mark())) {
                residence.record(clock::between(sent, began));
            }
            self.sample(cx.now());
        }
        self.source.taken().wrapping_sub(self.before) as usize
    }

    fn on_start(&mut self, cx: &mut Cycle) {
        self.handler.on_start(cx);
    }

    fn on_timer(&mut self, timer: TimerId, cx: &mut Cycle) {
        self.handler.on_timer(timer, cx);
    }

    fn on_cycle_end(&mut self, cx: &mut Cycle) {
        self.handler.on_cycle_end(cx);
    }

    fn on_idle(&mut self, cx: &mut Cycle) {
        self.handler.on_idle(cx);
    }

    fn on_stop(&mut self, cx: &mut Cycle) {
        self.handler.on_stop(cx);
    }
}

impl<S, H> Task for InboxDuty<S, H>
where
    S: Source + Send,
    H: Handler<S::Item>,
{
    fn event(&self) -> Option<Event> {
        Some(self.source.event())
    }

    fn move_event(&mut self, event: &Event) -> bool {
        self.source.move_event(event)
    }

    fn keep_percentiles(&mut self) {
        self.residence = Some(Residence::new());
    }

    fn residence(&self) -> Option<&Residence> {
        self.residence.as_ref()
    }

    fn recover(&mut self) -> usize {
        let taken = self.source.taken().wrapping_sub(self.before) as usize;
        if taken == 0 {
            // Nothing was taken, so it was the first message that the handler could not bear.
            self.source.discard();
        }
        taken
    }

    fn has_ended(&mut self) -> bool {
        self.source.has_ended()
    }

    fn has_messages(&mut self) -> bool {
        self.source.has_messages()
    }

    fn close(&mut self) {
        self.source.close();
    }
}
